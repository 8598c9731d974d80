"""The curves of the overview, as SVG that follows the page's colours.

matplotlib draws them: it is a dependency anyway, its SVG needs no script, prints as it looks, and
adds about 10 KB a chart to the page, where a chart library in JavaScript would add from 50 KB to
4 MB and a licence notice. What it lacks, reading off values and going to a step by a click, the
page's own script adds from the same numbers (`Chart.frame` says where the axes are).

Colours are written as markers and replaced by the page's CSS variables, so that one drawing
serves light and dark. No text of the run is drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Point = tuple[int, float, float | None, float | None]
"""Step, value, and the ends of its 95% interval."""
Series = list[Point]

_INK, _GRID = "#010203", "#040506"
_RUNS = ("#0a0b01", "#0a0b02", "#0a0b03", "#0a0b04", "#0a0b05", "#0a0b06")
MOST_RUNS = len(_RUNS)
"""Runs that can be told apart in one chart."""
_MARKS = ("o", "s", "^", "D", "v", "P")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (7, 2)))
_SMOOTH = 9
"""Steps in the running mean of a noisy curve."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: what it shows, in words, and where its values are. ``of``: from an evaluation's
    metrics (with intervals) or from a step's line; ``percent``: values are shares."""

    key: str
    title: str
    words: str
    of: Callable[[Mapping[str, Any]], Any]
    evaluated: bool = False
    percent: bool = True


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn panel. ``frame``: left and right edge of the axes, as shares of the width, and the
    steps that are there. ``values``: the series of each run."""

    panel: Panel
    svg: str
    frame: tuple[float, float, float, float]
    values: list[Series]


def _metric(start: str) -> Callable[[Mapping[str, Any]], Any]:
    """The estimate of a metric; Best-of-N stands under its size."""

    def find(evaluation: Mapping[str, Any]) -> Any:
        metrics = evaluation["metrics"]
        return next((v for k, v in metrics.items() if k == start or _sized(k, start)), None)

    return find


def _sized(name: str, start: str) -> bool:
    return re.fullmatch(re.escape(start) + r"_\d+x\d+", name) is not None


def _line(*keys: str) -> Callable[[Mapping[str, Any]], Any]:
    def find(line: Mapping[str, Any]) -> Any:
        value: Any = line
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    return find


PANELS: tuple[Panel, ...] = (
    Panel("one_shot", "Programs right", "Share of single programs that pass every ground-truth test of their held-out task.", _metric("one_shot"), evaluated=True),  # noqa: E501
    Panel("tests", "Tests right", "Share of generated tests whose expected output is what the reference solution prints.", _metric("unit_test_accuracy"), evaluated=True),  # noqa: E501
    Panel("bon", "Best-of-N, own samples", "Share of held-out tasks solved when the program that passes most of the model's own tests is taken.", _metric("bon"), evaluated=True),  # noqa: E501
    Panel("pool_bon", "Best-of-N, fixed pool", "The same choice among the start model's programs: here only the tests have changed.", _metric("pool_bon"), evaluated=True),  # noqa: E501
    Panel("catch", "Wrong programs caught", "Share of the pool's wrong programs that a generated test fails.", _metric("catch_rate"), evaluated=True),  # noqa: E501
    Panel("mu", "μ", "How well one more test tells right from wrong programs; above 0 more tests lead to the right choice.", _metric("mu"), evaluated=True, percent=False),  # noqa: E501
    Panel("batch", "Batch: programs right", "The same share in the step's own training batch: noisy, and on training tasks.", _line("one_shot")),  # noqa: E501
    Panel("batch_tests", "Batch: tests right", "Share of the batch's generated tests that are right by reference.", _line("tests_right")),  # noqa: E501
    Panel("invalid", "Batch: tests invalid", "Share of the generated tests that cannot be read or that the statement does not allow.", _line("tests_invalid")),  # noqa: E501
    Panel("dropped", "Groups without signal", "Share of groups from which nothing is learned; the Steps view says why for each.", _line("groups_dropped")),  # noqa: E501
    Panel("coder_entropy", "Coder: entropy", "How undecided the coder is at each token, in nats. Near 0 its programs are all alike.", _line("coder", "entropy"), percent=False),  # noqa: E501
    Panel("tester_entropy", "Tester: entropy", "The same for the tester.", _line("tester", "entropy"), percent=False),  # noqa: E501
    Panel("coder_kl", "Coder: KL", "Distance from the start model, in nats per token.", _line("coder", "kl"), percent=False),  # noqa: E501
    Panel("tester_kl", "Tester: KL", "The same for the tester.", _line("tester", "kl"), percent=False),  # noqa: E501
    Panel("coder_length", "Coder: tokens per response", "Mean length of a response.", _line("coder", "mean_length"), percent=False),  # noqa: E501
    Panel("tester_length", "Tester: tokens per response", "The same for the tester.", _line("tester", "mean_length"), percent=False),  # noqa: E501
)


def series(panel: Panel, lines: Sequence[Mapping[str, Any]]) -> Series:
    """A panel's points from a run's evaluations or metrics; unknown values are left out."""
    found: Series = []
    for line in lines:
        value = panel.of(line)
        if isinstance(value, Mapping):
            mean, low, high = (value.get(k) for k in ("mean", "low", "high"))
            if isinstance(mean, int | float):
                found.append((line["step"], mean, low, high))
        elif isinstance(value, int | float):
            found.append((line["step"], value, None, None))
    return found


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
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        plt.close(figure)
    return Chart(
        panel, _themed(text.getvalue()), (box.x0, box.x1, left, right), list(runs)
    )


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
