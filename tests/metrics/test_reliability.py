"""Reliability by hand, and on choices whose probabilities are true."""

from __future__ import annotations

import numpy as np
import pytest

from sparring.metrics.reliability import auc, reliability


def test_figures_by_hand() -> None:
    stated = np.array([0.95, 0.95, 0.25, 0.25])
    right = np.array([True, True, True, False])
    r = reliability(stated, right, np.ones(4), np.array(["a", "b", "c", "d"]))
    # |0.95 − 1| and |0.25 − 0.5|, half of the weight each
    assert r.ece == pytest.approx(0.5 * 0.05 + 0.5 * 0.25)
    assert r.brier == pytest.approx((2 * 0.05**2 + 0.75**2 + 0.25**2) / 4)
    assert r.brier_constant == pytest.approx(0.75 * 0.25)
    # pairs of right and wrong: two ahead, one equal
    assert r.auc == pytest.approx((1 + 1 + 0.5) / 3)
    assert [(b.choices, b.tasks, b.true) for b in r.bins] == [(2, 2, 0.5), (2, 2, 1.0)]
    parts = {part: (least, share) for part, least, share in r.surest}
    assert parts[0.5] == (0.95, pytest.approx(1.0))
    # of the ones stated alike a share is taken: 2 right and 0.5 of 1 more
    assert parts[0.7] == (0.25, pytest.approx((2 + 0.8 * 0.5) / 2.8))
    assert parts[1.0] == (0.25, pytest.approx(0.75))


def test_weights_count_as_copies() -> None:
    stated, right = np.array([0.1, 0.6, 0.6]), np.array([False, True, False])
    weight, tasks = np.array([1.0, 2.0, 1.0]), np.array(["a", "b", "b"])
    copies = reliability(stated[[0, 1, 1, 2]], right[[0, 1, 1, 2]], np.ones(4), tasks[[0, 1, 1, 2]])
    weighted = reliability(stated, right, weight, tasks)
    assert weighted.ece == pytest.approx(copies.ece)
    assert weighted.auc == pytest.approx(copies.auc)
    assert weighted.brier == pytest.approx(copies.brier)
    assert weighted.bins[1].difference == copies.bins[1].difference


def test_true_probabilities_are_reliable_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(20_000)
    right = rng.random(20_000) < truth
    tasks = np.arange(20_000).astype(str)
    r = reliability(truth, right, np.ones(20_000), tasks)
    assert r.ece < 0.02
    inside = [b.difference.low <= 0 <= b.difference.high for b in r.bins]
    assert sum(inside) >= 8
    bold = reliability(truth**0.5, right, np.ones(20_000), tasks)
    assert bold.ece > 0.1
    assert bold.auc == pytest.approx(r.auc)
    assert bold.brier > r.brier


def test_choices_of_one_task_are_no_more_certain_than_one() -> None:
    """A task's choices are copies: the interval is that of the tasks."""
    rng = np.random.default_rng(1)
    right = rng.random(40) < 0.7
    once = reliability(np.full(40, 0.75), right, np.ones(40), np.arange(40).astype(str))
    copies = np.repeat(np.arange(40), 25)
    often = reliability(np.full(1000, 0.75), right[copies], np.ones(1000), copies.astype(str))
    assert often.bins[0].difference.low == pytest.approx(once.bins[0].difference.low)


def test_one_kind_of_choices_has_no_order() -> None:
    assert np.isnan(auc(np.array([0.1, 0.9]), np.array([True, True]), np.ones(2)))
    with pytest.raises(ValueError, match="at least one"):
        reliability(np.zeros(0), np.zeros(0, bool), np.zeros(0), np.zeros(0, dtype=np.str_))
