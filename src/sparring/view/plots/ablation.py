"""Ablation bars: by how much each arm's last evaluation differs from the first arm's.

Differences are paired by held-out task, a task's value being the mean over an
arm's seeds, and so are the 95% intervals: they speak about other tasks, not
about other seeds, of which there are mostly too few. Where the tasks are not
the same, bars are the arms' own values and the title says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparring.errors import RunError
from sparring.matrix import Floats
from sparring.metrics.intervals import Estimate
from sparring.metrics.named import mean_of
from sparring.metrics.shares import share_difference
from sparring.runs.tables import metric_labels
from sparring.view.plots.arms import Arm
from sparring.view.plots.style import COLOURS

USUAL = ("pool_bon", "bon", "one_shot", "unit_test_accuracy")


def draw_bars(plt: Any, arms: Sequence[Arm], metrics: Sequence[str]) -> Any:
    """A panel for each metric, a bar for each arm. Raises `RunError` for a metric that has no
    values by task."""
    names = _names(arms, metrics)
    paired = len(arms) > 1 and len({r.tasks for a in arms for r in a.runs}) == 1
    shown = arms[1:] if paired else arms
    figure, axes = plt.subplots(
        1,
        len(names),
        figsize=(2.4 * len(names) + 1.2, 0.42 * len(shown) + 1.3),
        squeeze=False,
        sharey=True,
    )
    for axis, name in zip(axes[0], names, strict=True):
        values = [_by_task(arm, name) for arm in arms]
        estimates = (
            [share_difference(values[0], v) for v in values[1:]]
            if paired
            else [mean_of(name, v) for v in values]
        )
        _panel(axis, shown, estimates, metric_labels([name]).get(name, name), paired)
    title = f"difference from {arms[0].label}, paired by task" if paired else "last evaluation"
    if not paired and len(arms) > 1:
        title += " (not the same tasks: not paired)"
    axes[0][0].invert_yaxis()  # shared by all panels
    figure.suptitle(f"{title}; 95% intervals", fontsize=9)
    figure.tight_layout()
    return figure


def _panel(
    axis: Any, arms: Sequence[Arm], estimates: Sequence[Estimate], label: str, paired: bool
) -> None:
    for i, e in enumerate(estimates):
        colour = COLOURS[(i + paired) % len(COLOURS)]
        axis.barh(i, 100 * e.mean, color=colour, height=0.62, alpha=0.85)
        if e.low == e.low:
            error = [[100 * (e.mean - e.low)], [100 * (e.high - e.mean)]]
            axis.errorbar(100 * e.mean, i, xerr=error, color="black", capsize=3, linewidth=1)
    axis.set_yticks(range(len(arms)), [a.label for a in arms])
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set(title=label, xlabel="points" if paired else "%")
    axis.grid(axis="x", alpha=0.25)


def _names(arms: Sequence[Arm], metrics: Sequence[str]) -> list[str]:
    every = [set(r.per_task) for a in arms for r in a.runs]
    common = set.intersection(*every) if every else set()
    found = []
    for name in metrics or USUAL:
        family = sorted(k for k in common if k == name or _sized(k, name))
        if family:
            found.append(family[0])
        elif metrics:
            known = ", ".join(sorted(common)) or "nothing"
            raise RunError(f"--metric {name}: not in every run by task; there is {known}")
    if not found:
        raise RunError("no evaluation by task on record: nothing to make bars of")
    return found


def _sized(key: str, name: str) -> bool:
    return key.startswith(f"{name}_") and key[len(name) + 1 :][:1].isdigit()


def _by_task(arm: Arm, name: str) -> Floats:
    """The arm's values by task, the mean over its seeds."""
    rows = [run.per_task[name] for run in arm.runs]
    if len({len(r) for r in rows}) > 1:
        raise RunError(f"{arm.label}: its runs were evaluated on different numbers of tasks")
    return np.asarray(np.mean(rows, axis=0))
