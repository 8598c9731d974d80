"""The curves of the overview, as SVG that follows the page's colours.

matplotlib draws them: it is a dependency anyway, its SVG needs no script, prints as it looks, and
adds about 10 KB a chart to the page, where a chart library in JavaScript would add tens of KB to
megabytes and a licence notice. What it lacks, reading off values and going to a step by a click,
the page's own script adds from the same numbers (`Chart.frame` says where the axes are).

Colours are written as markers and replaced by the page's CSS variables, so that one drawing
serves light and dark. No text of the run is drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparring.view.html.panels import Panel, Series

_INK, _GRID = "#010203", "#040506"
_RUNS = ("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05", "#0a0b06")
MOST_RUNS = len(_RUNS)
"""Runs that can be told apart in one chart."""
_MARKS = ("o", "s", "^", "D", "v", "P")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (7, 2)))
_SMOOTH = 9
"""Steps in the running mean of a noisy curve."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn panel. ``frame``: left and right edge of the axes, as shares of the width, and the
    steps that are there. ``values``: the series of each run."""

    panel: Panel
    svg: str
    frame: tuple[float, float, float, float]
    values: list[Series]


def draw(panel: Panel, runs: Sequence[Series]) -> Chart | None:
    """One panel with a curve for each run; None where no run has a value."""
    if not any(runs):
        return None
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    settings = {
        "svg.hashsalt": f"sparring-{panel.key}",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": _INK,
        "axes.labelcolor": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "text.color": _INK,
        "grid.color": _GRID,
        "path.simplify_threshold": 0.5,
    }
    scale = 100.0 if panel.percent else 1.0
    with plt.rc_context(settings):
        figure, axes = plt.subplots(figsize=(4.2, 2.4))
        for i, points in enumerate(runs):
            _curve(axes, points, i, scale, panel.evaluated)
        axes.grid(axis="y", linewidth=0.6)
        axes.set_xlabel("training step", fontsize=8)
        if panel.percent:
            axes.yaxis.set_major_formatter(lambda v, _: f"{v:.3g}%")
        axes.locator_params(axis="y", nbins=5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        figure.tight_layout(pad=0.6)
        box, (left, right) = axes.get_position(), axes.get_xlim()
        text = io.StringIO()
        figure.savefig(
            text, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
        plt.close(figure)
    return Chart(panel, _themed(text.getvalue()), (box.x0, box.x1, left, right), list(runs))


def _curve(axes: Any, points: Series, run: int, scale: float, evaluated: bool) -> None:
    colour, steps = _RUNS[run], [p[0] for p in points]
    values = [scale * p[1] for p in points]
    if evaluated:
        few = len(points) <= 40
        axes.plot(
            steps, values, color=colour, linestyle=_DASHES[run], linewidth=1.6,
            marker=_MARKS[run] if few else None, markersize=4,
        )  # fmt: skip
        banded = [p for p in points if p[2] is not None and p[3] is not None]
        axes.fill_between(
            [p[0] for p in banded],
            [scale * (p[2] or 0.0) for p in banded],
            [scale * (p[3] or 0.0) for p in banded],
            color=colour, alpha=0.18, linewidth=0,
        )  # fmt: skip
        return
    axes.plot(steps, values, color=colour, linewidth=0.8, alpha=0.4)
    half = _SMOOTH // 2
    mean = [_mean(values[max(0, i - half) : i + half + 1]) for i in range(len(values))]
    axes.plot(steps, mean, color=colour, linestyle=_DASHES[run], linewidth=1.6)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _themed(svg: str) -> str:
    """Only the drawing, without its own size and style sheet, in the page's colours."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", body, count=1)
    body = re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", body, count=1)
    body = body.replace("<svg ", '<svg aria-hidden="true" ', 1)
    for marker, name in ((_INK, "ink-2"), (_GRID, "line")):
        body = body.replace(marker, f"var(--{name})")
    for i, marker in enumerate(_RUNS):
        body = body.replace(marker, f"var(--run-{i})")
    return re.sub(r">\s*\n\s*<", "><", body)
