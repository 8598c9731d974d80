"""Rates of ``timing.jsonl`` as text: tokens per second and device, and MFU (model FLOPs
utilisation: the share of a device's peak operations that learning uses)."""

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
"""Labels of the rates, by their keys in a line of ``timing.jsonl``."""


def mean_rates(timing: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the mean of each rate over the steps that have the rate."""
    steps = [t for t in timing if "step" in t]
    means: dict[str, float] = {}
    for key in RATES:
        values = [t[key] for t in steps if key in t]
        finite = [float(v) for v in values if isinstance(v, (int, float)) and math.isfinite(v)]
        if finite:
            means[key] = sum(finite) / len(finite)
    return means


def rates_line(rates: Mapping[str, float]) -> str:
    """Return the rates in one line; empty without rates."""
    return ", ".join(f"{RATES[key]} {rate_text(key, value)}" for key, value in rates.items())


def rate_text(key: str, value: float) -> str:
    """Return a rate as text."""
    if key == "mfu":
        return f"{100 * value:.1f}%"
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"
