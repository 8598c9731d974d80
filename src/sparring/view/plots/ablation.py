"""Ablation bars: by how much each arm's last evaluation differs from the first arm's.

Differences are paired by held-out task, a task's value being the mean over an
arm's seeds, and so are the 95% intervals: they speak about other tasks, not
about other seeds, of which there are mostly too few. Where the tasks are not
the same, bars are the arms' own values and the title says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparring.errors import RunError
from sparring.evaluation.arm_figures import are_paired, last_figures, named
from sparring.evaluation.arms import Arm
from sparring.runs.labels import metric_labels
from sparring.view.plots.style import COLOURS

USUAL = ("pool_bon", "bon", "one_shot", "unit_test_accuracy")


def draw_bars(plt: Any, arms: Sequence[Arm], metrics: Sequence[str]) -> Any:
    """A panel for each metric, a bar for each arm. Raises `RunError` for a metric that has no
    values by task."""
    every = [r.per_task for a in arms for r in a.runs]
    usual = [name for name in USUAL if all(named(r, name) for r in every)]
    if not (metrics or usual):
        raise RunError("no evaluation by task on record: nothing to make bars of")
    found, paired = last_figures(arms, metrics or usual), are_paired(arms)
    shown = arms[1:] if paired else arms
    size = (2.4 * len(found) + 1.2, 0.42 * len(shown) + 1.3)
    figure, axes = plt.subplots(1, len(found), figsize=size, squeeze=False, sharey=True)
    for axis, (key, estimates) in zip(axes[0], found.items(), strict=True):
        for i, e in enumerate(estimates):
            colour = COLOURS[(i + paired) % len(COLOURS)]
            axis.barh(i, 100 * e.mean, color=colour, height=0.62, alpha=0.85)
            if e.low == e.low:  # not NaN
                error = [[100 * (e.mean - e.low)], [100 * (e.high - e.mean)]]
                axis.errorbar(100 * e.mean, i, xerr=error, color="black", capsize=3, linewidth=1)
        axis.set_yticks(range(len(shown)), [a.label for a in shown])
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set(title=metric_labels([key]).get(key, key), xlabel="points" if paired else "%")
        axis.grid(axis="x", alpha=0.25)
    title = f"difference from {arms[0].label}, paired by task" if paired else "last evaluation"
    if not paired and len(arms) > 1:
        title += " (not the same tasks: not paired)"
    axes[0][0].invert_yaxis()  # shared by all panels
    figure.suptitle(f"{title}; 95% intervals", fontsize=9)
    figure.tight_layout()
    return figure
