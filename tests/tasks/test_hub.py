"""Sets of the hub, through the real library on local files; every way to fail is one line.

The hub itself is never asked: a server on this machine speaks as much of its protocol as the
library uses, and what else it might answer is raised in its place.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import ConfigError, DataError
from sparring.tasks.collect import RowSelection, collect
from sparring.tasks.load import read_task_files
from sparring.tasks.rows.files import RawRow
from sparring.tasks.rows.hub import HubSource, hub_rows
from sparring.tasks.rows.registry import KNOWN, LIVECODEBENCH, registered_set, release_files
from tests.tasks.fake_hub import serving
from tests.tasks.test_collect import CURE
from tests.tasks.test_livecodebench import STDIN
from tests.tasks.test_livecodebench import row as lcb


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`datasets`, offline, with a cache of its own."""
    datasets = pytest.importorskip("datasets", reason="the library datasets is not installed")
    import huggingface_hub

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return datasets


def error_text(source: HubSource) -> str:
    with pytest.raises(DataError) as caught:
        list(hub_rows(source))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_directory_of_a_cure_set(library: Any, tmp_path: Path, streaming: bool) -> None:
    folder = tmp_path / "set" / "test"
    folder.mkdir(parents=True)
    (folder / "CodeContests.json").write_text(json.dumps([CURE, {**CURE, "task_id": 8}]))
    source = HubSource(str(folder.parent), "test", streaming=streaming)
    collected = collect([hub_rows(source)], RowSelection())
    assert [(t.id, t.time_limit, len(t.tests)) for t in collected.tasks] == [
        ("7", 2, 2),
        ("8", 2, 2),
    ]
    assert dict(collected.left_out) == {"rating": 2}
    assert collected.tasks[0].source == f"{folder.parent}:test, row 1"


@pytest.mark.parametrize("streaming", [False, True])
def test_the_files_of_a_livecodebench_release_in_order(
    library: Any, tmp_path: Path, streaming: bool
) -> None:
    for i, name in enumerate(release_files("release_v2")):
        rows = [lcb(question_id=f"f{i}"), lcb(**STDIN, question_id=f"s{i}")]
        (tmp_path / name).write_text("".join(json.dumps(r) + "\n" for r in rows))
    source = HubSource(
        str(tmp_path), "test", streaming=streaming, files=release_files("release_v2")
    )
    collected = collect([hub_rows(source)], RowSelection())
    assert [(t.id, t.entry_point) for t in collected.tasks] == [
        ("f0", "Solution.addAll"), ("s0", None), ("f1", "Solution.addAll"), ("s1", None),
    ]  # fmt: skip


def test_no_more_rows_are_read_from_a_stream_than_are_wanted(library: Any, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"a": 1}) + "\n")
    # A second file that is broken is never opened.
    (tmp_path / "b.jsonl").write_text("{")
    source = HubSource(str(tmp_path), "test", streaming=True, files=("a.jsonl", "b.jsonl"))
    first = next(iter(hub_rows(source)))
    assert isinstance(first, RawRow)
    assert first.row == {"a": 1}
    assert "cannot be read" in error_text(source)


def test_what_is_not_there_is_said(library: Any, tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(json.dumps(CURE) + "\n")
    here = str(tmp_path)
    assert "has no such split" in error_text(HubSource(here, "train"))
    assert "give --config" in error_text(HubSource(here, "test", config="hard"))
    assert "none.jsonl" in error_text(HubSource(here, "test", files=("none.jsonl",)))
    (tmp_path / "nothing").mkdir()
    assert "nothing" in error_text(HubSource(str(tmp_path / "nothing"), "test"))


def test_a_hub_out_of_reach(library: Any) -> None:
    text = error_text(HubSource("Gen-Verse/CodeContests", "test"))
    assert text.startswith("Gen-Verse/CodeContests: the hub cannot be reached")
    assert "name its files" in text
    text = error_text(
        HubSource(LIVECODEBENCH.hub_id, "test", streaming=True, files=("test.jsonl",))
    )
    assert "the hub cannot be reached" in text


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Dataset 'a/b' is a gated dataset on the Hub.", "is gated: its owners"),
        (
            "Dataset 'a/b' doesn't exist on the Hub",
            "is not on the hub, or not open to this account",
        ),
    ],
)
def test_what_the_hub_may_answer(
    library: Any, monkeypatch: pytest.MonkeyPatch, answer: str, expected: str
) -> None:
    def load_dataset(*_: Any, **__: Any) -> None:
        raise library.exceptions.DatasetNotFoundError(answer)

    monkeypatch.setattr(library, "load_dataset", load_dataset)
    assert expected in error_text(HubSource("a/b", "test"))


def test_a_set_that_is_a_program_is_not_run(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(*_: Any, **__: Any) -> None:
        raise RuntimeError("Dataset scripts are no longer supported, but found b.py")

    monkeypatch.setattr(library, "load_dataset", load_dataset)
    assert "and is not run; name its files" in error_text(HubSource("a/b", "test"))


@pytest.mark.parametrize("name", ["datasets", "httpx2"])
def test_without_a_library(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    assert "pip install 'sparring[hub]'" in error_text(HubSource("a/b", "test"))


@pytest.mark.slow
def test_sets_by_their_names_over_the_hub_s_protocol(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="the library datasets is not installed")
    card = b"---\nlicense: mit\n---\n"
    rows = [lcb(question_id="f"), lcb(**STDIN, question_id="s")]
    first, second = (
        b"".join(
            json.dumps({**r, "question_id": r["question_id"] + n}).encode() + b"\n" for r in rows
        )
        for n in "12"
    )
    sets = {
        "Gen-Verse/CodeContests": {
            "README.md": card,
            "test/CodeContests.json": json.dumps([CURE]).encode(),
        },
        LIVECODEBENCH.hub_id: {
            "README.md": card,
            "code_generation_lite.py": b"raise SystemExit('was run')",
            "test.jsonl": first,
            "test2.jsonl": second,
        },
    }
    with serving(sets) as hub:

        def load(name: str, *arguments: str) -> tuple[list[str], str]:
            out = tmp_path / "out.jsonl"
            out.unlink(missing_ok=True)
            process = subprocess.run(
                [sys.executable, "-m", "sparring.cli", "tasks", "load", name, *arguments,
                 "--out", str(out)],
                env={**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hf")},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert "Traceback" not in process.stderr
            return [t.id for t in read_task_files([out])] if out.exists() else [], process.stderr

        assert load("CodeContests")[0] == ["7"]
        assert load("CodeContests", "--streaming")[0] == ["7"]
        assert load("LiveCodeBench-lite", "--release", "release_v2")[0] == ["f1", "s1", "f2", "s2"]
        assert load("LiveCodeBench-lite", "--release", "v2")[0] == ["f2", "s2"]
        assert load("LiveCodeBench-lite", "--release", "v1", "--no-streaming")[0] == ["f1", "s1"]
        assert "test3.jsonl" in load("LiveCodeBench-lite")[1]
        assert "has no such split" in load("CodeContests", "--split", "train")[1]
        assert "is gated" in load("gated/set", "--split", "test")[1]
        assert "is not on the hub" in load("no/body", "--split", "test")[1]
        assert not any(p.endswith("code_generation_lite.py") for p in hub.asked)


def test_sets_by_name_and_by_id() -> None:
    for one in KNOWN:
        for name in (one.name, one.hub_id, one.name.lower()):
            assert registered_set(name) == one
    assert registered_set("MBPP-ReasonFlux") == registered_set("MBPP")
    assert registered_set("someone/else") is None
    for name in ("deepmind/code_contests", "code_contests", "DeepMind-CodeContests"):
        assert (registered_set(name) or KNOWN[0]).hub_id == "deepmind/code_contests"
    apps = registered_set("codeparrot/apps")
    assert apps is not None
    assert (apps.files_of(None), apps.files_of("test")) == (("train.jsonl",), ("test.jsonl",))
    with pytest.raises(ConfigError, match=r"did you mean CodeContests\?"):
        registered_set("CodeContest")


def test_releases_of_livecodebench() -> None:
    assert release_files("release_v3") == ("test.jsonl", "test2.jsonl", "test3.jsonl")
    assert release_files("v3") == ("test3.jsonl",)
    assert release_files("v1") == ("test.jsonl",)
    assert release_files(None) == release_files("release_v6")
    with pytest.raises(ConfigError, match="release_v1 to release_v6"):
        release_files("release_v9")
