"""Sparklines: a curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Return the values as at most ``width`` bars between their least and greatest value.

    Each bar of a longer series is the mean of a part of the series. An unknown value is a dot, and
    equal values give a low line.
    """
    if not values or width < 1:
        return ""
    parts = _parts(values, width)
    numbers = [v for v in parts if v is not None]
    if not numbers:
        return "·" * len(parts)
    low, high = min(numbers), max(numbers)
    if high - low <= 1e-12 * max(1.0, abs(low), abs(high)):
        return "".join("·" if v is None else _BARS[0] for v in parts)
    steps = len(_BARS) - 1
    return "".join(
        "·" if v is None else _BARS[round(steps * ((v - low) / (high - low)))] for v in parts
    )


def _parts(values: Sequence[float | None], width: int) -> list[float | None]:
    count = len(values)
    if count <= width:
        return [v if v is not None and math.isfinite(v) else None for v in values]
    means: list[float | None] = []
    for i in range(width):
        part = values[i * count // width : (i + 1) * count // width]
        finite = [v for v in part if v is not None and math.isfinite(v)]
        means.append(sum(finite) / len(finite) if finite else None)
    return means
