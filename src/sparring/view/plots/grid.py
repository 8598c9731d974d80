"""Best-of-N grids: rows are programs sampled, columns the tests that choose among them.

The paper's Figure 4, from a run's own rollouts: the first steps and the last
ones on record, or those that are asked for. Each cell is the expected share of
tasks solved (`evaluation.recorded.grid`) over the groups of these steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparring.evaluation.arm_figures import Grid, grids
from sparring.evaluation.arms import Arm


def draw_grids(plt: Any, arms: Sequence[Arm], steps: range | None) -> Any:
    """A row of panels for each arm. Raises `RunError` where there are no rollouts."""
    rows = [grids(arm, steps) for arm in arms]
    wide, most = max(map(len, rows)), max(value.max() for row in rows for _, value, _, _ in row)
    size = (2.7 * wide + 0.6, 2.1 * len(arms) + 0.5)
    figure, axes = plt.subplots(len(arms), wide, figsize=size, squeeze=False)
    for line, arm, row in zip(axes, arms, rows, strict=True):
        for axis, one in zip(line, row, strict=False):
            _draw(axis, arm.label, one, max(most, 1e-9))
    figure.tight_layout()
    return figure


def _draw(axis: Any, label: str, one: Grid, most: float) -> None:
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
