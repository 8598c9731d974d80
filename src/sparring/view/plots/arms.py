"""Plots of arms for papers: Best-of-N grids, the plane of p01 and p00, ablation bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparring.errors import RunError
from sparring.evaluation.arm_figures import (
    Grid,
    are_paired,
    grids,
    last_figures,
    metric_key,
    plane_points,
)
from sparring.evaluation.arms import Arm
from sparring.runs.labels import metric_labels
from sparring.view.plots.style import BELOW, COLOURS, line_style

_BARS = ("pool_bon", "bon", "pass@1", "unit_test_accuracy")
"""Figures that bars show where the user names none."""


def draw_grids(plt: Any, arms: Sequence[Arm], steps: range | None) -> Any:
    """Draw Best-of-N grids (the paper's Figure 4), a row of panels for each arm.

    A cell is the expected share of solved tasks. Rows are numbers of programs, columns numbers of
    tests that choose among the programs. Raises `RunError` where there are no rollouts.
    """
    rows = [grids(arm, steps) for arm in arms]
    wide, most = max(map(len, rows)), max(value.max() for row in rows for _, value, _, _ in row)
    size = (2.7 * wide + 0.6, 2.1 * len(arms) + 0.5)
    figure, axes = plt.subplots(len(arms), wide, figsize=size, squeeze=False)
    for line, arm, row in zip(axes, arms, rows, strict=True):
        for axis, one in zip(line, row, strict=False):
            _draw_grid(axis, arm.label, one, max(most, 1e-9))
    figure.tight_layout()
    return figure


def _draw_grid(axis: Any, label: str, one: Grid, most: float) -> None:
    title, value, ns, ms = one
    axis.imshow(100 * value, cmap="cividis", vmin=0, vmax=100 * most, aspect="auto")
    for (i, j), v in np.ndenumerate(value):
        colour = "black" if v > 0.6 * most else "white"
        axis.text(j, i, f"{100 * v:.1f}", ha="center", va="center", color=colour, fontsize=8)
    axis.set_xticks(range(len(ms)), [str(m) for m in ms])
    axis.set_yticks(range(len(ns)), [str(n) for n in ns])
    axis.set(xlabel="tests", ylabel="programs", title=f"{label}, {title}: solved, %")
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def draw_plane(plt: Any, arms: Sequence[Arm]) -> Any:
    """Draw the path of each arm's tests on the plane of p01 and p00.

    μ also depends on p_u, which has no axis. The contours of μ are for the p_u in the title, which
    is the last p_u of the first arm. The legend has each arm's own μ. Raises `RunError` where no
    rate is known.
    """
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
        axis.plot(xs, ys, label=label, **line_style(i, linestyle="-", markersize=5))
        start = line_style(i, linestyle="none", markersize=9, markerfacecolor="white")
        axis.plot(xs[:1], ys[:1], **start)
    axis.set(
        xlabel="p01: a wrong program passes a right test",
        ylabel="p00: a wrong program passes a wrong test",
        title=f"contours: μ at p_u = {p_u:.2f}; hollow marker: start",
        xlim=(0, most),
        ylim=(0, most),
    )
    axis.legend(**BELOW)
    figure.tight_layout()
    return figure


def draw_bars(plt: Any, arms: Sequence[Arm], metrics: Sequence[str]) -> Any:
    """Draw a panel for each metric, with a bar for each arm.

    A bar is the difference of an arm's last evaluation from the first arm's, paired by held-out
    task; a task's value is the mean over seeds. So the intervals tell how the figures could differ
    on other tasks, not with other seeds. Where the arms' tasks differ, a bar is an arm's own value.
    Raises `RunError` for a metric without values by task.
    """
    per_task = [r.per_task for a in arms for r in a.runs]
    usual = [name for name in _BARS if all(metric_key(r, name) for r in per_task)]
    if not (metrics or usual):
        raise RunError("no evaluation by task is recorded, so there are no bars to draw")
    by_metric, paired = last_figures(arms, metrics or usual), are_paired(arms)
    drawn = arms[1:] if paired else arms
    size = (2.4 * len(by_metric) + 1.2, 0.42 * len(drawn) + 1.3)
    figure, axes = plt.subplots(1, len(by_metric), figsize=size, squeeze=False, sharey=True)
    for axis, (key, estimates) in zip(axes[0], by_metric.items(), strict=True):
        for i, e in enumerate(estimates):
            colour = COLOURS[(i + paired) % len(COLOURS)]
            axis.barh(i, 100 * e.mean, color=colour, height=0.62, alpha=0.85)
            if e.low == e.low:  # not NaN
                error = [[100 * (e.mean - e.low)], [100 * (e.high - e.mean)]]
                axis.errorbar(100 * e.mean, i, xerr=error, color="black", capsize=3, linewidth=1)
        axis.set_yticks(range(len(drawn)), [a.label for a in drawn])
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set(title=metric_labels([key]).get(key, key), xlabel="points" if paired else "%")
        axis.grid(axis="x", alpha=0.25)
    title = f"difference from {arms[0].label}, paired by task" if paired else "last evaluation"
    if not paired and len(arms) > 1:
        title += " (not the same tasks: not paired)"
    axes[0][0].invert_yaxis()  # all panels share the y axis
    figure.suptitle(f"{title}; 95% intervals", fontsize=9)
    figure.tight_layout()
    return figure
