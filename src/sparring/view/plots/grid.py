"""Best-of-N grids: rows are programs sampled, columns the tests that choose among them.

The paper's Figure 4, from a run's own rollouts: the first steps and the last
ones on record, or those that are asked for. Each cell is the expected share of
tasks solved (`scoring.selection.best_of`), over the groups of these steps;
tests right or wrong choose alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparring.errors import RunError
from sparring.matrix import Floats
from sparring.metrics.facts import TaskFacts
from sparring.selection.best_of_n import best_of
from sparring.view.plots.arms import Arm
from sparring.view.plots.groups import matrices

ENDS = 3
"""Steps that a panel has where none are asked for."""
_DRAWS = 12
"""Subsets of the tests of one group: the mean is over groups, which differ by far more."""


def draw_grids(plt: Any, arms: Sequence[Arm], steps: range | None) -> Any:
    """A row of panels for each arm. Raises `RunError` where there are no rollouts."""
    panels = [_panels(arm, steps) for arm in arms]
    wide, most = max(map(len, panels)), max(v.max() for row in panels for _, v, _, _ in row)
    figure, axes = plt.subplots(
        len(arms), wide, figsize=(2.7 * wide + 0.6, 2.1 * len(arms) + 0.5), squeeze=False
    )
    for row, arm, line in zip(axes, arms, panels, strict=True):
        for axis, (title, value, ns, ms) in zip(row, line, strict=False):
            _panel(axis, f"{arm.label}, {title}", value, (ns, ms), max(most, 1e-9))
    figure.tight_layout()
    return figure


Panel = tuple[str, Floats, list[int], list[int]]


def _panels(arm: Arm, steps: range | None) -> list[Panel]:
    recorded = [run.run.steps("rollouts", ".jsonl.gz") for run in arm.runs]
    if not any(recorded):
        raise RunError(f"{arm.label}: no rollouts on record to make a grid of")
    if steps is not None:
        chosen = [[s for s in known if s in steps] for known in recorded]
        if not any(chosen):
            raise RunError(f"{arm.label}: no rollouts of steps {steps[0]} to {steps[-1]} on record")
        return [_panel_of(arm, f"steps {steps[0]}–{steps[-1]}", chosen)]
    if {s for known in recorded for s in known} == {0}:  # evaluations: nothing comes after them
        return [_panel_of(arm, "all tasks", recorded)]
    shortest = max(1, min(ENDS, *(len(known) // 2 for known in recorded if known)))
    first = [known[:shortest] for known in recorded]
    last = [known[-shortest:] for known in recorded]
    return [
        _panel_of(arm, f"first {shortest} steps", first),
        _panel_of(arm, f"last {shortest}", last),
    ]


def _panel_of(arm: Arm, title: str, chosen: Sequence[Sequence[int]]) -> Panel:
    groups = [
        g for run, steps in zip(arm.runs, chosen, strict=True) for g in matrices(run.run, steps)
    ]
    if not groups:
        raise RunError(f"{arm.label}: no group with tests in these steps")
    value, ns, ms = grid(groups)
    return title, value, ns, ms


def grid(groups: Sequence[TaskFacts]) -> tuple[Floats, list[int], list[int]]:
    """Expected Best-of-(n, m) [n, m] over groups, and the sizes: powers of two and the whole."""
    shapes = [g.matrix.passed_PU.shape for g in groups]
    ns, ms = (_sizes(min(s[axis] for s in shapes)) for axis in (0, 1))
    ns = [n for n in ns if n > 1] or ns
    value = np.array(
        [
            [
                np.mean(
                    [
                        best_of(g.matrix, n, m, g.parsed_U, draws=_DRAWS, seed=i).value
                        for i, g in enumerate(groups)
                    ]
                )
                for m in ms
            ]
            for n in ns
        ]
    )
    return value, ns, ms


def _sizes(most: int) -> list[int]:
    found = [2**k for k in range(most.bit_length()) if 2**k < most]
    return [*found, most]


def _panel(
    axis: Any, title: str, value: Floats, sizes: tuple[list[int], list[int]], most: float
) -> None:
    axis.imshow(100 * value, cmap="cividis", vmin=0, vmax=100 * most, aspect="auto")
    for (i, j), v in np.ndenumerate(value):
        colour = "black" if v > 0.6 * most else "white"
        axis.text(j, i, f"{100 * v:.1f}", ha="center", va="center", color=colour, fontsize=8)
    axis.set_xticks(range(len(sizes[1])), [str(m) for m in sizes[1]])
    axis.set_yticks(range(len(sizes[0])), [str(n) for n in sizes[0]])
    axis.set(xlabel="tests", ylabel="programs", title=f"{title}: solved, %")
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
