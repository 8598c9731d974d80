"""Means with 95% intervals, clustered by task, and paired differences.

Responses of one task are alike, so the task is the unit: a metric is one
value per task (or, for ratios, a numerator and a denominator per task) and
the interval speaks about other tasks. Means use Student's t; ratios the
linearised (delta method) variance, which needs no random numbers. Both are
symmetric, as differences are. A share has its own interval (`shares`), which
stays within 0 and 1 and holds near them.
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
    """A mean, its 95% interval, and how many tasks it rests on. NaN where unknown."""

    mean: float
    low: float
    high: float
    n_tasks: int

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON: unknown numbers are None."""
        values = {"mean": self.mean, "low": self.low, "high": self.high}
        known: dict[str, float | int | None] = {
            k: None if math.isnan(v) else v for k, v in values.items()
        }
        return {**known, "n_tasks": self.n_tasks}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Estimate:
        """What `as_dict` gave."""
        values = (record["mean"], record["low"], record["high"])
        mean, low, high = (math.nan if v is None else float(v) for v in values)
        return cls(mean, low, high, int(record["n_tasks"]))


def mean_interval(value: Floats) -> Estimate:
    """Mean over tasks of one value per task; NaN tasks are left out and not counted."""
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
class Linear:
    """A figure computed from sums over tasks, and each task's influence on it [tasks]: by how
    much the figure moves, to first order, with the task's weight. 0 for tasks not ``used``.
    ``share``: of a ratio each task's part of the denominator [tasks], which sums to 1; of a
    function of ratios the mean of theirs, by how much variance each adds. ``left`` [tasks]: by how
    much the figure falls if the task is left out. None where they are not known."""

    value: float
    influence: Floats
    used: Bools
    share: Floats | None = None
    left: Floats | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `of` reads it."""
        return {
            "value": self.value,
            "influence": self.influence.tolist(),
            "used": self.used.tolist(),
            "share": None if self.share is None else self.share.tolist(),
            "left": None if self.left is None else self.left.tolist(),
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Linear:
        """What `as_dict` wrote; null is unknown. Earlier versions wrote no ``share`` and no
        ``left`` in training."""
        value, share, left = (record.get(k) for k in ("value", "share", "left"))
        return cls(
            math.nan if value is None else float(value),
            np.array(record["influence"], dtype=float),
            np.array(record["used"], dtype=bool),
            None if share is None else np.array(share, dtype=float),
            None if left is None else np.array(left, dtype=float),
        )


def ratio(numerator: Floats, denominator: Floats) -> Linear:
    """Σ numerator / Σ denominator over tasks; tasks with denominator 0 say nothing.

    Influence of a task: (a − R b) / Σb.
    """
    used = denominator > 0
    if not used.any():
        return _unknown(used)
    total = float(denominator[used].sum())
    value = float(numerator[used].sum()) / total
    influence = np.where(used, (numerator - value * denominator) / total, 0.0)
    share = np.where(used, denominator / total, 0.0)
    return Linear(value, influence, used, share, _left(influence, share))


def mean(value: Floats) -> Linear:
    """Mean over tasks of one value per task; NaN tasks are not used. With `linear_interval` the
    interval is that of `mean_interval`."""
    used = ~np.isnan(value)
    if not used.any():
        return _unknown(used)
    middle = float(value[used].mean())
    influence = np.where(used, (value - middle) / used.sum(), 0.0)
    share = used / used.sum()
    return Linear(middle, influence, used, share, _left(influence, share))


def chained(value: float, parts: Sequence[tuple[float, Linear]]) -> Linear:
    """``value``, a function of figures of the same tasks. ``parts``: its derivative by each figure,
    and the figure (delta method).

    A part that adds no variance, because its derivative is 0 or all tasks agree, says nothing about
    how unsure the figure is: the tasks that only it rests on are not counted.
    """
    influence = sum((by * figure.influence for by, figure in parts), np.zeros(1))
    added = [float(((by * figure.influence) ** 2).sum()) for by, figure in parts]
    telling = [(a, f) for a, (_, f) in zip(added, parts, strict=True) if a > 0]
    used = np.any([f.used for _, f in telling] or [f.used for _, f in parts], axis=0)
    left: Floats | None = None
    known = [(by, f.left) for by, f in parts if f.left is not None]
    if parts and len(known) == len(parts):
        left = sum((by * x for by, x in known), np.zeros(1))
    share: Floats | None = None
    weights = [(a, f.share) for a, f in telling if f.share is not None]
    if weights and len(weights) == len(telling):
        share = np.asarray(sum((a * x for a, x in weights), np.zeros(1)) / sum(added))
    return Linear(value, influence, used, share, left)


def _unknown(used: Bools) -> Linear:
    nothing = np.zeros(len(used))
    return Linear(math.nan, nothing, used, nothing, nothing)


def _left(influence: Floats, share: Floats) -> Floats:
    """Without a task a ratio falls by its influence / (1 − its part of the denominator); without
    the only one there is no figure, and its influence is 0."""
    return np.asarray(influence / np.where(share < 1, 1 - share, 1.0))


def linear_interval(figure: Linear) -> Estimate:
    """The figure with its interval: variance Σ influence² · n/(n−1) (delta method)."""
    n = int(figure.used.sum())
    if n < 2 or math.isnan(figure.value):
        return Estimate(figure.value, math.nan, math.nan, n)
    half = t95(n - 1) * math.sqrt(float((figure.influence**2).sum()) * n / (n - 1))
    return Estimate(figure.value, figure.value - half, figure.value + half, n)


def linear_difference(before: Linear, after: Linear) -> Estimate:
    """after − before of a figure measured twice on the same tasks, paired by task."""
    return linear_interval(
        Linear(
            after.value - before.value,
            after.influence - before.influence,
            before.used | after.used,
        )
    )


def paired_difference(before: Floats, after: Floats) -> Estimate:
    """Mean of after − before over the tasks where both are known."""
    return mean_interval(after - before)
