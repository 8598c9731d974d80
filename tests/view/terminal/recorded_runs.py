"""Run directories written by hand, to be looked at."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparring.config.load import make_recipe
from sparring.runs.directory import RunDir
from sparring.runs.reader import step_file

GROUPS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "explain/rollouts.json").read_text()
)
"""Groups of a real run: paper, default, forbidden."""


def group(name: str = "default", **task: Any) -> dict[str, Any]:
    """A group, its task changed."""
    found = copy.deepcopy(GROUPS[name])
    found["task"] |= task
    return found


def metrics(step: int, **more: Any) -> dict[str, Any]:
    """A line of metrics.jsonl."""
    role = {"entropy": 0.5 / step, "mean_length": 20.0}
    return {
        "step": step,
        "tokens": 1000,
        "pass@1": 0.4 + 0.01 * step,
        "tests_right": 0.5,
        "tests_invalid": 0.1,
        "groups_dropped": 0.2,
        "coder": role,
        "tester": role,
        "alarms": [],
        **more,
    }


def evaluation(step: int, pass_at_1: float = 0.5) -> dict[str, Any]:
    """A line of evaluations.jsonl."""
    values = {"pass@1": pass_at_1, "unit_test_accuracy": 0.6, "p01": 0.5, "p00": 0.2, "mu": 0.1}
    metric = {
        k: {"mean": v, "low": v - 0.05, "high": v + 0.05, "n_tasks": 9} for k, v in values.items()
    }
    return {"step": step, "metrics": metric, "differences": metric}


def run_of(
    path: Path,
    steps: Mapping[int, Sequence[Mapping[str, Any]]],
    preset: str = "default",
    lines: Sequence[Mapping[str, Any]] = (),
    evaluations: Sequence[Mapping[str, Any]] = (),
    **sections: Any,
) -> Path:
    """A run directory with these rollouts, metrics and evaluations."""
    run = RunDir.create(path)
    recipe = make_recipe({"preset": preset, **sections}, (), "test")
    run.write_json("recipe.json", recipe.model_dump(mode="json"))
    for step, records in steps.items():
        run.write_packed(step_file("rollouts", step), records)
    run.append_lines("metrics.jsonl", lines)
    run.append_lines("evaluations.jsonl", evaluations)
    run.close()
    return path
