"""How plots look, and how they become files that do not change from one time to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sparring.errors import ConfigError
from sparring.evaluation.arm_figures import Point

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
"""Okabe and Ito's, which colour-blind readers tell apart; each arm has its own marker too."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
BELOW: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14)}
"""A legend below the axes, where it hides no curve."""
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
_UNDATED: dict[str, dict[str, None]] = {
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
    ".png": {"Software": None},
}


@contextmanager
def drawing(more: Mapping[str, Any] | None = None) -> Iterator[Any]:
    """pyplot, with our settings and ``more``, and without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context({**_SETTINGS, **(more or {})}):
        yield plt


def look(i: int, **other: Any) -> dict[str, Any]:
    """The colour, dashes and marker of the ``i``-th line."""
    return {
        "color": COLOURS[i % len(COLOURS)],
        "linestyle": STYLES[i % len(STYLES)],
        "marker": MARKERS[i % len(MARKERS)],
        "markersize": 4,
        "linewidth": 1.2,
        **other,
    }


def draw_line(axis: Any, points: Sequence[Point], scale: float, **looks: Any) -> None:
    """A curve, with a band where its points have bounds."""
    axis.plot([p[0] for p in points], [scale * p[1] for p in points], **looks)
    known = [p for p in points if p[2] == p[2]]  # not NaN
    if known:
        axis.fill_between(
            [p[0] for p in known],
            [scale * p[2] for p in known],
            [scale * p[3] for p in known],
            color=looks["color"],
            alpha=0.18,
            linewidth=0,
        )


def check_name(out: Path) -> None:
    """Whether a plot can be written there. Raises `ConfigError`."""
    if out.suffix.lower() not in _UNDATED:
        raise ConfigError(f"-o {out}: must end in {', '.join(_UNDATED)}")
    if not out.parent.is_dir():
        raise ConfigError(f"-o {out}: there is no directory {out.parent}")


def save(figure: Any, out: Path) -> None:
    """Write a plot in the form that its name asks for. Raises `ConfigError`."""
    try:
        metadata = _UNDATED[out.suffix.lower()]
        figure.savefig(out, metadata=metadata, dpi=200, bbox_inches="tight")
    except OSError as error:
        raise ConfigError(f"-o {out}: cannot be written: {error.strerror}") from None
