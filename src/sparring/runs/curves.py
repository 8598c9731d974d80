"""The curves of a run as SVG and PNG: evaluations with their intervals, and training rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparring.runs.tables import metric_labels

# Okabe and Ito's colours: told apart by colour-blind readers; each has its own marker as well.
_LINES = (
    ("one_shot", "#0072B2", "o"),
    ("unit_test_accuracy", "#D55E00", "s"),
    ("bon_", "#009E73", "^"),
    ("pool_bon_", "#CC79A7", "D"),
    ("catch_rate", "#E69F00", "v"),
)
# Below the axes, where a legend hides no curve.
_BELOW: dict[str, Any] = {
    "fontsize": 7.5,
    "frameon": False,
    "loc": "upper center",
    "bbox_to_anchor": (0.5, -0.14),
}


def plot_curves(
    evaluations: Sequence[Mapping[str, Any]], metrics: Sequence[Mapping[str, Any]], stem: Path
) -> None:
    """Write ``stem``.svg and ``stem``.png. The same data gives the same SVG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    settings = {
        "svg.hashsalt": "sparring",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with plt.rc_context(settings):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.2), width_ratios=(3, 2))
        labels = metric_labels(evaluations[0]["metrics"]) if evaluations else {}
        for start, colour, marker in _LINES:
            name = next((k for k in labels if k.startswith(start)), None)
            if name is None:
                continue
            points = [
                (e["step"], e["metrics"][name])
                for e in evaluations
                if e["metrics"].get(name, {}).get("mean") is not None
            ]
            steps = [s for s, _ in points]
            left.plot(
                steps,
                [100 * p["mean"] for _, p in points],
                color=colour,
                marker=marker,
                markersize=4,
                label=labels[name],
            )
            banded = [(s, p) for s, p in points if p.get("low") is not None]
            left.fill_between(
                [s for s, _ in banded],
                [100 * p["low"] for _, p in banded],
                [100 * p["high"] for _, p in banded],
                color=colour,
                alpha=0.15,
                linewidth=0,
            )
        left.set(xlabel="training step", ylabel="% of held-out", ylim=(0, 100))
        left.set_title("held-out tasks, with 95% intervals", fontsize=9)
        left.grid(alpha=0.25)
        if labels:
            left.legend(**_BELOW, ncols=3)
        _training(right, metrics)
        figure.tight_layout()
        figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None})
        figure.savefig(stem.with_suffix(".png"), dpi=160)
        plt.close(figure)


def _training(axes: Any, metrics: Sequence[Mapping[str, Any]]) -> None:
    steps = [m["step"] for m in metrics]
    for key, label, colour, style in (
        ("one_shot", "programs right", "#0072B2", "-"),
        ("tests_right", "tests right", "#D55E00", "-"),
        ("tests_invalid", "tests invalid or unparsed", "#D55E00", ":"),
        ("groups_dropped", "groups without signal", "#555555", "--"),
    ):
        values = [m.get(key) for m in metrics]
        known = [(s, 100 * v) for s, v in zip(steps, values, strict=True) if v is not None]
        axes.plot(
            [s for s, _ in known],
            [v for _, v in known],
            color=colour,
            linestyle=style,
            linewidth=1,
            label=label,
        )
    axes.set(xlabel="training step", ylabel="% of the step's batch", ylim=(0, 100))
    axes.set_title("training batches", fontsize=9)
    axes.grid(alpha=0.25)
    axes.legend(**_BELOW, ncols=2)
