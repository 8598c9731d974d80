"""95% intervals of shares, from few tasks and near 0 and 1.

Of 40 tasks with a rate of 3%, the mean ± t · standard error contains the truth
in 89 of 100 cases: the few tasks that have successes decide both the mean and
its error. Ratios of sums, where some tasks weigh many times what others do,
come down to 83. What helps, each part for one reason:

- the error of the figure is the jackknife's, which leaves a task out at a time
  and so sees what a heavy one does (Bell and McCaffrey, Survey Methodology 28,
  2002: linearisation underestimates there);
- the degrees of freedom are not those of all tasks but of those that weigh
  something, (Σw²)²/Σw⁴ − 1 (Satterthwaite's rule for equal variances);
- the interval is Wilson's, for the number of independent trials that would
  have this error (Korn and Graubard, Survey Methodology 24, 1998, have the
  effective sample size; Franco et al., J. Survey Statistics and Methodology 7,
  2019, find Wilson's interval with it the best of many).

docs/metrics.md has the measured coverage, and where it does not hold.
"""

from __future__ import annotations

import math
from enum import Enum

import numpy as np

from sparring.matrix import Floats
from sparring.metrics.intervals import Estimate, Linear, chained, mean, paired_difference
from sparring.metrics.student import student

_FEW = 5.0
"""Fewer expected successes or failures than this: the rule of thumb for binomials."""


class Unit(Enum):
    """What a task's value is, which says how little it can vary from task to task.

    Where fewer than five tasks' worth of successes or of failures were seen, the variance is taken
    to be at least this part of a coin's: that nothing between was seen says little about the next
    task."""

    SHARE = 0.0
    """The share of many responses: it may vary as little as it likes."""
    SET = 0.5
    """The chance that one of k is right: near 0 or 1 for many tasks."""
    CHOICE = 0.7
    """The chance that the one chosen is right: 0 or 1 but for ties."""


def share_interval(value: Floats, unit: Unit = Unit.SHARE) -> Estimate:
    """Mean over tasks of one share per task, in 0 to 1; NaN tasks are left out and not counted."""
    return ratio_interval(mean(value), unit)


def ratio_interval(figure: Linear, unit: Unit = Unit.SHARE) -> Estimate:
    """Of a mean or a ratio (`intervals.mean`, `intervals.ratio`) that is a share of every task.
    Raises ValueError for another figure."""
    tasks, share = int(figure.used.sum()), figure.value
    if tasks < 2:
        return Estimate(share, math.nan, math.nan, tasks)
    if figure.share is None:
        raise ValueError("only of a mean or a ratio it is known what each task weighs")
    weight, variance = figure.share[figure.used], _jackknife(figure)
    coin = share * (1 - share)
    if tasks * min(share, 1 - share) < _FEW:
        variance = max(variance, unit.value * coin * float((weight**2).sum()))
    # Where no task differs (all at 0, or at 1), a task is one trial.
    trials = coin / variance if variance > 0 and coin > 0 else float(tasks)
    return Estimate(share, *_wilson(share, trials, student(_freedom(figure))), tasks)


def left_out_interval(figure: Linear) -> Estimate:
    """Symmetric, with the jackknife's variance: of a function of ratios (`intervals.chained`) that
    may lie outside 0 to 1. Raises ValueError where it is not known what leaving out a task does."""
    tasks = int(figure.used.sum())
    if tasks < 2 or math.isnan(figure.value):
        return Estimate(figure.value, math.nan, math.nan, tasks)
    half = student(_freedom(figure)) * math.sqrt(_jackknife(figure))
    return Estimate(figure.value, figure.value - half, figure.value + half, tasks)


def left_out_difference(before: Linear, after: Linear) -> Estimate:
    """after − before of a figure of any range, measured twice on the same tasks: by leaving a task
    out of both."""
    parts = [(-1.0, before), (1.0, after)]
    return left_out_interval(chained(after.value - before.value, parts))


def share_difference(before: Floats, after: Floats) -> Estimate:
    """Mean over tasks of after − before, one share per task; tasks known in both. Within −1 and 1.

    ± t · standard error (`intervals.paired_difference`). Where all tasks differ by the same, mostly
    by nothing, that would be no width at all: there as of ratios (`ratio_difference`).
    """
    found = paired_difference(before, after)
    apart = after - before
    known = ~np.isnan(apart)
    if found.n_tasks > 1 and np.ptp(apart[known]) == 0:
        return ratio_difference(mean(before[known]), mean(after[known]))
    return Estimate(found.mean, max(found.low, -1.0), min(found.high, 1.0), found.n_tasks)


def _no_difference(tasks: int, freedom: float) -> Estimate:
    """Of tasks none of which differs: 0, as unsure as a share of which none of so many trials is
    one (Wilson's), to both sides."""
    _, most = _wilson(0.0, freedom + 1, student(freedom))
    return Estimate(0.0, -most, most, tasks)


def ratio_difference(before: Linear, after: Linear) -> Estimate:
    """after − before of a share measured twice on the same tasks; within −1 and 1.

    The two intervals put together (Newcombe, Statistics in Medicine 17, 1998, method 10 for paired
    proportions): below after − before by √(δ² + ε² − 2φδε), δ from after down to its lower end, ε
    from before up to its upper one, φ their correlation; above likewise. So a difference is as
    unsure as a share that few tasks decide, as where few programs are wrong.
    """
    tasks = int((before.used | after.used).sum())
    value = after.value - before.value
    a, b = ratio_interval(before), ratio_interval(after)
    if math.isnan(value) or math.isnan(a.low) or math.isnan(b.low):
        return Estimate(value, math.nan, math.nan, tasks)
    if before.left is None or after.left is None:
        raise ValueError("of this figure it is not known what leaving out a task does")
    if value == 0 and np.array_equal(before.left, after.left):  # every task says the same of both
        return _no_difference(tasks, _freedom(before))
    size = math.sqrt(float((before.left**2).sum() * (after.left**2).sum()))
    alike = float((before.left * after.left).sum()) / size if size > 0 else 0.0

    def together(x: float, y: float) -> float:
        return math.sqrt(max(x * x + y * y - 2 * alike * x * y, 0.0))

    below = together(b.mean - b.low, a.high - a.mean)
    above = together(b.high - b.mean, a.mean - a.low)
    return Estimate(value, max(value - below, -1.0), min(value + above, 1.0), tasks)


def _jackknife(figure: Linear) -> float:
    """The variance from leaving out one task at a time."""
    if figure.left is None:
        raise ValueError("of this figure it is not known what leaving out a task does")
    tasks = int(figure.used.sum())
    return float((figure.left[figure.used] ** 2).sum()) * (tasks - 1) / tasks


def _freedom(figure: Linear) -> float:
    """Degrees of freedom of the variance; see the module."""
    if figure.share is None:  # no task moves the figure
        return float(figure.used.sum()) - 1
    squares = figure.share[figure.used] ** 2
    return float(squares.sum()) ** 2 / float((squares**2).sum()) - 1


def _wilson(share: float, trials: float, t: float) -> tuple[float, float]:
    """Wilson's interval of a share of ``trials`` trials, not necessarily a whole number."""
    k = t * t / trials
    share = min(max(share, 0.0), 1.0)  # rounding
    middle = (share + k / 2) / (1 + k)
    half = math.sqrt(k * share * (1 - share) + k * k / 4) / (1 + k)
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
