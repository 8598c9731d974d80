"""The curves of the page, as SVG that follows the page's colours.

matplotlib draws them: it is a dependency anyway, its SVG needs no script, prints as it looks, and
adds about 10 KB a chart to the page, where a chart library in JavaScript would add tens of KB to
megabytes and a licence notice. What it lacks, reading off values and going to a step by a click,
the page's own script adds from the same numbers (`Frame` says where the axes are).

Colours are written as markers and replaced by the page's CSS variables, so that one drawing
serves light and dark. No text of the run is drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

from sparring.evaluation.arm_figures import Point
from sparring.view.plots.style import draw_line, drawing, look

_INK, _GRID = "#010203", "#040506"
_RUNS = ("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05", "#0a0b06")
MOST_RUNS = len(_RUNS)
"""Runs that can be told apart in one chart."""
_SMOOTH = 9
"""Steps in the running mean of a noisy curve."""
_INKED = ("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "text.color")
_SETTINGS = {
    **dict.fromkeys(_INKED, _INK),
    "font.family": "sans-serif",
    "grid.color": _GRID,
    "path.simplify_threshold": 0.5,
}


Series = list[tuple[int, float, float | None, float | None]]
"""Of each point the step, the value, and the ends of its 95% interval."""
Frame = tuple[float, float, float, float]
"""Left and right edge of the axes, as shares of the width, and the steps that are there."""


def draw_chart(
    key: str, percent: bool, evaluated: bool, runs: Sequence[Series]
) -> tuple[str, Frame]:
    """The SVG of one panel with a curve for each run, and its frame."""
    scale = 100.0 if percent else 1.0
    with drawing({**_SETTINGS, "svg.hashsalt": f"sparring-{key}"}) as plt:
        figure, axes = plt.subplots(figsize=(4.2, 2.4))
        for i, series in enumerate(runs):
            _curve(axes, series, i, scale, evaluated)
        axes.grid(axis="y", linewidth=0.6)
        axes.set_xlabel("training step", fontsize=8)
        if percent:
            axes.yaxis.set_major_formatter(lambda v, _: f"{v:.3g}%")
        axes.locator_params(axis="y", nbins=5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        figure.tight_layout(pad=0.6)
        box, (left, right) = axes.get_position(), axes.get_xlim()
        text = io.StringIO()
        undated = {"Date": None, "Creator": None}
        figure.savefig(text, format="svg", transparent=True, metadata=undated)
        plt.close(figure)
    return _themed(text.getvalue()), (box.x0, box.x1, left, right)


def _curve(axes: Any, series: Series, run: int, scale: float, evaluated: bool) -> None:
    """An evaluation's figure with its intervals; a step's as it is, and its running mean."""
    unknown = float("nan")
    points: list[Point] = [
        (x, y, unknown if low is None else low, unknown if high is None else high)
        for x, y, low, high in series
    ]
    looks = look(run, color=_RUNS[run], linewidth=1.6)
    if evaluated:
        few = {} if len(points) <= 40 else {"marker": None}
        draw_line(axes, points, scale, **{**looks, **few})
        return
    axes.plot(
        [p[0] for p in points], [scale * p[1] for p in points],
        color=_RUNS[run], linewidth=0.8, alpha=0.4,
    )  # fmt: skip
    near = [points[max(0, i - _SMOOTH // 2) : i + _SMOOTH // 2 + 1] for i in range(len(points))]
    mean = [
        (p[0], sum(x[1] for x in n) / len(n), unknown, unknown)
        for p, n in zip(points, near, strict=True)
    ]
    draw_line(axes, mean, scale, **{**looks, "marker": None})


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
