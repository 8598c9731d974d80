"""The nano recipe and the nano model, whole: what the README promises. Slow (about 30 minutes)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.evaluation.held_out import evaluate_held_out
from sparring.metrics.intervals import Estimate
from sparring.microworld.build import build
from sparring.training.held_out import held_out_plan
from sparring.training.rollouts.context import RolloutContext, trial_context
from sparring.training.state.trainer import Trainer
from tests.training.runs import finished_apart, records

pytestmark = pytest.mark.slow


def test_programs_tests_and_best_of_n_get_better_on_tasks_never_seen(tmp_path: Path) -> None:
    run = tmp_path / "run"
    finished_apart([sys.executable, "-m", "sparring.cli", "train", "--run-dir", str(run)])
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
    before, after, change = (summary[k] for k in ("before", "after", "differences"))
    assert 0.35 <= before["pass@1"]["mean"] <= 0.45
    assert change["pass@1"]["mean"] >= 0.25
    assert change["unit_test_accuracy"]["mean"] >= 0.15
    assert change["pool_bon_8x8"]["mean"] >= 0.05
    assert change["catch_rate"]["mean"] >= 0.10
    assert change["invalid_tests"]["high"] < 0
    assert after["input_size"]["mean"] >= 0.8 * before["input_size"]["mean"]
    assert after["bon_8x8"]["mean"] >= 0.93
    for size, then in summary["sizes"]["before"].items():
        if then["share"] >= 0.05:
            assert summary["sizes"]["after"][size]["accuracy"] > then["accuracy"], size
    for e in records(run, "evaluations.jsonl"):
        if e["metrics"]["pass@1"]["mean"] < 0.9:
            assert e["bon_minus_pass@1"]["low"] > 0, e["step"]


def test_a_rebuilt_model_starts_where_the_packaged_one_does(tmp_path: Path) -> None:
    build(tmp_path / "nano", log=_quiet)
    recipe = load_recipe(NANO_RECIPE, [f"model.path={tmp_path / 'nano'}"])
    with trial_context(recipe, Trainer(recipe)) as context:
        rebuilt = figures(context)
    own = load_recipe(NANO_RECIPE)
    with trial_context(own, Trainer(own)) as context:
        packaged = figures(context)
    for name in ("pass@1", "unit_test_accuracy"):
        assert abs(rebuilt[name].mean - packaged[name].mean) < 0.06, name


def figures(context: RolloutContext) -> dict[str, Estimate]:
    plan = held_out_plan(context)
    return evaluate_held_out(plan, context.policies, context.sandbox).summary.estimates


def _quiet(text: str) -> None:
    """Say nothing (a function of the module, so that other processes can find it)."""
