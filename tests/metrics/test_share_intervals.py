"""Intervals of shares: by hand, and that they contain the truth as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sparring.metrics.intervals import Influence, chained, mean, ratio
from sparring.metrics.share_intervals import (
    Unit,
    jackknife_interval,
    ratio_interval,
    share_interval,
)
from sparring.metrics.student import student


def wilson(share: float, trials: float, t: float) -> tuple[float, float]:
    """The roots of (share − p)² = t² p (1 − p) / trials."""
    a, b, c = 1 + t * t / trials, 2 * share + t * t / trials, share * share
    root = math.sqrt(b * b - 4 * a * c)
    return (b - root) / (2 * a), (b + root) / (2 * a)


def test_tasks_that_are_right_or_wrong_are_trials() -> None:
    """Of n coins Wilson's interval of n − 1 trials, with Student's t of n − 1."""
    value = np.array([1.0] * 7 + [0.0] * 3 + [np.nan])
    e = share_interval(value)
    assert (e.mean, e.n_tasks) == (pytest.approx(0.7), 10)
    assert (e.low, e.high) == pytest.approx(wilson(0.7, 9, student(9)))


def test_the_error_is_that_of_leaving_out_a_task() -> None:
    a, b = np.array([2.0, 1, 0, 3]), np.array([4.0, 1, 6, 5])
    figure = ratio(a, b)
    assert figure.left is not None
    without = [figure.value - np.delete(a, i).sum() / np.delete(b, i).sum() for i in range(4)]
    assert figure.left == pytest.approx(np.array(without))
    share = 6 / 16
    variance = 3 / 4 * float((np.array(without) ** 2).sum())
    w = b / 16
    freedom = (w**2).sum() ** 2 / (w**4).sum() - 1
    e = ratio_interval(figure)
    expected = wilson(share, share * (1 - share) / variance, student(freedom))
    assert (e.low, e.high) == pytest.approx(expected)


def test_all_alike_is_not_certain() -> None:
    for value, unit in ((0.0, Unit.SHARE), (1.0, Unit.CHOICE)):
        e = share_interval(np.full(20, value), unit)
        assert e.low <= value <= e.high
        assert 0.1 < e.high - e.low < 0.25
    assert math.isnan(share_interval(np.array([0.5])).low)
    assert share_interval(np.array([np.nan])).n_tasks == 0


def test_a_chance_seen_near_one_is_believed_less_than_a_share() -> None:
    value = np.array([1.0] * 38 + [0.95] * 2)
    share, chance = share_interval(value), share_interval(value, Unit.CHOICE)
    assert chance.low < 0.93 < share.low
    middle = np.linspace(0.2, 0.8, 40)  # far from both ends there is no difference
    assert share_interval(middle) == share_interval(middle, Unit.CHOICE)


def test_a_product_of_ratios_by_leaving_out_tasks() -> None:
    rng = np.random.default_rng(0)
    b = rng.integers(1, 9, (2, 30)).astype(float)
    a = rng.binomial(b.astype(int), 0.5).astype(float)
    one, other = ratio(a[0], b[0]), ratio(a[1], b[1])
    product = chained(one.value * other.value, [(other.value, one), (one.value, other)])

    def without(i: int) -> float:
        kept = np.delete(np.stack([a, b]), i, axis=2).sum(axis=2)
        return float((kept[0] / kept[1]).prod())

    left = np.array([product.value - without(i) for i in range(30)])
    e = jackknife_interval(product)
    half = student(29) * math.sqrt(29 / 30 * float((left**2).sum()))
    assert e.high - e.mean == pytest.approx(half, rel=0.05)
    assert e.mean - e.low == pytest.approx(e.high - e.mean)


def test_what_is_not_known_is_refused() -> None:
    bare = Influence(0.5, np.zeros(3), np.ones(3, bool))
    with pytest.raises(ValueError, match="weight of each task is known only for a mean"):
        ratio_interval(bare)
    with pytest.raises(ValueError, match="leaving out"):
        jackknife_interval(bare)
    nothing = ratio(np.zeros(3), np.zeros(3))
    assert ratio_interval(nothing).n_tasks == 0
    assert ratio_interval(mean(np.array([np.nan, 0.3]))).n_tasks == 1


def test_students_t() -> None:
    tabled = {1: 12.706, 2: 4.303, 4: 2.776, 5: 2.571, 9: 2.262, 30: 2.042, 120: 1.980}
    for freedom, t in tabled.items():
        assert student(freedom) == pytest.approx(t, abs=0.01)
    assert student(0.2) == student(1)
