"""What arms of a comparison came to over their seeds: curves, differences, rates of their tests,
Best-of-N grids. Plots draw these; nothing here is drawn."""

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
from sparring.metrics.named import mean_of
from sparring.metrics.rates import Rate
from sparring.metrics.shares import share_difference
from sparring.runs.labels import figure
from sparring.runs.reader import RunReader

Point = tuple[float, float, float, float]
"""Step, middle, low, high; a bound that is not known is NaN."""
WINDOWS = 6
"""Points of an arm on the plane of p01 and p00."""
ENDS = 3
"""Steps that a grid is made of where none are asked for: the first and the last ones."""


def named(metrics: Mapping[str, Any], name: str) -> str | None:
    """The key of a figure: its name, or that with a size (``bon`` is ``bon_8x8``)."""
    if name in metrics:
        return name
    sized = re.compile(re.escape(name) + r"_\d")
    return next((key for key in metrics if sized.match(key)), None)


def evaluation_points(evaluations: Sequence[Mapping[str, Any]], name: str) -> list[Point]:
    """A figure of a run's evaluations, with its intervals."""
    points: list[Point] = []
    for one in evaluations:
        key = named(one["metrics"], name)
        value = one["metrics"][key] if key else {}
        if value.get("mean") is not None:
            low, high = (math.nan if value.get(k) is None else value[k] for k in ("low", "high"))
            points.append((one["step"], float(value["mean"]), float(low), float(high)))
    return points


def step_points(lines: Sequence[Mapping[str, Any]], name: str) -> list[Point]:
    """A figure of a run's training steps by its dotted name."""
    known = ((m["step"], figure(m, name)) for m in lines)
    return [(step, value, math.nan, math.nan) for step, value in known if value is not None]


def evaluated(arm: Arm, name: str) -> list[Point]:
    """A figure of an arm's evaluations. Where its runs ended at different steps these are matched
    by their order, at the mean of their steps."""
    series = [points for run in arm.runs if (points := evaluation_points(run.evaluations, name))]
    if len(series) < 2:
        return series[0] if series else []
    if len({len(s) for s in series}) == 1:
        return [_over_seeds(points) for points in zip(*series, strict=True)]
    common = set.intersection(*({p[0] for p in s} for s in series))
    return [_over_seeds([p for s in series for p in s if p[0] == x]) for x in sorted(common)]


def trained(arm: Arm, name: str) -> list[Point]:
    """A figure of the training steps that all of an arm's runs have made."""
    common = set.intersection(*({m["step"] for m in run.metrics} for run in arm.runs))
    points = [p for run in arm.runs for p in step_points(run.metrics, name) if p[0] in common]
    return [_over_seeds([p for p in points if p[0] == x]) for x in sorted({p[0] for p in points})]


def _over_seeds(points: Sequence[Point]) -> Point:
    """The mean, between the least and the greatest; a single run's as it is."""
    if len(points) == 1:
        return points[0]
    middle = [p[1] for p in points]
    step = float(np.mean([p[0] for p in points]))
    return step, float(np.mean(middle)), min(middle), max(middle)


def known_figures(arms: Sequence[Arm]) -> tuple[list[str], list[str]]:
    """The names of the figures of the evaluations, and of the training steps."""
    runs = [run for arm in arms for run in arm.runs]
    evaluations = {k for r in runs for e in r.evaluations for k in e["metrics"]}
    steps = {k for r in runs for m in r.metrics[-1:] for k in _dotted(m) if k != "step"}
    return sorted(evaluations), sorted(steps)


def _dotted(record: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """The numbers of a record by their dotted names."""
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{before}{key}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield f"{before}{key}"


def by_task(arm: Arm, name: str) -> Floats:
    """A figure of the last evaluations by task, the mean over seeds. Raises `RunError`."""
    rows = [run.per_task[name] for run in arm.runs]
    if len({len(r) for r in rows}) > 1:
        raise RunError(f"{arm.label}: its runs were evaluated on different numbers of tasks")
    return np.asarray(np.mean(rows, axis=0))


def are_paired(arms: Sequence[Arm]) -> bool:
    """Whether there are several arms, all evaluated on the same tasks."""
    return len(arms) > 1 and len({r.tasks for a in arms for r in a.runs}) == 1


def last_figures(arms: Sequence[Arm], names: Sequence[str]) -> dict[str, list[Estimate]]:
    """Figures of the last evaluations by their keys: where arms `are_paired`, by how much each
    differs from the first; else of each arm. Raises `RunError` for one not in every run."""
    found: dict[str, list[Estimate]] = {}
    common = sorted(set.intersection(*(set(r.per_task) for a in arms for r in a.runs)))
    for name in names:
        if (key := named(dict.fromkeys(common), name)) is None:
            known = ", ".join(common) or "nothing"
            raise RunError(f"--metric {name}: not in every run by task; there is {known}")
        first, *others = (by_task(arm, key) for arm in arms)
        if are_paired(arms):
            found[key] = [share_difference(first, values) for values in others]
        else:
            found[key] = [mean_of(key, values) for values in (first, *others)]
    return found


@dataclass(frozen=True, slots=True)
class PlanePoint:
    """Rates at some time of training: a wrong program passes a right test (p01), a wrong one
    (p00); tests that are right (p_u); μ."""

    step: int
    p01: float
    p00: float
    p_u: float
    mu: float


def plane_points(arm: Arm) -> list[PlanePoint]:
    """The rates over windows of recorded steps, all seeds together; without rollouts those of the
    first run's evaluations, where p_u is the accuracy of its tests. Raises `RunError`."""
    recorded = sorted({s for run in arm.runs for s in run.run.rollout_steps()})
    windows = [w.tolist() for w in np.array_split(recorded, min(WINDOWS, len(recorded) or 1))]
    points = [point for steps in windows if steps and (point := _over(arm, steps)) is not None]
    for one in arm.runs[0].evaluations if not points else ():
        keys = ("p01", "p00", "unit_test_accuracy", "mu")
        values = [one["metrics"].get(key, {}).get("mean") for key in keys]
        if None not in values:
            points.append(PlanePoint(int(one["step"]), *map(float, values)))
    if not points:
        raise RunError(f"{arm.label}: neither rollouts nor evaluations tell p01 and p00")
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
"""Of which steps, expected Best-of-(n, m) [n, m], and the sizes n and m."""


def grids(arm: Arm, steps: range | None) -> list[Grid]:
    """The grids of an arm's first and last recorded steps, or of those that are asked for. Raises
    `RunError` where there are no rollouts."""
    found: list[Grid] = []
    for title, chosen in _chosen(arm, steps):
        pairs = zip(arm.runs, chosen, strict=True)
        groups = [group for run, some in pairs for group in _tested(run.run, some)]
        if not groups:
            raise RunError(f"{arm.label}: no group with tests in these steps")
        found.append((title, *grid(groups)))
    return found


def _chosen(arm: Arm, steps: range | None) -> list[tuple[str, list[list[int]]]]:
    """What grids are called, and the steps of each run that they are made of."""
    recorded = [run.run.rollout_steps() for run in arm.runs]
    if not any(recorded):
        raise RunError(f"{arm.label}: no rollouts on record to make a grid of")
    if steps is not None:
        asked = [[s for s in known if s in steps] for known in recorded]
        if not any(asked):
            raise RunError(f"{arm.label}: no rollouts of steps {steps[0]} to {steps[-1]} on record")
        return [(f"steps {steps[0]}–{steps[-1]}", asked)]
    if {s for known in recorded for s in known} == {0}:  # evaluations: nothing comes after them
        return [("all tasks", recorded)]
    some = max(1, min(ENDS, *(len(known) // 2 for known in recorded if known)))
    first, last = ([known[:some] for known in recorded], [known[-some:] for known in recorded])
    return [(f"first {some} steps", first), (f"last {some}", last)]


def _tested(run: RunReader, steps: Sequence[int]) -> Iterator[TaskFacts]:
    """The recorded groups that have tests."""
    return (facts for facts in recorded_facts(run, steps) if len(facts.parsed_U))
