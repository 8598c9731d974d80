"""The data of the pretrained recipe: what is kept, why the rest is not, and that it is the same
everywhere."""

from __future__ import annotations

import errno
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.pretrained import data
from benchmarks.pretrained.data import BARE, HUMANEVAL, MBPP_HELD_OUT, MBPP_TRAIN, REPORT, prepare

from sparring.errors import ConfigError, DataError
from sparring.schema import Task, Test
from sparring.tasks.load import read_task_files
from tests.shared import shared

TOPICS = ("apples", "boats", "clouds", "drums", "eagles", "forks")
"""Words that keep the statements apart."""


def row(name: str, statement: str, body: str, *tests: str) -> dict[str, Any]:
    """A row in HumanEval's columns: f(n) with this docstring, this body and these assertions."""
    docstring = statement.replace("\n", "\n    ")
    checks = "".join(f"    assert {test}\n" for test in tests)
    return {
        "task_id": name,
        "prompt": f'def f(n):\n    """{docstring}\n    """\n',
        "entry_point": "f",
        "canonical_solution": f"    {body}\n",
        "test": f"def check(candidate):\n{checks}",
    }


def good(name: str, number: int, example: str = "") -> dict[str, Any]:
    statement = f"Return the number of {TOPICS[number]} that n {TOPICS[number]} and {number} make."
    tests = (f"f({i}) == {i + number + 1}" for i in range(4))
    return row(name, statement + example, f"return n + {number + 1}", *tests)


MBPP = [
    *(good(f"m{i}", i) for i in range(4)),
    row("wrong", "Return n squared.", "return n * n", "f(2) == 5", "f(3) == 10"),
    row("idle", "Return n, as it is.", "return n", "f(2) == 2", "f(3) == 3"),
    {
        **row("slow", "Take your time.", "return sum(1 for _ in range(n))", "f(10**6) == 10**6"),
        "test_time_limit": 0.02,
    },
]
LEAK = "Return the number of drums that n drums and 3 make."
HUMANEVAL_ROWS = [
    good("h4", 4, "\n>>> f(1)\n5"),
    row("leak", LEAK, "return n + 30", "f(1) == 31", "f(2) == 32"),
    good("h5", 5, "\nf(1) == 6"),
    row("fib", "f(0) == 0\nf(n) == f(n - 1) + 1\nCount.", "return n + 7", "f(1) == 8"),
    {
        **row(
            "twice",
            "Return minus n, always.",
            "return -n",
            "f(1) == -1",
            "f(2) == -2",
            "f(1) == -1",
        ),
        "test_time_limit": 0.5,
    },
]


@pytest.fixture
def sources(tmp_path: Path) -> tuple[Path, Path]:
    mbpp, humaneval = tmp_path / "mbpp.jsonl", tmp_path / "HumanEval.jsonl.gz"
    mbpp.write_text("".join(json.dumps(r) + "\n" for r in MBPP))
    humaneval.write_bytes(
        gzip.compress("".join(json.dumps(r) + "\n" for r in HUMANEVAL_ROWS).encode())
    )
    return mbpp, humaneval


def ids(path: Path) -> list[str]:
    return [t.id for t in read_task_files([path])]


def test_what_is_kept_and_why_the_rest_is_not(
    sources: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data"
    prepare(*sources, out, held_out=2)
    report = json.loads((out / REPORT).read_text())
    every = sorted([*ids(out / MBPP_TRAIN), *ids(out / MBPP_HELD_OUT)])
    assert every == ["m0", "m1", "m2", "m3", "slow"]  # the limit of an audit is no limit here
    assert len(ids(out / MBPP_HELD_OUT)) == 2
    assert len(ids(out / HUMANEVAL)) == 2
    assert set(ids(out / HUMANEVAL)) < {"h4", "h5", "twice"}
    assert ids(out / BARE) == ids(out / HUMANEVAL)
    assert report["left_out"] == [
        {"set": "MBPP", "where": "wrong, solution 0", "reason": "solution fails"},
        {"set": "MBPP", "where": "wrong", "reason": "nothing sound is left"},
        {"set": "MBPP", "where": "idle", "reason": "vacuous"},
        {"set": "MBPP", "where": "idle", "reason": "nothing sound is left"},
        {"set": "HumanEval", "where": "twice, test 2", "reason": "duplicate"},
        {"set": "HumanEval", "where": "leak", "reason": "100% of 8-grams in common with m3"},
        {"set": "HumanEval", "where": "fib", "reason": "its statement needs the call f(n - 1)"},
    ]
    by_id = {t.id: t for t in read_task_files([out / HUMANEVAL])}
    for bare in read_task_files([out / BARE]):
        assert "f(1)" not in bare.statement
        assert bare.tests == by_id[bare.id].tests
        assert ("f(1)" in by_id[bare.id].statement) == (bare.id != "twice")
        assert bare.time_limit == (0.5 if bare.id == "twice" else 3.0)
    assert f"{out / MBPP_TRAIN}: 3 tasks" in capsys.readouterr().out


def test_tasks_that_teach_nothing_are_left_out_whatever_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = tmp_path / "rates.jsonl"
    shares = {"none": 0.0, "all": 1.0, "few": 0.125, "most": 0.875}
    rates.write_text(
        "".join(json.dumps({"task_id": i, "pass_rate": s}) + "\n" for i, s in shares.items())
    )
    monkeypatch.setattr(data, "RATES", rates)
    tasks = [Task(i, "…", (Test("1", "1"),)) for i in ("unknown", *shares)]
    made = data.PretrainedData()
    assert [t.id for t in data.teaching(tasks, made)] == ["unknown", "few", "most"]
    assert [(one.where, one.reason) for one in made.left_out] == [
        ("none", "none of the programs of an earlier run were right"),
        ("all", "all of the programs of an earlier run were right"),
    ]
    assert made.counts == {"MBPP_teaching": 3}


def test_held_out_tasks_are_drawn_before_others_are_left_out(
    sources: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = tmp_path / "rates.jsonl"
    shares = {"m0": 0.0, "m1": 1.0, "m2": 0.125, "slow": 0.875}  # m3: not known
    rows = ({"task_id": name, "pass_rate": share} for name, share in shares.items())
    rates.write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setattr(data, "RATES", rates)
    prepare(*sources, tmp_path / "data", held_out=2)
    held_out = ids(tmp_path / "data" / MBPP_HELD_OUT)  # drawn before, whatever their shares
    kept = [name for name in ("m2", "m3", "slow") if name not in held_out]
    assert ids(tmp_path / "data" / MBPP_TRAIN) == kept
    report = json.loads((tmp_path / "data" / REPORT).read_text())
    reasons = {e["where"]: e["reason"] for e in report["left_out"] if "earlier run" in e["reason"]}
    words = {"m0": "none", "m1": "all"}
    assert reasons == {
        name: f"{word} of the programs of an earlier run were right"
        for name, word in words.items()
        if name not in held_out
    }
    assert report["counts"]["MBPP_teaching"] == len(kept)


def test_data_that_is_there_is_used_and_other_data_are_left_alone(
    sources: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "data"
    prepare(*sources, out, held_out=2)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    made: list[int] = []
    real = data.make

    def counted(*arguments: Any) -> Any:
        made.append(1)
        return real(*arguments)

    monkeypatch.setattr(data, "make", counted)
    prepare(*sources, out, held_out=2)
    assert made == []
    changes: list[Callable[[], object]] = [
        lambda: (out / BARE).write_text("{}"),
        (out / MBPP_TRAIN).unlink,
        lambda: (out / REPORT).write_text("[]"),
    ]
    for change in changes:
        change()
        changed = {p.name: p.read_bytes() for p in out.iterdir()}
        with pytest.raises(ConfigError, match=r"but not the whole data .* move these files away"):
            prepare(*sources, out, held_out=2)
        assert made == []
        assert {p.name: p.read_bytes() for p in out.iterdir()} == changed
    for name in data.NAMES:
        (out / name).unlink(missing_ok=True)
    (out / "notes.txt").write_text("mine")
    prepare(*sources, out, held_out=2)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {**before, "notes.txt": b"mine"}


def test_a_user_file_with_a_name_of_the_data_is_kept(
    sources: tuple[Path, Path], tmp_path: Path
) -> None:
    mbpp, humaneval = sources
    mine = tmp_path / HUMANEVAL
    mine.write_bytes(gzip.decompress(humaneval.read_bytes()))
    before = mine.read_bytes()
    with pytest.raises(ConfigError, match=r"has humaneval\.jsonl, but not the whole data"):
        prepare(mbpp, mine, tmp_path, held_out=2)
    assert mine.read_bytes() == before


def test_data_are_whole_or_not_there(
    sources: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, out = data.dump_tasks, tmp_path / "data"

    def full(tasks: Any, path: Path) -> None:
        if path.name == BARE:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(tasks, path)

    monkeypatch.setattr(data, "dump_tasks", full)
    with pytest.raises(ConfigError, match=r"data: cannot be written: No space left"):
        prepare(*sources, out, held_out=2)
    assert list(out.iterdir()) == []


def test_each_set_given_as_the_other_is_refused(sources: tuple[Path, Path], tmp_path: Path) -> None:
    files = {}
    for name in ("HumanEval", "MbppEval"):
        rows = [{**good("", i), "task_id": f"{name}/{i}"} for i in range(4)]
        files[name] = tmp_path / f"{name}.jsonl"
        files[name].write_text("".join(json.dumps(r) + "\n" for r in rows))
    with pytest.raises(DataError, match=r"holds HumanEval, but is given as MBPP"):
        prepare(files["HumanEval"], files["MbppEval"], tmp_path / "data")
    with pytest.raises(DataError, match=r"holds MBPP, but is given as HumanEval"):
        prepare(sources[0], files["MbppEval"], tmp_path / "data")


def test_too_few_tasks_are_named(sources: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^MBPP: 5 of its tasks are sound, but 5 are held out"):
        prepare(*sources, tmp_path / "data", held_out=5)
    with pytest.raises(DataError, match=r"^HumanEval: 3 of its tasks can be used, but 4"):
        prepare(*sources, tmp_path / "data", held_out=4)
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_the_real_mbpp_gives_the_split_on_record(tmp_path: Path) -> None:
    tasks = read_task_files([shared("data/mbpp_sanitized_first213.jsonl.gz")])
    found = data.PretrainedData()
    sound = data.sound("MBPP", tasks, found)
    assert (len(tasks), len(sound)) == (213, 211)
    split = data.split_tasks(sound, data.HELD_OUT, data.SEED)
    for part, name in ((split.train, MBPP_TRAIN), (split.held_out, MBPP_HELD_OUT)):
        path = tmp_path / "part.jsonl"
        path.unlink(missing_ok=True)
        data.dump_tasks(part, path)
        assert data.checksum(path) == data.ON_RECORD[name]
