"""Figures of the arms of a comparison over their seeds, as `view.plots` draws them.

Curves, paired differences, rates of the tests, and Best-of-N grids.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.errors import RunError
from sparring.evaluation.arms import Arm
from sparring.evaluation.recorded import grid, rates_of, recorded_facts, right_by
from sparring.matrix import Floats
from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import Estimate
from sparring.metrics.metric_intervals import mean_of
from sparring.metrics.rates import Rate
from sparring.metrics.share_intervals import share_difference
from sparring.runs.labels import figure
from sparring.runs.reader import RunReader

Point = tuple[float, float, float, float]
"""Step, mean, lower bound, upper bound. An unknown bound is NaN."""
WINDOWS = 6
"""Most points of an arm on the plane of p01 and p00."""
ENDS = 3
"""Number of first steps and of last steps that grids use where no steps are named."""


def metric_key(metrics: Mapping[str, Any], name: str) -> str | None:
    """Return the key of a figure: its name, or its name with a size (``bon`` finds ``bon_8x8``)."""
    if name in metrics:
        return name
    sized = re.compile(re.escape(name) + r"_\d")
    return next((key for key in metrics if sized.match(key)), None)


def evaluation_points(evaluations: Sequence[Mapping[str, Any]], name: str) -> list[Point]:
    """Return a figure of a run's evaluations, with its intervals."""
    points: list[Point] = []
    for one in evaluations:
        key = metric_key(one["metrics"], name)
        value = one["metrics"][key] if key else {}
        if value.get("mean") is not None:
            low, high = (math.nan if value.get(k) is None else value[k] for k in ("low", "high"))
            points.append((one["step"], float(value["mean"]), float(low), float(high)))
    return points


def step_points(lines: Sequence[Mapping[str, Any]], name: str) -> list[Point]:
    """Return a figure of a run's training steps, by its dotted name, such as coder.entropy."""
    values = ((m["step"], figure(m, name)) for m in lines)
    return [(step, value, math.nan, math.nan) for step, value in values if value is not None]


def evaluated(arm: Arm, name: str) -> list[Point]:
    """Return a figure of an arm's evaluations over its seeds.

    Runs with equally many evaluations are matched by the order of their evaluations, at the mean of
    their steps, because their last steps may differ. Other runs are matched by step.
    """
    series = [points for run in arm.runs if (points := evaluation_points(run.evaluations, name))]
    if len(series) < 2:
        return series[0] if series else []
    if len({len(s) for s in series}) == 1:
        return [_over_seeds(points) for points in zip(*series, strict=True)]
    common = set.intersection(*({p[0] for p in s} for s in series))
    return [_over_seeds([p for s in series for p in s if p[0] == x]) for x in sorted(common)]


def trained(arm: Arm, name: str) -> list[Point]:
    """Return a figure of the training steps that all runs of an arm have."""
    common = set.intersection(*({m["step"] for m in run.metrics} for run in arm.runs))
    points = [p for run in arm.runs for p in step_points(run.metrics, name) if p[0] in common]
    return [_over_seeds([p for p in points if p[0] == x]) for x in sorted({p[0] for p in points})]


def _over_seeds(points: Sequence[Point]) -> Point:
    """Return the mean over seeds between the least and the greatest value.

    The point of a single run stays as it is, with its own interval.
    """
    if len(points) == 1:
        return points[0]
    means = [p[1] for p in points]
    step = float(np.mean([p[0] for p in points]))
    return step, float(np.mean(means)), min(means), max(means)


def known_figures(arms: Sequence[Arm]) -> tuple[list[str], list[str]]:
    """Return the names of all figures of the evaluations, and of all figures of the steps."""
    runs = [run for arm in arms for run in arm.runs]
    evaluations = {k for r in runs for e in r.evaluations for k in e["metrics"]}
    steps = {k for r in runs for m in r.metrics[-1:] for k in _dotted(m) if k != "step"}
    return sorted(evaluations), sorted(steps)


def _dotted(record: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every number in a record."""
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield f"{prefix}{key}"


def by_task(arm: Arm, name: str) -> Floats:
    """Return a figure of the last evaluations by task, as the mean over seeds, [tasks].

    Raises `RunError` where the runs were evaluated on different numbers of tasks.
    """
    rows = [run.per_task[name] for run in arm.runs]
    if len({len(r) for r in rows}) > 1:
        raise RunError(
            f"{arm.label}: its runs were evaluated on different numbers of tasks; give the runs "
            "labels of their own"
        )
    return np.asarray(np.mean(rows, axis=0))


def are_paired(arms: Sequence[Arm]) -> bool:
    """Return whether there are several arms and all were evaluated on the same tasks."""
    return len(arms) > 1 and len({r.tasks for a in arms for r in a.runs}) == 1


def last_figures(arms: Sequence[Arm], names: Sequence[str]) -> dict[str, list[Estimate]]:
    """Return figures of the last evaluations, by their keys.

    Where the arms `are_paired`, each estimate is the difference of an arm from the first arm; else
    each estimate is the figure of an arm. Raises `RunError` for a figure that a run lacks.
    """
    estimates: dict[str, list[Estimate]] = {}
    common = sorted(set.intersection(*(set(r.per_task) for a in arms for r in a.runs)))
    for name in names:
        if (key := metric_key(dict.fromkeys(common), name)) is None:
            names_of_all = ", ".join(common) or "nothing"
            raise RunError(
                f"--metric {name}: not every run has it by task; all have {names_of_all}"
            )
        first, *others = (by_task(arm, key) for arm in arms)
        if are_paired(arms):
            estimates[key] = [share_difference(first, values) for values in others]
        else:
            estimates[key] = [mean_of(key, values) for values in (first, *others)]
    return estimates


@dataclass(frozen=True, slots=True)
class PlanePoint:
    """Rates at a step of training.

    Of the executions of wrong programs on right tests, p01 is the share that pass; p00 is the same
    share on wrong tests. p_u is the share of right tests. mu is the μ of the precision theorem
    (docs/theory.md).
    """

    step: int
    p01: float
    p00: float
    p_u: float
    mu: float


def plane_points(arm: Arm) -> list[PlanePoint]:
    """Return the rates over windows of recorded steps, over all seeds of the arm together.

    Without rollouts the rates are those of the first run's evaluations, where p_u is the accuracy
    of the tests. Raises `RunError`.
    """
    recorded = sorted({s for run in arm.runs for s in run.run.rollout_steps()})
    windows = [w.tolist() for w in np.array_split(recorded, min(WINDOWS, len(recorded) or 1))]
    points = [point for steps in windows if steps and (point := _over(arm, steps)) is not None]
    for one in arm.runs[0].evaluations if not points else ():
        keys = ("p01", "p00", "unit_test_accuracy", "mu")
        values = [one["metrics"].get(key, {}).get("mean") for key in keys]
        if None not in values:
            points.append(PlanePoint(int(one["step"]), *map(float, values)))
    if not points:
        raise RunError(f"{arm.label}: neither rollouts nor evaluations have p01 and p00")
    return points


def _over(arm: Arm, steps: Sequence[int]) -> PlanePoint | None:
    groups: list[TaskFacts] = []
    for run in arm.runs:
        groups += _tested(run.run, sorted(set(run.run.rollout_steps()).intersection(steps)))
    if not groups:
        return None
    rates = rates_of(groups, right_by(groups))
    p01, p00, p_u = (rates.of[rate].value for rate in (Rate.P01, Rate.P00, Rate.P_U))
    if math.isnan(p01) or math.isnan(p00):
        return None
    return PlanePoint(steps[-1], p01, p00, p_u, rates.mu().value)


Grid = tuple[str, Floats, list[int], list[int]]
"""Title (which steps), expected Best-of-(n, m) [N, M], and the sizes n and m."""


def grids(arm: Arm, steps: range | None) -> list[Grid]:
    """Return the grids of the recorded ``steps``, by default of an arm's first and last steps.

    Raises `RunError` where no rollouts are recorded.
    """
    drawn_grids: list[Grid] = []
    for title, steps_by_run in _grid_steps(arm, steps):
        pairs = zip(arm.runs, steps_by_run, strict=True)
        groups = [group for run, of_run in pairs for group in _tested(run.run, of_run)]
        if not groups:
            raise RunError(f"{arm.label}: no group with tests in these steps")
        drawn_grids.append((title, *grid(groups)))
    return drawn_grids


def _grid_steps(arm: Arm, steps: range | None) -> list[tuple[str, list[list[int]]]]:
    """Return the title of each grid and the steps of each run that the grid is computed from."""
    recorded = [run.run.rollout_steps() for run in arm.runs]
    if not any(recorded):
        raise RunError(f"{arm.label}: no recorded rollouts to make a grid of")
    if steps is not None:
        wanted = [[s for s in of_run if s in steps] for of_run in recorded]
        if not any(wanted):
            raise RunError(f"{arm.label}: no recorded rollouts of steps {steps[0]} to {steps[-1]}")
        return [(f"steps {steps[0]}–{steps[-1]}", wanted)]
    if {s for of_run in recorded for s in of_run} == {0}:  # evaluations have step 0 alone
        return [("all tasks", recorded)]
    count = max(1, min(ENDS, *(len(of_run) // 2 for of_run in recorded if of_run)))
    first, last = ([s[:count] for s in recorded], [s[-count:] for s in recorded])
    return [(f"first {count} steps", first), (f"last {count}", last)]


def _tested(run: RunReader, steps: Sequence[int]) -> Iterator[TaskFacts]:
    """Yield the facts of the recorded groups that have tests."""
    return (facts for facts in recorded_facts(run, steps) if len(facts.parsed_U))
