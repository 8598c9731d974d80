"""Figures of pipelines with intervals by task, beside one-shot and Best-of-N at equal tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.matrix import Floats
from sparring.metrics.intervals import Estimate, Influence, mean_interval, ratio
from sparring.metrics.metric_intervals import within
from sparring.metrics.share_intervals import (
    Unit,
    jackknife_interval,
    ratio_interval,
    share_difference,
    share_interval,
)
from sparring.selection.selectors import Selector
from sparring.solving.equal_tokens import SampledTask, mean_tokens, size_at
from sparring.solving.pipeline_runs import PipelineRun

COSTS = ("tokens", "requests", "executions", "seconds")


@dataclass(frozen=True, slots=True)
class GradedRun:
    """Run of a pipeline, graded on the ground truth.

    ``solved``: 1, 0, or NaN where an infrastructure failure leaves it open. ``right`` and
    ``tests``: number of tests that are right by the reference solution, and of all tests that the
    pipeline held; NaN without a reference.
    """

    run: PipelineRun
    solved: float
    right: float
    tests: float

    def cost(self, name: str) -> float:
        """Return one of `COSTS`."""
        return float(getattr(self.run.costs, name))


def figures_of(
    runs: Sequence[GradedRun], sampled: Sequence[SampledTask], selector: Selector, most: int
) -> dict[str, Any]:
    """Return the figures of one pipeline as JSON-able data, from its run on each task and the
    evaluation's responses to the same tasks. ``most``: largest size of Best-of-N."""
    solved = np.array([r.solved for r in runs])
    right, held = np.array([r.right for r in runs]), np.array([r.tests for r in runs])
    known = ~np.isnan(right)
    tests = ratio(np.where(known, right, 0.0), np.where(known, held, 0.0))
    costs = {name: np.array([r.cost(name) for r in runs]) for name in COSTS}
    record: dict[str, Any] = {
        "tasks": len(runs),
        "solved": share_interval(solved, Unit.CHOICE).as_dict(),
        "solved_by_task": solved.tolist(),
        "tests_right": ratio_interval(tests).as_dict(),
        "per_task": {
            name: within(mean_interval(values), 0.0, math.inf).as_dict()
            for name, values in costs.items()
        },
        "per_solved": {
            name: cost_per_solved(values, solved).as_dict() for name, values in costs.items()
        },
        "replayed": sum(r.run.replayed for r in runs),
        "bounded": sum(r.run.costs.bounded for r in runs),
        "without_program": sum(r.run.chosen is None for r in runs),
    }
    single = np.array([t.single for t in sampled])
    record["minus_single"] = share_difference(single, solved).as_dict()
    tokens = float(costs["tokens"].mean())
    size = size_at(sampled, tokens, most)
    record["equal_tokens"] = None
    if size is not None:
        best = np.array([t.best_of(size, selector) for t in sampled])
        record["equal_tokens"] = {
            "size": size,
            "largest": size == most and mean_tokens(sampled, size) < tokens,
            "tokens": mean_tokens(sampled, size),
            "solved": share_interval(best, Unit.CHOICE).as_dict(),
            "solved_by_task": best.tolist(),
            "minus": share_difference(best, solved).as_dict(),
        }
    return record


def single_figures(sampled: Sequence[SampledTask]) -> dict[str, Any]:
    """Return pass@1 and the tokens of one program, from all programs of the evaluation."""
    values = np.array([t.single for t in sampled])
    tokens = np.array([t.tokens[0] for t in sampled])
    right = [float(t.right_U.sum()) if t.right_U is not None else 0.0 for t in sampled]
    held = [float(t.parsed_U.sum()) if t.right_U is not None else 0.0 for t in sampled]
    return {
        "solved": share_interval(values).as_dict(),
        "solved_by_task": values.tolist(),
        "tokens": mean_interval(tokens).as_dict(),
        "tests_right": ratio_interval(ratio(np.array(right), np.array(held))).as_dict(),
    }


def cost_per_solved(cost: Floats, solved: Floats) -> Estimate:
    """Return Σ cost / Σ solved over tasks, with the jackknife's interval. Unsolved tasks cost too.

    NaN without a solved task. Tasks whose outcome is unknown are left out.
    """
    known = ~np.isnan(solved)
    cost, solved = cost[known], solved[known]
    tasks, total = len(cost), float(solved.sum())
    if total == 0:
        return Estimate(math.nan, math.nan, math.nan, tasks)
    value = float(cost.sum()) / total
    left = total - solved
    if (left == 0).any():  # without its only solved task there is no ratio
        return Estimate(value, math.nan, math.nan, tasks)
    influence = (cost - value * solved) / total
    falls = value - (cost.sum() - cost) / left
    figure = Influence(value, influence, np.ones(tasks, dtype=bool), None, falls)
    estimate = jackknife_interval(figure)
    return within(estimate, 0.0, math.inf)


def in_compare(record: Mapping[str, Any], by_pipeline: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of an evaluation with the share of tasks that each pipeline solved among
    its figures, so that `sparring compare` compares them."""
    places = {task["id"]: i for i, task in enumerate(record["tasks"])}
    figures, per_task = dict(record["figures"]), dict(record["per_task"])
    for name, pipeline in by_pipeline["figures"].items():
        values = np.full(len(places), np.nan)
        for task, value in zip(by_pipeline["tasks"], pipeline["solved_by_task"], strict=True):
            values[places[task]] = value
        figures[f"solved_{name}"] = pipeline["solved"]
        per_task[f"solved_{name}"] = values.tolist()
    return {**record, "figures": figures, "per_task": per_task, "pipelines": by_pipeline}
