"""Curves over training, an arm each: the mean of its seeds in a band from the least to the
greatest; of a single run, an evaluation's 95% interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from sparring.errors import RunError
from sparring.runs.tables import PLAIN, figure, metric_labels
from sparring.view.plots.arms import Arm, RunData
from sparring.view.plots.style import COLOURS, MARKERS, STYLES

USUAL = ("one_shot", "unit_test_accuracy", "bon", "pool_bon")
"""What is drawn where nothing else is asked for."""
_TRAINING = {
    "one_shot": "programs right",
    "tests_right": "tests right",
    "tests_invalid": "tests invalid",
    "groups_dropped": "groups dropped",
}
Point = tuple[float, float, float, float]
"""Step, middle, low, high."""


def draw_curves(plt: Any, arms: Sequence[Arm], metrics: Sequence[str]) -> Any:
    """A figure with one panel for each metric: of the evaluations by its name (``bon`` is any
    size), else of the training steps (``coder.entropy``). Raises `RunError` for one that no run
    has."""
    names = list(metrics) or [m for m in USUAL if any(_evaluated(a, m) for a in arms)]
    if all(run.evaluation for arm in arms for run in arm.runs):
        raise RunError("nothing was trained here, so there are no curves; --kind grid or ablation")
    if not names:
        raise RunError("no evaluation on record to draw curves of; name a --metric of the steps")
    figure, axes = plt.subplots(
        1, len(names), figsize=(2.9 * len(names) + 0.4, 2.7), squeeze=False, sharex=True
    )
    for axis, name in zip(axes[0], names, strict=True):
        _panel(axis, arms, name)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.tight_layout()
    figure.legend(
        handles, labels, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=min(4, len(labels))
    )
    return figure


def _panel(axis: Any, arms: Sequence[Arm], name: str) -> None:
    any_points, scale, title = False, 1.0, name
    for i, arm in enumerate(arms):
        points = _evaluated(arm, name)
        if points:
            title, scale = _title(arm, name)
        else:
            points = _trained(arm, name)
            share = name in _TRAINING
            title, scale = (f"{_TRAINING[name]}, in training", 100.0) if share else (name, 1.0)
        if not points:
            continue
        any_points = True
        x = [p[0] for p in points]
        middle, low, high = ([scale * p[n] for p in points] for n in (1, 2, 3))
        colour = COLOURS[i % len(COLOURS)]
        axis.plot(
            x,
            middle,
            color=colour,
            linestyle=STYLES[i % len(STYLES)],
            marker=MARKERS[i % len(MARKERS)] if len(x) < 20 else None,
            markersize=4,
            linewidth=1.2,
            label=_name(arm),
        )
        known = [n for n in range(len(x)) if not math.isnan(low[n])]
        if known:
            axis.fill_between(
                [x[n] for n in known],
                [low[n] for n in known],
                [high[n] for n in known],
                color=colour,
                alpha=0.18,
                linewidth=0,
            )
    if not any_points:
        raise RunError(f"--metric {name}: no run has it; {_there(arms)}")
    axis.set(xlabel="training step", title=title, ylabel="%" if scale == 100 else "")
    axis.grid(alpha=0.25)


def _there(arms: Sequence[Arm]) -> str:
    """The names of what runs have curves of."""
    runs = [run for arm in arms for run in arm.runs]
    evaluated = {k for r in runs for e in r.evaluations for k in e["metrics"]}
    steps = {k for r in runs for m in r.metrics[-1:] for k in _dotted(m) if k != "step"}
    return (
        f"evaluations have {', '.join(sorted(evaluated)) or 'nothing'}; "
        f"steps have {', '.join(sorted(steps)) or 'nothing'}"
    )


def _dotted(record: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """The numbers of a record by their dotted names."""
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{before}{key}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield f"{before}{key}"


def _name(arm: Arm) -> str:
    return arm.label if len(arm.runs) == 1 else f"{arm.label} ({len(arm.runs)} seeds)"


def _title(arm: Arm, name: str) -> tuple[str, float]:
    found = _key(arm.runs[0].evaluations[0]["metrics"], name) or name
    label = metric_labels([found]).get(found, found)
    return label, 1.0 if found in PLAIN else 100.0


def _key(metrics: Mapping[str, Any], name: str) -> str | None:
    """The metric of that name, or the first of a family (bon: bon_8x8)."""
    if name in metrics:
        return name
    return next(
        (k for k in metrics if k.startswith(f"{name}_") and k[len(name) + 1 :][:1].isdigit()), None
    )


def _evaluated(arm: Arm, name: str) -> list[Point]:
    """The arm's evaluations. Where its runs ended at different steps they are matched by their
    order, at the mean of their steps."""
    series = [_of_run(run, name) for run in arm.runs]
    series = [s for s in series if s]
    if not series:
        return []
    if len(series) == 1:
        return series[0]
    if len({len(s) for s in series}) == 1:
        return [_over_seeds(points) for points in zip(*series, strict=True)]
    common = set.intersection(*({p[0] for p in s} for s in series))
    return [_over_seeds([p for s in series for p in s if p[0] == x]) for x in sorted(common)]


def _of_run(run: RunData, name: str) -> list[Point]:
    found = []
    for e in run.evaluations:
        key = _key(e["metrics"], name)
        value = e["metrics"][key] if key else {}
        if value.get("mean") is not None:
            low, high = (value.get(k) for k in ("low", "high"))
            bounds = (math.nan if b is None else float(b) for b in (low, high))
            found.append((float(e["step"]), float(value["mean"]), *bounds))
    return found  # type: ignore[return-value]  # two bounds


def _trained(arm: Arm, name: str) -> list[Point]:
    """A figure of the training steps that all of the arm's runs have made."""
    series = [{m["step"]: figure(m, name) for m in run.metrics} for run in arm.runs]
    steps = sorted(set.intersection(*(set(s) for s in series)))
    rows = [
        [(float(x), v, math.nan, math.nan) for s in series if (v := s[x]) is not None]
        for x in steps
    ]
    return [_over_seeds(row) for row in rows if row]


def _over_seeds(points: Sequence[Point]) -> Point:
    middle = [p[1] for p in points]
    step = float(np.mean([p[0] for p in points]))
    if len(points) == 1:
        return points[0]
    return step, float(np.mean(middle)), min(middle), max(middle)
