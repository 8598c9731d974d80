"""The plane of p01 and p00, how often a wrong program passes a right and a wrong test, with the
contours of μ: where an arm's tests went during training.

Points are rates over windows of recorded steps (`scoring.rates`, all seeds of
an arm together), or without rollouts those of the evaluations. μ depends on
p_u as well, which has no axis: the contours are those of the p_u that the
title names, the last one of the first arm; the legend has the arms' own μ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.errors import RunError
from sparring.metrics.facts import TaskFacts
from sparring.metrics.rates import Rate, RightBy, by_task, count, rates
from sparring.view.plots.arms import Arm
from sparring.view.plots.groups import matrices
from sparring.view.plots.style import COLOURS, MARKERS

WINDOWS = 6
"""Points of an arm."""


@dataclass(frozen=True, slots=True)
class Point:
    """Rates at some time of training."""

    step: int
    p01: float
    p00: float
    p_u: float
    mu: float


def draw_plane(plt: Any, arms: Sequence[Arm]) -> Any:
    """One plane for all arms. Raises `RunError` where no rate is known."""
    points = [_points(arm) for arm in arms]
    figure, axis = plt.subplots(figsize=(4.6, 4.2))
    p_u = points[0][-1].p_u
    most = min(1.0, 1.15 * max(max(p.p01, p.p00) for row in points for p in row) + 0.02)
    x, y = np.meshgrid(np.linspace(0, most, 101), np.linspace(0, most, 101))
    contours = axis.contour(
        x, y, p_u * (1 - x) - (1 - p_u) * y, levels=12, colors="#888888", linewidths=0.7
    )
    axis.clabel(contours, fmt="%.2f", fontsize=7)
    for i, (arm, row) in enumerate(zip(arms, points, strict=True)):
        colour = COLOURS[i % len(COLOURS)]
        xs, ys = [p.p01 for p in row], [p.p00 for p in row]
        axis.plot(
            xs,
            ys,
            color=colour,
            marker=MARKERS[i % len(MARKERS)],
            markersize=5,
            linewidth=1.2,
            label=f"{arm.label}: μ {row[0].mu:.2f} → {row[-1].mu:.2f}, steps {row[0].step} → "
            f"{row[-1].step}",
        )
        axis.plot(
            xs[:1],
            ys[:1],
            color=colour,
            marker=MARKERS[i % len(MARKERS)],
            markersize=9,
            markerfacecolor="white",
            linestyle="none",
        )
    axis.set(
        xlabel="p01: a wrong program passes a right test",
        ylabel="p00: a wrong program passes a wrong test",
        title=f"contours: μ at p_u = {p_u:.2f}; hollow: where it begins",
        xlim=(0, most),
        ylim=(0, most),
    )
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14))
    figure.tight_layout()
    return figure


def _points(arm: Arm) -> list[Point]:
    recorded = sorted({s for run in arm.runs for s in run.run.steps("rollouts", ".jsonl.gz")})
    windows = [w.tolist() for w in np.array_split(recorded, min(WINDOWS, len(recorded) or 1))]
    found = [p for w in windows if w and (p := _over(arm, w)) is not None]
    found = found or _of_evaluations(arm)
    if not found:
        raise RunError(f"{arm.label}: neither rollouts nor evaluations tell p01 and p00")
    return found


def _over(arm: Arm, steps: Sequence[int]) -> Point | None:
    groups: list[TaskFacts] = []
    for run in arm.runs:
        known = set(run.run.steps("rollouts", ".jsonl.gz"))
        groups += matrices(run.run, [s for s in steps if s in known])
    if not groups:
        return None
    counts = [
        count(g, RightBy.ESTIMATE if g.right_U is None else RightBy.REFERENCE) for g in groups
    ]
    found = rates(by_task(groups, np.stack(counts)))
    p01, p00, p_u = (found.of[r].value for r in (Rate.P01, Rate.P00, Rate.P_U))
    if math.isnan(p01) or math.isnan(p00):
        return None
    return Point(steps[-1], p01, p00, p_u, found.mu().value)


def _of_evaluations(arm: Arm) -> list[Point]:
    """The evaluations of the arm's first run; p_u is the accuracy of its tests."""
    found = []
    for e in arm.runs[0].evaluations:
        values = [e["metrics"].get(k, {}).get("mean") for k in ("p01", "p00", "unit_test_accuracy")]
        mu = e["metrics"].get("mu", {}).get("mean")
        if None not in (*values, mu):
            p01, p00, p_u = map(float, values)
            found.append(Point(int(e["step"]), p01, p00, p_u, float(mu)))
    return found
