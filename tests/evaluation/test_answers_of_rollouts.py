"""Responses that a run or an evaluation recorded are graded again, by other measures."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import DataError
from sparring.evaluation.answers.items import AnswerShape
from sparring.evaluation.answers.shapes import row_of, shape_of
from sparring.evaluation.rollouts import held_out_rollout
from sparring.schema import Role, StopReason
from tests.evaluation.eval_command import run, usual, write_tasks
from tests.fake_openai import PROGRAM, TEST, FakeOpenAI, whole
from tests.grading.grading_helpers import group_from_letters

pytestmark = pytest.mark.usefixtures("shared_workers")


def mixed(body: dict[str, Any]) -> dict[str, Any]:
    """Of three programs one is wrong and one is cut off; of three tests one is wrong, one none."""
    number = body["seed"] % 3
    if "Write one test" in body["messages"][0]["content"]:
        return whole([TEST, TEST.replace("5", "6"), "no test"][number])
    cut = whole(PROGRAM[:-10], "length")
    return [whole(PROGRAM), whole(PROGRAM.replace("+ 1", "+ 2")), cut][number]


def test_the_figures_of_recorded_responses_are_those_of_their_evaluation(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", 4)
    fake.writes = mixed
    first = run(*usual(tasks, fake, tmp_path / "a", "-m", 3))
    asked = len(fake.bodies)
    rollouts = tmp_path / "a/rollouts/step-00000.jsonl.gz"
    again = run(tasks, "--answers", rollouts, "--out", tmp_path / "b", "--mutants", 3)
    assert len(fake.bodies) == asked
    for part in ("figures", "per_task", "ratios"):
        common = first[part].keys() & again[part].keys()
        assert {k: first[part][k] for k in common} == {k: again[part][k] for k in common}, part
    assert "coder.failed.truncated" in again["figures"]
    assert again["figures"]["mutation_score"]["n_tasks"] > 0


def test_a_held_out_record_is_recognised() -> None:
    record = json.loads(json.dumps(held_out_rollout(3, group_from_letters(["+ +"], tests=["1"]))))
    assert shape_of(record, "row 1") is AnswerShape.ROLLOUTS
    row = row_of(record, AnswerShape.ROLLOUTS, "row 1")
    assert row.task == "t"
    assert [(i.role, i.stop) for i in row.items] == [
        (Role.CODER, StopReason.END_TOKEN),
        (Role.TESTER, StopReason.END_TOKEN),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": {}}, "row 1, task: id must be a text"),
        ({"programs": 3}, "row 1: programs must be a list of responses"),
        ({"tests": ["a"]}, "row 1: tests must be a list of responses"),
        ({"tests": [{"stop": "end_token"}]}, "row 1, tests: text must be a text"),
        ({"programs": [{"text": "", "stop": "late"}]}, "row 1, programs: stop 'late': must be"),
    ],
)
def test_a_damaged_record_is_one_line(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    record = {"task": {"id": "t0"}, "programs": [], "tests": [], **change}
    file = tmp_path / "r.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps(record).encode()))
    tasks = write_tasks(tmp_path / "t.jsonl", 1)
    with pytest.raises(DataError) as caught:
        run(tasks, "--answers", file, "--out", tmp_path / "o")
    assert message.replace("row 1", f"{file}, line 1") in str(caught.value)
    assert "\n" not in str(caught.value)
