"""The directory of an evaluation, from recorded groups."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparring.evaluation.rollouts import rollout
from sparring.grading.recorded import result_from
from sparring.policy.chat.base import ChatReply
from sparring.runs.directory import RunDir
from sparring.runs.reader import step_file
from sparring.schema import Role, StopReason
from tests.view.terminal.recorded_runs import group


def evaluation_of(path: Path, names: Sequence[str] = ("paper",), pass_at_1: float = 0.5) -> Path:
    """Records as `sparring eval` writes them, and the part of its figures that is read."""
    path.mkdir(parents=True)
    run = RunDir(path, locked=False)
    records = []
    for name in names:
        graded = result_from(
            {k: v for k, v in group(name).items() if k != "initial_policy_programs"}
        )
        answer = ChatReply("x", StopReason.END_TOKEN, 7, 5)
        answers = {
            (graded.task.id, role, i): answer
            for role, count in ((Role.CODER, graded.coder), (Role.TESTER, graded.tester))
            for i in range(len(count))
        }
        records.append(rollout(graded, answers))
    run.write_packed(step_file("rollouts", 0), records)
    values = {"pass@1": pass_at_1, "oracle_2x2": 0.75}
    estimates = {
        k: {"mean": v, "low": v - 0.1, "high": v + 0.1, "n_tasks": 4} for k, v in values.items()
    }
    record: dict[str, Any] = {
        "kind": "evaluation",
        "models": {"coder": {"name": "a model"}, "tester": {"name": "another"}},
        "figures": estimates,
        "per_task": {"pass@1": [pass_at_1 - 0.1, pass_at_1 + 0.1, pass_at_1, pass_at_1]},
        "ratios": {},
        "tasks": [{"id": str(i), "digest": str(i)} for i in range(4)],
        "conditions": {
            "params": {"temperature": 0.8, "max_tokens": 100},
            "programs": 4,
            "tests": 4,
            "checkers": ["tokens"],
            "seed": 0,
        },
    }
    run.write_json("config.json", {"fixed": {"params": {"max_tokens": 100}}})
    run.write_json("eval.json", record)
    return path
