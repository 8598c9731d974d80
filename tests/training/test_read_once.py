"""A response is read when it arrives, and never again: in a training step and in an evaluation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sparring.runs.reader import open_run, step_file
from sparring.schema import Role
from tests.readings import Readings, counted
from tests.training.runs import command, finished


def test_a_training_reads_every_response_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = counted(monkeypatch)
    changes = {
        "training.steps": "1",
        "sampling.initial_policy_programs": "2",
        "tasks.held_out_count": "2",
    }
    finished(command(tmp_path / "run", **changes))
    run = open_run(tmp_path / "run")
    expected: Readings = Counter()
    for group in run.read_packed(step_file("rollouts", 1)):
        task = group["task"]["id"]
        for role, part in (
            (Role.CODER, "programs"),
            (Role.CODER, "initial_policy_programs"),
            (Role.TESTER, "tests"),
        ):
            expected.update((task, role, i) for i in range(len(group[part])))
    evaluations = len(run.steps("evaluations", ".json"))
    for entry in run.read_packed("pool.jsonl.gz"):
        for role in Role:
            for i in range(len(entry["programs"])):  # evaluation.programs, and as many tests
                expected[entry["task"], role, i] += evaluations
    assert evaluations == 2
    assert readings == expected
