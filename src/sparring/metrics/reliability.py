"""Reliability of stated probabilities: are they as large as the share of cases that are true?

Axes: C choices, each with a stated probability, a truth, a weight and a cluster (its task).

- *Calibration error* (ECE): the mean over ten bins of equal width of |stated − true|, both the
  weighted means of the bin, weighted by the bin.
- *Brier score*: the mean of (stated − true)².
- *AUC*: the chance that a right choice is stated higher than a wrong one, ties counted half.
- *Abstention curve*: the share of right choices among the surest part of all.

The interval of a bin's stated − true is that of a ratio of sums over tasks (`intervals.ratio`),
because the choices of a task are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools, Floats
from sparring.metrics.intervals import Estimate, influence_interval, ratio

BINS = 10
PARTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Surest parts of the abstention curve."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Choices with a stated probability between ``low`` and ``high``."""

    low: float
    high: float
    choices: int
    tasks: int
    stated: float
    true: float
    difference: Estimate
    """Stated − true, with its interval clustered by task."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Reliability of some choices."""

    choices: int
    tasks: int
    ece: float
    brier: float
    brier_constant: float
    """Brier score of stating the share of right choices each time."""
    auc: float
    bins: Sequence[ReliabilityBin]
    surest: Sequence[tuple[float, float, float]]
    """Part of the choices, the least probability in it, and the share of right ones in it."""


def reliability(
    stated_C: Floats, right_C: Bools, weight_C: Floats, task_C: NDArray[np.str_]
) -> Reliability:
    """Return the reliability of stated probabilities. Raises ValueError without a choice."""
    if not len(stated_C):
        raise ValueError("reliability needs at least one choice")
    weight = weight_C / weight_C.sum()
    place = np.minimum((stated_C * BINS).astype(int), BINS - 1)
    bins = [
        _bin(b, place == b, stated_C, right_C, weight, task_C)
        for b in range(BINS)
        if (place == b).any()
    ]
    error = sum(
        float(weight[place == round(b.low * BINS)].sum()) * abs(b.stated - b.true) for b in bins
    )
    share = float(weight @ right_C)
    return Reliability(
        len(stated_C),
        len(np.unique(task_C)),
        float(error),
        float(weight @ (stated_C - right_C) ** 2),
        share * (1 - share),
        auc(stated_C, right_C, weight),
        bins,
        _surest(stated_C, right_C, weight),
    )


def auc(stated_C: Floats, right_C: Bools, weight_C: Floats) -> float:
    """Return the weighted chance that a right choice is stated higher than a wrong one; NaN where
    all are right, or all are wrong."""
    right, wrong = weight_C * right_C, weight_C * ~right_C
    if not right.sum() or not wrong.sum():
        return float("nan")
    _, level = np.unique(stated_C, return_inverse=True)
    of_right, of_wrong = (np.bincount(level.reshape(-1), weights=w) for w in (right, wrong))
    below = np.concatenate([[0.0], of_wrong.cumsum()[:-1]])
    return float((of_right * (below + of_wrong / 2)).sum() / right.sum() / wrong.sum())


def _bin(
    number: int,
    inside: Bools,
    stated_C: Floats,
    right_C: Bools,
    weight_C: Floats,
    task_C: NDArray[np.str_],
) -> ReliabilityBin:
    weight = weight_C[inside]
    names, task = np.unique(task_C[inside], return_inverse=True)
    gap = np.bincount(task.reshape(-1), weights=weight * (stated_C[inside] - right_C[inside]))
    total = np.bincount(task.reshape(-1), weights=weight)
    return ReliabilityBin(
        number / BINS,
        (number + 1) / BINS,
        int(inside.sum()),
        len(names),
        float(np.average(stated_C[inside], weights=weight)),
        float(np.average(right_C[inside], weights=weight)),
        influence_interval(ratio(np.asarray(gap, float), np.asarray(total, float))),
    )


def _surest(stated_C: Floats, right_C: Bools, weight_C: Floats) -> list[tuple[float, float, float]]:
    """Return the abstention curve. Choices stated alike are taken together, in shares."""
    levels, level = np.unique(-stated_C, return_inverse=True)
    weight = np.bincount(level.reshape(-1), weights=weight_C)
    right = np.bincount(level.reshape(-1), weights=weight_C * right_C)
    upto, true = weight.cumsum(), right.cumsum()
    found = []
    for part in PARTS:
        goal = part * upto[-1]
        last = min(int(np.searchsorted(upto, goal * (1 - 1e-12))), len(levels) - 1)
        before = upto[last] - weight[last]
        taken = true[last] - right[last] + right[last] * (goal - before) / weight[last]
        found.append((part, float(-levels[last]), float(taken / goal)))
    return found
