"""95% intervals of shares, for few tasks and for shares near 0 and 1.

With 40 tasks and a rate of 3%, the interval mean ± t · standard error contains the truth in only 89
of 100 cases, because the few tasks with successes decide both the mean and its error. For ratios of
sums it is 83 of 100, because some tasks weigh many times as much as others. Three measures help:

- The error of the figure is the jackknife's, which leaves out one task at a time and so notices a
  heavy task. Linearisation underestimates the error there (Bell and McCaffrey, Survey Methodology
  28, 2002).
- The degrees of freedom count only the tasks that weigh something: (Σw²)²/Σw⁴ − 1 (Satterthwaite's
  rule for equal variances).
- The interval is Wilson's, for the number of independent trials that would have this error. Korn
  and Graubard (Survey Methodology 24, 1998) have the effective sample size; Franco et al.
  (J. Survey Statistics and Methodology 7, 2019) find Wilson's interval with that size the best of
  many.

docs/metrics.md has the measured coverage, and the cases where it does not hold.
"""

from __future__ import annotations

import math
from enum import Enum

import numpy as np

from sparring.matrix import Floats
from sparring.metrics.intervals import Estimate, Influence, chained, mean, paired_difference
from sparring.metrics.student import student

_FEW = 5.0
"""Rule of thumb for binomials: fewer expected successes or failures than this are few."""


class Unit(Enum):
    """Kind of value that a task has, which bounds how little the value can vary from task to task.

    Where successes or failures add up to fewer than five tasks, the variance is taken to be at
    least this part of a coin's (the variance of values that are all 0 or 1). With so few tasks, the
    absence of values between 0 and 1 says little about the next task.
    """

    SHARE = 0.0
    """Share of many responses, which may vary arbitrarily little."""
    SET = 0.5
    """Chance that one of k programs is right: near 0 or 1 for many tasks."""
    CHOICE = 0.7
    """Chance that the chosen program is right: 0 or 1 except for ties."""


def share_interval(value: Floats, unit: Unit = Unit.SHARE) -> Estimate:
    """Return the mean over tasks of one share per task, with an interval within 0 and 1. NaN tasks
    are left out and not counted."""
    return ratio_interval(mean(value), unit)


def ratio_interval(figure: Influence, unit: Unit = Unit.SHARE) -> Estimate:
    """Return a mean or a ratio (`intervals.mean`, `intervals.ratio`) that is a share of every task,
    with its interval. Raises ValueError for another figure."""
    tasks, share = int(figure.used.sum()), figure.value
    if tasks < 2:
        return Estimate(share, math.nan, math.nan, tasks)
    if figure.share is None:
        raise ValueError("the weight of each task is known only for a mean or a ratio")
    weight, variance = figure.share[figure.used], _jackknife(figure)
    coin = share * (1 - share)
    if tasks * min(share, 1 - share) < _FEW:
        variance = max(variance, unit.value * coin * float((weight**2).sum()))
    # Where all tasks are equal (all at 0 or all at 1), a task is one trial.
    trials = coin / variance if variance > 0 and coin > 0 else float(tasks)
    return Estimate(share, *_wilson(share, trials, student(_freedom(figure))), tasks)


def jackknife_interval(figure: Influence) -> Estimate:
    """Return a function of ratios (`intervals.chained`) with its interval.

    The function may lie outside of 0 to 1. The interval is symmetric and uses the jackknife's
    variance. Raises ValueError where the effect of leaving out a task is unknown.
    """
    tasks = int(figure.used.sum())
    if tasks < 2 or math.isnan(figure.value):
        return Estimate(figure.value, math.nan, math.nan, tasks)
    half = student(_freedom(figure)) * math.sqrt(_jackknife(figure))
    return Estimate(figure.value, figure.value - half, figure.value + half, tasks)


def jackknife_difference(before: Influence, after: Influence) -> Estimate:
    """Return after − before of a figure of any range, measured twice on the same tasks. Each task
    is left out of both figures at once."""
    parts = [(-1.0, before), (1.0, after)]
    return jackknife_interval(chained(after.value - before.value, parts))


def share_difference(before: Floats, after: Floats) -> Estimate:
    """Return the mean over tasks of after − before, from one share per task, for tasks known in
    both. The interval is within −1 and 1.

    The interval is ± t · standard error (`intervals.paired_difference`). Where all tasks differ by
    the same amount, mostly by 0, its width would be 0; such a difference gets the interval of
    ratios (`ratio_difference`).
    """
    estimate = paired_difference(before, after)
    apart = after - before
    known = ~np.isnan(apart)
    if estimate.n_tasks > 1 and np.ptp(apart[known]) == 0:
        return ratio_difference(mean(before[known]), mean(after[known]))
    low, high = max(estimate.low, -1.0), min(estimate.high, 1.0)
    return Estimate(estimate.mean, low, high, estimate.n_tasks)


def _no_difference(tasks: int, freedom: float) -> Estimate:
    """Return a difference of 0 between tasks that are all equal.

    On each side its interval is as wide as Wilson's interval of a share of 0 in as many trials.
    """
    _, most = _wilson(0.0, freedom + 1, student(freedom))
    return Estimate(0.0, -most, most, tasks)


def ratio_difference(before: Influence, after: Influence) -> Estimate:
    """Return after − before of a share measured twice on the same tasks, within −1 and 1.

    The intervals of the two shares are combined (Newcombe, Statistics in Medicine 17, 1998, method
    10 for paired proportions). The lower end is √(δ² + ε² − 2φδε) below after − before: δ is the
    distance from ``after`` to its lower end, ε from ``before`` to its upper end, φ their
    correlation. The upper end is computed in the same way. A difference is thus as uncertain as a
    share that few tasks decide, for example where few programs are wrong.
    """
    tasks = int((before.used | after.used).sum())
    value = after.value - before.value
    a, b = ratio_interval(before), ratio_interval(after)
    if math.isnan(value) or math.isnan(a.low) or math.isnan(b.low):
        return Estimate(value, math.nan, math.nan, tasks)
    if before.left is None or after.left is None:
        raise ValueError("the effect of leaving out a task is unknown for this figure")
    if value == 0 and np.array_equal(before.left, after.left):  # no task changed
        return _no_difference(tasks, _freedom(before))
    size = math.sqrt(float((before.left**2).sum() * (after.left**2).sum()))
    alike = float((before.left * after.left).sum()) / size if size > 0 else 0.0

    def together(x: float, y: float) -> float:
        return math.sqrt(max(x * x + y * y - 2 * alike * x * y, 0.0))

    below = together(b.mean - b.low, a.high - a.mean)
    above = together(b.high - b.mean, a.mean - a.low)
    return Estimate(value, max(value - below, -1.0), min(value + above, 1.0), tasks)


def _jackknife(figure: Influence) -> float:
    """Return the variance from leaving out one task at a time."""
    if figure.left is None:
        raise ValueError("the effect of leaving out a task is unknown for this figure")
    tasks = int(figure.used.sum())
    return float((figure.left[figure.used] ** 2).sum()) * (tasks - 1) / tasks


def _freedom(figure: Influence) -> float:
    """Return the degrees of freedom of the variance; see the module's docstring."""
    if figure.share is None:  # no task moves the figure
        return float(figure.used.sum()) - 1
    squares = figure.share[figure.used] ** 2
    return float(squares.sum()) ** 2 / float((squares**2).sum()) - 1


def _wilson(share: float, trials: float, t: float) -> tuple[float, float]:
    """Return Wilson's interval of a share of ``trials`` trials, which need not be a whole
    number."""
    k = t * t / trials
    share = min(max(share, 0.0), 1.0)  # rounding may put a share just outside
    middle = (share + k / 2) / (1 + k)
    half = math.sqrt(k * share * (1 - share) + k * k / 4) / (1 + k)
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
