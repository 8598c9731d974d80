"""The plane of p01 and p00, how often a wrong program passes a right and a wrong test, with the
contours of μ: where an arm's tests went during training.

Points are rates over windows of recorded steps (all seeds of an arm together),
or without rollouts those of the evaluations. μ depends on p_u as well, which
has no axis: the contours are those of the p_u that the title names, the last
one of the first arm; the legend has the arms' own μ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparring.evaluation.arm_figures import plane_points
from sparring.evaluation.arms import Arm
from sparring.view.plots.style import BELOW, look


def draw_plane(plt: Any, arms: Sequence[Arm]) -> Any:
    """One plane for all arms. Raises `RunError` where no rate is known."""
    points = [plane_points(arm) for arm in arms]
    figure, axis = plt.subplots(figsize=(4.6, 4.2))
    p_u = points[0][-1].p_u
    most = min(1.0, 1.15 * max(max(p.p01, p.p00) for row in points for p in row) + 0.02)
    x, y = np.meshgrid(np.linspace(0, most, 101), np.linspace(0, most, 101))
    mu = p_u * (1 - x) - (1 - p_u) * y
    contours = axis.contour(x, y, mu, levels=12, colors="#888888", linewidths=0.7)
    axis.clabel(contours, fmt="%.2f", fontsize=7)
    for i, (arm, row) in enumerate(zip(arms, points, strict=True)):
        xs, ys = [p.p01 for p in row], [p.p00 for p in row]
        label = (
            f"{arm.label}: μ {row[0].mu:.2f} → {row[-1].mu:.2f}, "
            f"steps {row[0].step} → {row[-1].step}"
        )
        axis.plot(xs, ys, label=label, **look(i, linestyle="-", markersize=5))
        begin = look(i, linestyle="none", markersize=9, markerfacecolor="white")
        axis.plot(xs[:1], ys[:1], **begin)
    axis.set(
        xlabel="p01: a wrong program passes a right test",
        ylabel="p00: a wrong program passes a wrong test",
        title=f"contours: μ at p_u = {p_u:.2f}; hollow: where it begins",
        xlim=(0, most),
        ylim=(0, most),
    )
    axis.legend(**BELOW)
    figure.tight_layout()
    return figure
