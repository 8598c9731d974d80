"""Style of the plots, and their writing as files whose bytes depend on the input alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sparring.errors import ConfigError, writing
from sparring.evaluation.arm_figures import Point

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
"""Colours of Okabe and Ito, which colour-blind readers tell apart. Arms differ by marker too."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
BELOW: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14)}
"""Place of a legend below the axes, where the legend hides no curve."""
_SETTINGS = {
    "svg.hashsalt": "sparring",
    "svg.fonttype": "none",  # text stays text
    "pdf.fonttype": 42,
    "font.size": 9,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # a label with $ is a label
}
_DATES = {".svg": "Date", ".pdf": "CreationDate", ".png": "Software"}
"""Metadata of each format that would change the bytes: the date, or the software."""


@contextmanager
def drawing(more: Mapping[str, Any] | None = None) -> Iterator[Any]:
    """Yield pyplot with our settings and ``more``, and without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context({**_SETTINGS, **(more or {})}):
        yield plt


def line_style(i: int, **other: Any) -> dict[str, Any]:
    """Return the colour, dashes and marker of the ``i``-th line, changed by ``other``."""
    return {
        "color": COLOURS[i % len(COLOURS)],
        "linestyle": STYLES[i % len(STYLES)],
        "marker": MARKERS[i % len(MARKERS)],
        "markersize": 4,
        "linewidth": 1.2,
        **other,
    }


def draw_line(axis: Any, points: Sequence[Point], scale: float, **looks: Any) -> None:
    """Draw a curve, with a band where its points have bounds. ``scale`` is 100 for per cent."""
    axis.plot([p[0] for p in points], [scale * p[1] for p in points], **looks)
    if bounded := [p for p in points if p[2] == p[2]]:  # not NaN
        steps, _, *ends = zip(*bounded, strict=True)
        low, high = ([scale * y for y in end] for end in ends)
        axis.fill_between(steps, low, high, color=looks["color"], alpha=0.18, linewidth=0)


def check_name(out: Path) -> None:
    """Raise `ConfigError` where the file name has no suffix of a known format."""
    if out.suffix.lower() not in _DATES:
        raise ConfigError(f"-o {out}: unknown format; the name must end in {', '.join(_DATES)}")


def save(figure: Any, out: Path) -> None:
    """Write a plot in the format of the file's suffix. Raises `ConfigError`."""
    with writing(f"-o {out}", ConfigError):
        undated = {_DATES[out.suffix.lower()]: None}
        figure.savefig(out, metadata=undated, dpi=200, bbox_inches="tight")
