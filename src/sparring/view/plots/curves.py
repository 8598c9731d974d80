"""Curves over training: for papers a curve for each arm, and the curves that a run writes.

The curve of an arm with several seeds is their mean, in a band from the least to the greatest
value. The curve of a single run has the 95% intervals of its evaluations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparring.errors import RunError
from sparring.evaluation.arm_figures import (
    evaluated,
    evaluation_points,
    known_figures,
    metric_key,
    step_points,
    trained,
)
from sparring.evaluation.arms import Arm
from sparring.runs.labels import PLAIN, metric_labels
from sparring.view.plots.style import BELOW, COLOURS, draw_line, drawing, line_style

USUAL = ("pass@1", "unit_test_accuracy", "bon", "pool_bon")
"""Figures that are drawn where the user names none."""
_TRAINING = {
    "pass@1": ("programs right", COLOURS[0], "-"),
    "tests_right": ("tests right", COLOURS[1], "-"),
    "tests_invalid": ("tests invalid", COLOURS[1], ":"),
    "groups_dropped": ("groups dropped", COLOURS[6], "--"),
}


def draw_curves(plt: Any, arms: Sequence[Arm], metrics: Sequence[str]) -> Any:
    """Draw one panel for each metric.

    A metric is a figure of the evaluations (``bon`` finds any size), or else of the training steps
    (``coder.entropy``). Raises `RunError` for a metric that no run has.
    """
    names = list(metrics) or [m for m in USUAL if any(evaluated(a, m) for a in arms)]
    if all(run.evaluation for arm in arms for run in arm.runs):
        raise RunError("evaluations have no curves; give --kind grid or --kind ablation")
    if not names:
        raise RunError("no evaluation is recorded to draw curves of; name a --metric of the steps")
    figure, axes = plt.subplots(
        1, len(names), figsize=(2.9 * len(names) + 0.4, 2.7), squeeze=False, sharex=True
    )
    for axis, name in zip(axes[0], names, strict=True):
        _panel(axis, arms, name)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.tight_layout()
    below = {**BELOW, "bbox_to_anchor": (0.5, 0.0)}
    figure.legend(handles, labels, **below, ncols=min(4, len(labels)))
    return figure


def _panel(axis: Any, arms: Sequence[Arm], name: str) -> None:
    title, scale = "", 1.0
    for i, arm in enumerate(arms):
        if points := evaluated(arm, name):
            key = metric_key(arm.runs[0].evaluations[0]["metrics"], name) or name
            title, scale = metric_labels([key]).get(key, key), 1.0 if key in PLAIN else 100.0
        elif points := trained(arm, name):
            share = name in _TRAINING
            title, scale = (f"{_TRAINING[name][0]}, in training", 100.0) if share else (name, 1.0)
        else:
            continue
        seeds = f" ({len(arm.runs)} seeds)" if len(arm.runs) > 1 else ""
        more = {} if len(points) < 20 else {"marker": None}
        draw_line(axis, points, scale, label=arm.label + seeds, **line_style(i, **more))
    if not title:
        evaluations, steps = (", ".join(names) or "nothing" for names in known_figures(arms))
        raise RunError(
            f"--metric {name}: no run has it; evaluations have {evaluations}; steps have {steps}"
        )
    axis.set(xlabel="training step", title=title, ylabel="%" if scale == 100 else "")
    axis.grid(alpha=0.25)


def plot_curves(
    evaluations: Sequence[Mapping[str, Any]], metrics: Sequence[Mapping[str, Any]], stem: Path
) -> None:
    """Write ``stem``.svg and ``stem``.png with a run's evaluations and its training batches."""
    settings = {"svg.fonttype": "path", "legend.fontsize": 7.5}
    with drawing(settings) as plt:
        figure, (held_out, training) = plt.subplots(1, 2, figsize=(9.6, 4.2), width_ratios=(3, 2))
        labels = metric_labels(evaluations[0]["metrics"]) if evaluations else {}
        for i, name in enumerate((*USUAL, "catch_rate")):
            if (key := metric_key(labels, name)) is not None:
                looks = line_style(i, linestyle="-", linewidth=1.5, label=labels[key])
                draw_line(held_out, evaluation_points(evaluations, key), 100, **looks)
        _finish(held_out, "% of held-out", "held-out tasks, with 95% intervals", 3)
        for key, (label, colour, dashes) in _TRAINING.items():
            looks = {"label": label, "color": colour, "linestyle": dashes, "linewidth": 1}
            draw_line(training, step_points(metrics, key), 100, **looks)
        _finish(training, "% of the step's batch", "training batches", 2)
        figure.tight_layout()
        figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
        figure.savefig(stem.with_suffix(".png"), dpi=160)
        plt.close(figure)


def _finish(axis: Any, share: str, title: str, columns: int) -> None:
    axis.set(xlabel="training step", ylabel=share, ylim=(0, 100), title=title)
    axis.grid(alpha=0.25)
    if axis.lines:
        axis.legend(**BELOW, ncols=columns)
