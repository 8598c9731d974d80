"""The rates of ``timing.jsonl`` in words: tokens per second and device, and MFU."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

RATES = {
    "sampled_per_s": "sampled tokens/s",
    "sampled_per_s_device": "sampled tokens/s and device",
    "learned_per_s": "learned tokens/s",
    "learned_per_s_device": "learned tokens/s and device",
    "tflops_device": "TFLOP/s of learning and device",
    "mfu": "MFU of learning",
}
"""Keys of a step's line, and what they are called."""


def mean_rates(timing: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """The mean of each rate over the steps that have it."""
    steps = [t for t in timing if "step" in t]
    found: dict[str, float] = {}
    for key in RATES:
        values = [t[key] for t in steps if key in t]
        known = [float(v) for v in values if isinstance(v, (int, float)) and math.isfinite(v)]
        if known:
            found[key] = sum(known) / len(known)
    return found


def rates_line(rates: Mapping[str, float]) -> str:
    """One line; empty where nothing is known."""
    return ", ".join(f"{RATES[key]} {rate_text(key, value)}" for key, value in rates.items())


def rate_text(key: str, value: float) -> str:
    """A rate as it is shown."""
    if key == "mfu":
        return f"{100 * value:.1f}%"
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"
