"""How figures look, and how they become files that do not change from one time to the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sparring.errors import ConfigError

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
"""Okabe and Ito's, which colour-blind readers tell apart; each arm has its own marker too."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
ENDINGS = (".svg", ".pdf", ".png")
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


@contextmanager
def drawing() -> Iterator[Any]:
    """pyplot, with our settings and without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context(_SETTINGS):
        yield plt


def check_name(out: Path) -> None:
    """Whether a figure can be written there. Raises `ConfigError`."""
    if out.suffix.lower() not in ENDINGS:
        raise ConfigError(f"-o {out}: must end in {', '.join(ENDINGS)}")
    if not out.parent.is_dir():
        raise ConfigError(f"-o {out}: there is no directory {out.parent}")


def save(figure: Any, out: Path) -> None:
    """Write a figure in the form that its name asks for. Raises `ConfigError`."""
    told: dict[str, dict[str, None]] = {
        ".svg": {"Date": None},
        ".pdf": {"CreationDate": None},
        ".png": {"Software": None},
    }
    try:
        figure.savefig(out, metadata=told[out.suffix.lower()], dpi=200, bbox_inches="tight")
    except OSError as error:
        raise ConfigError(f"-o {out}: cannot be written: {error.strerror}") from None
