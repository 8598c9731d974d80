"""`sparring compare`: two evaluations, task by task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sparring.cli.main import app
from sparring.errors import SparringError
from tests.evaluation.eval_command import run, usual, write_tasks
from tests.fake_openai import TEST, FakeOpenAI, whole

pytestmark = pytest.mark.usefixtures("shared_workers")


def compare(*args: Any) -> Any:
    found = CliRunner().invoke(app, ["compare", *map(str, args)])
    if found.exception is not None:
        raise found.exception
    return found.output


def test_two_evaluations_are_compared_task_by_task(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    a = run(*usual(tasks, fake, tmp_path / "a"))
    fake.writes = lambda body: whole(
        TEST if "Write one test" in body["messages"][0]["content"] else "no program"
    )
    run(*usual(tasks, fake, tmp_path / "b", "--temperature", 0.5))
    found = json.loads(compare(tmp_path / "a", tmp_path / "b", "--json"))
    assert found["tasks"] == 3
    line = found["figures"]["pass@1"]
    mean = a["figures"]["pass@1"]["mean"]
    assert line["before"]["mean"] == pytest.approx(mean)
    assert line["difference"]["mean"] == pytest.approx(-mean)
    shown = compare(tmp_path / "a", tmp_path / "b")
    assert [f"A: {tmp_path / 'a'}", f"B: {tmp_path / 'b'}"] == shown.splitlines()[:2]
    per_task = a["per_task"]["pass@1"]
    spread = max(per_task) - min(per_task)
    assert (line["difference"]["high"] - line["difference"]["low"] > 0) == (spread > 0)
    assert any("params differs" in n for n in found["notes"])
    same = json.loads(compare(tmp_path / "a", tmp_path / "a" / "eval.json", "--json"))
    assert {x["difference"]["mean"] for x in same["figures"].values()} == {0}
    assert same["notes"] == []
    assert "B − A" in compare(tmp_path / "a", tmp_path / "b")


def test_figures_under_different_rules_are_not_compared(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    run(*usual(tasks, fake, tmp_path / "a"))
    run(*usual(tasks, fake, tmp_path / "b", "--checker", "exact"))
    with pytest.raises(SparringError, match="checker differs"):
        compare(tmp_path / "a", tmp_path / "b")
    run(*usual(tasks, fake, tmp_path / "c", "--max-tests", 1))
    with pytest.raises(SparringError, match="max_tests differs"):
        compare(tmp_path / "a", tmp_path / "c")
    other = write_tasks(tmp_path / "other.jsonl", 3, {"test_output": ["2\n", "9\n"]})
    run(*usual(other, fake, tmp_path / "d"))
    with pytest.raises(SparringError, match="3 tasks have the same id and other contents"):
        compare(tmp_path / "a", tmp_path / "d")
    with pytest.raises(SparringError, match="holds no evaluation"):
        compare(tmp_path / "a", tmp_path)


def test_common_tasks_are_paired_where_one_has_more(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    run(*usual(tasks, fake, tmp_path / "a"))
    run(*usual(tasks, fake, tmp_path / "b", "--limit-tasks", 2))
    found = json.loads(compare(tmp_path / "a", tmp_path / "b", "--json"))
    assert found["tasks"] == 2
    assert found["figures"]["pass@1"]["difference"]["n_tasks"] == 2
    assert found["figures"]["pass@1"]["difference"]["mean"] == 0
    assert any("2 common tasks of 3 and 2" in n for n in found["notes"])
    assert "mu" not in found["figures"]


def test_tasks_of_several_checkers_are_paired_by_their_own(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    """Five tasks of ten have one checker, all ten have two: the five are compared."""
    rows = [
        write_tasks(tmp_path / f"{rule}.jsonl", 5, {"checker": rule}).read_text()
        for rule in ("tokens", "exact")
    ]
    path = tmp_path / "ten.jsonl"
    path.write_text(rows[0] + rows[1].replace('"task_id": "t', '"task_id": "x'))
    run(*usual(path, fake, tmp_path / "a", "--limit-tasks", 5))
    b = run(*usual(path, fake, tmp_path / "b"))
    assert b["conditions"]["checkers"] == ["exact", "tokens"]
    for one, other in (("a", "b"), ("b", "a")):
        found = json.loads(compare(tmp_path / one, tmp_path / other, "--json"))
        assert found["tasks"] == 5
        assert any("5 common tasks of" in n for n in found["notes"])
    # the same ids under another rule, in two of the five
    mixed = "".join(
        (rows[0].splitlines(keepends=True)[i] if i > 1 else rows[1].splitlines(keepends=True)[i])
        for i in range(5)
    )
    path.write_text(mixed)
    run(*usual(path, fake, tmp_path / "c"))
    with pytest.raises(SparringError, match="checker differs for 2 of 5 common tasks, such as t0"):
        compare(tmp_path / "a", tmp_path / "c")
