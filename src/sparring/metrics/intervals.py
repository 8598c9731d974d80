"""Means with 95% intervals, clustered by task, and paired differences.

Responses to one task are alike, so the task is the unit: a metric has one value per task, or a
numerator and a denominator per task for a ratio, and the interval is about other tasks. Means use
Student's t. Ratios use the linearised variance (delta method), which needs no random numbers. Both
intervals are symmetric, and so are those of differences. A share has an interval of its own
(`share_intervals`), which stays within 0 and 1 and holds near both ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.metrics.student import t95


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean, its 95% interval, and the number of tasks that it rests on. NaN where unknown."""

    mean: float
    low: float
    high: float
    n_tasks: int

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the estimate as JSON-able data, with None for unknown numbers."""
        values = {"mean": self.mean, "low": self.low, "high": self.high}
        known: dict[str, float | int | None] = {
            k: None if math.isnan(v) else v for k, v in values.items()
        }
        return {**known, "n_tasks": self.n_tasks}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Estimate:
        """Return the estimate that `as_dict` wrote."""
        values = (record["mean"], record["low"], record["high"])
        mean, low, high = (math.nan if v is None else float(v) for v in values)
        return cls(mean, low, high, int(record["n_tasks"]))


def mean_interval(value: Floats) -> Estimate:
    """Return the mean over tasks of one value per task, with Student's t. NaN tasks are left out
    and not counted."""
    known = value[~np.isnan(value)]
    n = len(known)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    mean = float(known.mean())
    if n == 1:
        return Estimate(mean, math.nan, math.nan, 1)
    half = t95(n - 1) * float(known.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


@dataclass(frozen=True, slots=True)
class Influence:
    """Figure computed from sums over tasks, with each task's influence on the figure [tasks].

    ``influence``: the amount by which the figure moves, to first order, with the task's weight; 0
    for tasks that are not ``used``. ``share``: for a ratio, each task's part of the denominator,
    which sums to 1; for a function of ratios, the mean of the ratios' parts, weighted by the
    variance that each adds. ``left``: the amount by which the figure falls if the task is left out.
    ``share`` and ``left`` are None where they are unknown.
    """

    value: float
    influence: Floats
    used: Bools
    share: Floats | None = None
    left: Floats | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the figure as JSON-able data; `of` reads it back."""
        return {
            "value": self.value,
            "influence": self.influence.tolist(),
            "used": self.used.tolist(),
            "share": None if self.share is None else self.share.tolist(),
            "left": None if self.left is None else self.left.tolist(),
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Influence:
        """Return the figure that `as_dict` wrote; null means unknown. Earlier versions wrote no
        ``share`` and no ``left`` in training."""
        value, share, left_out = (record.get(k) for k in ("value", "share", "left"))
        return cls(
            math.nan if value is None else float(value),
            np.array(record["influence"], dtype=float),
            np.array(record["used"], dtype=bool),
            None if share is None else np.array(share, dtype=float),
            None if left_out is None else np.array(left_out, dtype=float),
        )


def ratio(numerator: Floats, denominator: Floats) -> Influence:
    """Return Σ numerator / Σ denominator over tasks. Tasks with denominator 0 are not used.

    The influence of a task is (a − R b) / Σb.
    """
    used = denominator > 0
    if not used.any():
        return _unknown(used)
    total = float(denominator[used].sum())
    value = float(numerator[used].sum()) / total
    influence = np.where(used, (numerator - value * denominator) / total, 0.0)
    share = np.where(used, denominator / total, 0.0)
    return Influence(value, influence, used, share, _left_out(influence, share))


def mean(value: Floats) -> Influence:
    """Return the mean over tasks of one value per task. NaN tasks are not used.
    `influence_interval` gives the figure the interval of `mean_interval`."""
    used = ~np.isnan(value)
    if not used.any():
        return _unknown(used)
    middle = float(value[used].mean())
    influence = np.where(used, (value - middle) / used.sum(), 0.0)
    share = used / used.sum()
    return Influence(middle, influence, used, share, _left_out(influence, share))


def chained(value: float, parts: Sequence[tuple[float, Influence]]) -> Influence:
    """Return ``value``, a function of figures of the same tasks, with influences (delta method).

    Each of ``parts`` is a figure and the derivative of ``value`` by it. A part adds no variance if
    its derivative is 0 or all tasks agree. Such a part does not make the result more certain: tasks
    that are used by such parts alone are not counted.
    """
    influence = sum((by * figure.influence for by, figure in parts), np.zeros(1))
    added = [float(((by * figure.influence) ** 2).sum()) for by, figure in parts]
    telling = [(a, f) for a, (_, f) in zip(added, parts, strict=True) if a > 0]
    used = np.any([f.used for _, f in telling] or [f.used for _, f in parts], axis=0)
    left_out: Floats | None = None
    known = [(by, f.left) for by, f in parts if f.left is not None]
    if parts and len(known) == len(parts):
        left_out = sum((by * x for by, x in known), np.zeros(1))
    share: Floats | None = None
    weights = [(a, f.share) for a, f in telling if f.share is not None]
    if weights and len(weights) == len(telling):
        share = np.asarray(sum((a * x for a, x in weights), np.zeros(1)) / sum(added))
    return Influence(value, influence, used, share, left_out)


def _unknown(used: Bools) -> Influence:
    nothing = np.zeros(len(used))
    return Influence(math.nan, nothing, used, nothing, nothing)


def _left_out(influence: Floats, share: Floats) -> Floats:
    """Return the amounts by which a ratio falls if each task in turn is left out.

    The amount is influence / (1 − part of the denominator). Without the only task there is no
    ratio; the influence of that task is 0.
    """
    return np.asarray(influence / np.where(share < 1, 1 - share, 1.0))


def influence_interval(figure: Influence) -> Estimate:
    """Return the figure with its interval, of variance Σ influence² · n/(n−1) (delta method)."""
    n = int(figure.used.sum())
    if n < 2 or math.isnan(figure.value):
        return Estimate(figure.value, math.nan, math.nan, n)
    half = t95(n - 1) * math.sqrt(float((figure.influence**2).sum()) * n / (n - 1))
    return Estimate(figure.value, figure.value - half, figure.value + half, n)


def influence_difference(before: Influence, after: Influence) -> Estimate:
    """Return after − before of a figure measured twice on the same tasks, paired by task."""
    return influence_interval(
        Influence(
            after.value - before.value,
            after.influence - before.influence,
            before.used | after.used,
        )
    )


def paired_difference(before: Floats, after: Floats) -> Estimate:
    """Return the mean of after − before over the tasks where both are known."""
    return mean_interval(after - before)
