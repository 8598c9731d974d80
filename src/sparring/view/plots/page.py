"""Curves of the report as SVG in the page's colours.

Placeholder colours are replaced by the page's CSS variables, so that one drawing serves the light
and the dark theme. matplotlib adds about 10 KB per chart; a chart library in JavaScript would add
up to megabytes. The page's script reads values off the same numbers; `Frame` tells the script where
the axes are. No text of the run is drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

from sparring.evaluation.arm_figures import Point
from sparring.view.plots.style import draw_line, drawing, line_style

_INK, _GRID = "#010203", "#040506"
_RUNS = ("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05", "#0a0b06")
MOST_RUNS = len(_RUNS)
"""Most runs in one chart: each has a colour of its own."""
_SMOOTH = 9
"""Number of steps in the running mean of a noisy curve."""
_INKED = ("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "text.color")
_SETTINGS = {
    **dict.fromkeys(_INKED, _INK),
    "font.family": "sans-serif",
    "grid.color": _GRID,
    "path.simplify_threshold": 0.5,
}
Frame = tuple[float, float, float, float]
"""Left and right edge of the axes, as shares of the width, and the steps at these edges."""


def draw_chart(
    key: str, percent: bool, evaluated: bool, runs: Sequence[Sequence[Point]]
) -> tuple[str, Frame]:
    """Draw one panel with a curve for each run; return its SVG and its frame."""
    scale = 100.0 if percent else 1.0
    with drawing({**_SETTINGS, "svg.hashsalt": f"sparring-{key}"}) as plt:
        figure, axes = plt.subplots(figsize=(4.2, 2.4))
        for i, points in enumerate(runs):
            _curve(axes, points, i, scale, evaluated)
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


def _curve(axes: Any, points: Sequence[Point], run: int, scale: float, evaluated: bool) -> None:
    """Draw a curve: evaluations with their intervals, steps as a thin line and a running mean."""
    looks = line_style(run, color=_RUNS[run], linewidth=1.6)
    if evaluated:
        few = {} if len(points) <= 40 else {"marker": None}
        draw_line(axes, points, scale, **{**looks, **few})
        return
    draw_line(axes, points, scale, color=_RUNS[run], linewidth=0.8, alpha=0.4)
    windows = [points[max(0, i - _SMOOTH // 2) : i + _SMOOTH // 2 + 1] for i in range(len(points))]
    means = [sum(p[1] for p in some) / len(some) for some in windows]
    smooth = [(p[0], mean, *p[2:]) for p, mean in zip(points, means, strict=True)]
    draw_line(axes, smooth, scale, **{**looks, "marker": None})


def _themed(svg: str) -> str:
    """Return the drawing in the page's colours, without its own size and style sheet."""
    body = svg[svg.index("<svg") :]
    for part in (r"<defs>\s*<style.*?</style>\s*</defs>", r"<metadata>.*?</metadata>"):
        body = re.sub(part, "", body, flags=re.DOTALL)
    body = re.sub(r' (width|height)="[^"]*"', "", body[: body.index(">")]) + body[body.index(">") :]
    body = body.replace("<svg ", '<svg aria-hidden="true" ', 1)
    for marker, name in ((_INK, "ink-2"), (_GRID, "line")):
        body = body.replace(marker, f"var(--{name})")
    for i, marker in enumerate(_RUNS):
        body = body.replace(marker, f"var(--run-{i})")
    return re.sub(r">\s*\n\s*<", "><", body)
