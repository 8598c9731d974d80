"""`sparring eval --export`: our programs in the shapes of others, and graded again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import ConfigError
from sparring.evaluation.export import ExportShape, export, parse_export
from sparring.runs.directory import RunDir
from sparring.tasks.load import read_task_files
from tests.evaluation.eval_command import run, usual
from tests.fake_openai import PROGRAM, TEST, FakeOpenAI, whole

pytestmark = pytest.mark.usefixtures("shared_workers")


@pytest.fixture
def evaluated(tasks: Path, fake: FakeOpenAI, tmp_path: Path) -> tuple[Any, ...]:
    """The words of an evaluation in which every third response holds no program."""

    def writes(body: dict[str, Any]) -> dict[str, Any]:
        if "Write one test" in body["messages"][0]["content"]:
            return whole(TEST)
        return whole(["none", PROGRAM, PROGRAM.replace("+ 1", "+ 2")][body["seed"] % 3])

    fake.writes = writes
    return usual(tasks, fake, tmp_path / "a", "--scale", "1x1")


@pytest.mark.parametrize(
    ("shape", "name"), [("evalplus", "samples.jsonl"), ("lcb", "code_list.json")]
)
def test_exported_programs_get_the_same_verdicts_again(
    shape: str, name: str, evaluated: tuple[Any, ...], tasks: Path, tmp_path: Path
) -> None:
    first = run(*evaluated, "--export", shape)
    again = run(tasks, "--answers", tmp_path / "a" / name, "--out", tmp_path / "b")
    for figure in ("pass@1", "pass@1", "pass@2"):
        assert again["per_task"][figure] == first["per_task"][figure]
    assert again["verdicts"] == first["verdicts"]
    assert 0 < first["figures"]["pass@1"]["mean"] < 1
    programs = [
        [
            [(p["source"] or "", p["correct"], p["runs"][:2]) for p in record["programs"]]
            for record in RunDir(tmp_path / d, locked=False).read_packed(
                "rollouts/step-00000.jsonl.gz"
            )
        ]
        for d in ("a", "b")
    ]
    assert programs[0] == programs[1]
    assert any(source == "" for task in programs[0] for source, _, _ in task)
    # from one shape to the other
    other = "lcb" if shape == "evalplus" else "evalplus"
    file = tmp_path / "other.json" if other == "lcb" else tmp_path / "other.jsonl"
    back = (tasks, "--answers", tmp_path / "a" / name, "--out", tmp_path / "b")
    run(*back, "--export", f"{other}={file}")
    assert run(tasks, "--answers", file, "--out", tmp_path / "c")["per_task"] == again["per_task"]


def test_the_formats_of_other_harnesses(evaluated: tuple[Any, ...], tmp_path: Path) -> None:
    run(*evaluated, "--export", "evalplus", "--export", f"lcb={tmp_path / 'x.json'}")
    samples = [json.loads(x) for x in (tmp_path / "a" / "samples.jsonl").read_text().splitlines()]
    assert [set(s) for s in samples] == [{"task_id", "solution"}] * 9
    assert [s["task_id"] for s in samples] == [f"t{i}" for i in range(3) for _ in range(3)]
    listed = json.loads((tmp_path / "x.json").read_text())
    assert [set(q) for q in listed] == [{"question_id", "code_list"}] * 3
    assert [q["question_id"] for q in listed] == ["t0", "t1", "t2"]
    assert [c for q in listed for c in q["code_list"]] == [s["solution"] for s in samples]


def test_nothing_is_written_over(evaluated: tuple[Any, ...], tmp_path: Path) -> None:
    there = tmp_path / "mine.jsonl"
    there.write_text("mine")
    for words, why in (
        ((f"evalplus={there}",), "already exists"),
        ((f"lcb={tmp_path}",), "is a directory"),
        ((f"lcb={tmp_path / 'none' / 'x.json'}",), "there is no directory"),
        (("evalplus=",), "give evalplus or lcb"),
        (("mbpp",), "give evalplus or lcb"),
    ):
        with pytest.raises(ConfigError, match=why):
            run(*evaluated, "--export", *words)
    assert not (tmp_path / "a").exists()  # before anything was asked
    run(*evaluated, "--export", "evalplus")
    run(*evaluated, "--export", "evalplus")  # the same once more
    (tmp_path / "a" / "samples.jsonl").write_text("changed by hand\n")
    with pytest.raises(ConfigError, match="exists with other contents"):
        run(*evaluated, "--export", "evalplus")
    assert (tmp_path / "a" / "samples.jsonl").read_text() == "changed by hand\n"
    assert there.read_text() == "mine"


def test_a_statements_own_helpers_go_along(
    evaluated: tuple[Any, ...], tasks: Path, tmp_path: Path
) -> None:
    run(*evaluated)
    given = [replace(t, head="import math\n") for t in read_task_files([tasks])]
    to = parse_export(f"evalplus={tmp_path / 'x.jsonl'}", tmp_path / "a")
    assert to.shape is ExportShape.EVALPLUS
    line = export(RunDir(tmp_path / "a", locked=False), given, to)
    assert "9 programs of 3 tasks" in line
    sources = [json.loads(x)["solution"] for x in to.path.read_text().splitlines()]
    assert {s.startswith("import math\n\nprint(") for s in sources if s} == {True}
