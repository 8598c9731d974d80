"""Matrices small enough for paper: what each figure has to be, worked out beside it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sparring.metrics.benchmark import measure
from sparring.metrics.intervals import ratio
from sparring.metrics.share_intervals import ratio_difference, ratio_interval, share_difference
from sparring.selection.consensus import answer_numbers
from tests.metrics.test_benchmark import facts, means


def test_pass_at_k() -> None:
    """2 of 5 are right: the chances of missing both are C(3, k) / C(5, k)."""
    task = facts(["10", "10", "00", "00", "00"], "r")
    figures = means(task, scale=(1, 1), ks=(1, 2, 3, 4, 5))
    expected = {1: 2 / 5, 2: 1 - 3 / 10, 3: 1 - 1 / 10, 4: 1.0, 5: 1.0}
    assert {k: figures[f"pass@{k}"] for k in expected} == pytest.approx(expected)


def test_the_best_of_two_where_some_tie() -> None:
    """a (right) and b (wrong) pass both tests, c (right) none. Of the pairs ab is even, ac gives
    a, bc gives b."""
    figures = means(facts(["111", "011", "100"], "rr"), scale=(2, 2))
    assert figures["bon_2x2"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert figures["oracle_2x2"] == 1.0


def test_an_unread_test_costs_its_place() -> None:
    """One right and one wrong program, one test that tells them apart and one that was not read:
    half of the single tests tell nothing."""
    figures = means(facts(["110", "000"], "r-"), scale=(2, 1))
    assert figures["bon_2x1"] == pytest.approx((1 + 1 / 2) / 2, abs=0.1)
    assert means(facts(["110", "000"], "r-"), scale=(2, 2))["bon_2x2"] == 1.0


def test_groups_of_equal_weight_are_one_level() -> None:
    """a (right) and b pass tests 1 and 2: 2 × 2. c passes all four: 1 × 4. d passes one: 1. Of
    the three in front each is as likely; d, the next level, is wrong."""
    figures = means(
        facts(["11100", "01100", "01111", "00001"], "rrrr"), scale=(4, 4), ks=(1, 2, 3, 4)
    )
    assert [figures["dual_4x4"], figures["dual_pass@1"]] == pytest.approx([1 / 3, 1 / 3])
    assert figures["dual_pass@2"] == pytest.approx(1 - 2 / 3 * 1)
    # two levels for three: the first one is gone through again
    assert figures["dual_pass@3"] == pytest.approx(1 - 2 / 3 * 1 * 2 / 3)


def test_a_masked_cell() -> None:
    """p (right) passes the only test it was seen on, q (wrong) both: even. Dual agreement and the
    majority don't know what p passes, and choose among the others."""
    task = facts(["11?", "011", "000"], "rr")
    answers = answer_numbers(["xx", "xy", "zz"], 2)
    task = replace(task, answers_PI=answers, input_U=np.arange(2))
    figures = means(task, scale=(3, 2), ks=(1,))
    assert figures["bon_3x2"] == pytest.approx(1 / 2)
    assert math.isnan(figures["dual_3x2"])  # only two are left
    assert math.isnan(figures["majority_3x2"])
    assert figures["dual_pass@1"] == 0.0
    # p01: q passes two of two, the third program none of two
    assert figures["p01"] == pytest.approx(2 / 4)
    assert figures["catch_rate"] == pytest.approx(2 / 4)


def test_a_program_with_masked_ground_truth() -> None:
    """Two are left, one of them right: three are more than is known."""
    found = measure([facts(["11", "00", "?1"], "r")], [(2, 1), (3, 1)], [2, 3]).estimates
    assert found["pass@1"].mean == pytest.approx(1 / 2)
    assert found["pass@2"].mean == found["oracle_2x1"].mean == found["bon_2x1"].mean == 1.0
    for name in ("pass@3", "oracle_3x1", "bon_3x1", "dual_3x1", "dual_pass@3"):
        assert math.isnan(found[name].mean)
        assert found[name].n_tasks == 0


def test_ratios_are_of_sums_and_means_of_tasks() -> None:
    """1 wrong program passes 3 of 3 right tests; 3 wrong ones pass 0 of 9."""
    one = facts(["1111", "0111"], "rrr")
    other = facts(["0000", "0000", "0000", "1111"], "rrr")
    figures = means(one, other, scale=(1, 1), ks=(1,))
    assert figures["p01"] == pytest.approx(3 / 12)
    assert figures["pass@1"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert figures["mu"] == pytest.approx(1 - 3 / 12)


@pytest.mark.parametrize("row", ["aab", "abb", "abc"])
def test_of_one_nothing_is_chosen(row: str) -> None:
    """However few tests there are, and whether they could be read or not: exactly pass@1, and
    with its interval."""
    rows, answers = ["1110", "00?1", "1011", "0010"], ["aab", "bbc", row, "ccc"]
    tasks = [facts(rows, right, answers) for right in ("rrw", "r-w", "---")]
    found = measure(tasks, [(1, 1), (1, 2)], [1]).estimates
    for way in ("bon", "agreement_bon", "oracle", "majority", "dual"):
        for m in (1, 2):
            assert found[f"{way}_1x{m}"] == found["pass@1"] == found["pass@1"]


def test_without_tests_each_program_is_as_likely() -> None:
    task = facts(["1", "0", "0", "1"], "", ["", "", "", ""])
    found = measure([task, task], [(2, 0), (4, 0)], [1]).estimates
    for n in (2, 4):
        for way in ("bon", "majority", "dual"):
            assert found[f"{way}_{n}x0"].mean == pytest.approx(1 / 2)
    for name in ("unit_test_accuracy", "p01", "p00", "mu", "invalid_tests", "catch_rate"):
        assert found[name].n_tasks == 0
        assert math.isnan(found[name].mean)


def test_one_task_is_a_figure_without_interval() -> None:
    found = measure([facts(["11", "00"], "r")], [(2, 1)], [1]).estimates
    for name in ("pass@1", "bon_2x1", "unit_test_accuracy", "p01"):
        assert found[name].n_tasks == 1
        assert not math.isnan(found[name].mean)
        assert math.isnan(found[name].low)
        assert math.isnan(found[name].high)


def test_what_tests_are_worth_lies_between_its_bounds() -> None:
    """One task decides: its interval by itself would end beyond 1."""
    heavy = facts(["1" * 9, *["00000000" + "1"] * 8], "r" * 8)
    light = facts(["11", "01"], "w")
    mu = measure([heavy, light, light], [], [1]).estimates["mu"]
    assert -1.0 <= mu.low <= mu.mean <= mu.high <= 1.0
    assert mu.high == 1.0 or mu.low == -1.0


def test_a_difference_is_as_unsure_as_the_ratio_that_few_tasks_decide() -> None:
    """Before, 1,000 tasks are nearly alike; after, one has most of the wrong programs."""
    before = ratio(np.full(1000, 8.0), np.full(1000, 16.0))
    after = ratio(np.array([90.0] + [0.1] * 999), np.array([100.0] + [0.2] * 999))
    alone, found = ratio_interval(after), ratio_difference(before, after)
    assert found.mean == pytest.approx(alone.mean - 0.5)
    assert found.low <= alone.low - 0.5
    assert found.high >= alone.high - 0.5
    assert found.high - found.low < 1.1 * (alone.high - alone.low)
    assert found.low >= -1
    assert found.high <= 1


def test_where_no_task_differs_the_next_one_still_may() -> None:
    """None of five tasks: Wilson's interval of none of five, to both sides."""
    zeros, ones = np.zeros(5), np.ones(5)
    most = ratio_interval(ratio(zeros, ones)).high
    assert most == pytest.approx(0.606, abs=0.001)
    for same in (
        ratio_difference(ratio(zeros, ones), ratio(zeros, ones)),
        share_difference(zeros, zeros),
        share_difference(np.array([1, 0, 0.5, 1, 0]), np.array([1, 0, 0.5, 1, 0])),
    ):
        assert (same.mean, same.low, same.high) == pytest.approx((0.0, -most, most))
    every = share_difference(zeros, ones)  # from 0 to 1 in all of them
    assert (every.mean, every.high) == (1.0, 1.0)
    assert 0 < every.low < 1
    assert math.isnan(share_difference(zeros[:1], zeros[:1]).low)


def test_a_difference_of_shares_is_none_beyond_the_shares() -> None:
    found = share_difference(np.array([0.0, 0.0]), np.array([1.0, 0.5]))
    assert (found.mean, found.low, found.high) == (0.75, -1.0, 1.0)


def test_a_difference_of_two_shares_put_together() -> None:
    """Of 4 tasks 1 and 3 of 4: the intervals' ends on paper, where the tasks say the opposite and
    where they say the same."""
    one, other = np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0, 1.0])
    ones = np.ones(4)
    a, b = ratio(one, ones), ratio(other, ones)
    low, high = ratio_interval(a).low, ratio_interval(a).high
    assert (ratio_interval(b).low, ratio_interval(b).high) == pytest.approx((1 - high, 1 - low))
    against = ratio_difference(a, b)  # φ = −1: the distances add up
    assert against.mean == pytest.approx(1 / 2)
    assert against.low == pytest.approx(max(1 / 2 - 2 * (high - 1 / 4), -1))
    assert against.high == pytest.approx(min(1 / 2 + 2 * (1 / 4 - low), 1))
    along = ratio_difference(
        a, ratio((one + 1) / 2, ones)
    )  # φ = 1: what is left is their difference
    assert along.high - along.low < against.high - against.low


def test_what_no_task_tells_has_no_difference() -> None:
    nothing = ratio(np.zeros(3), np.zeros(3))
    found = ratio_difference(nothing, ratio(np.ones(3), np.full(3, 2.0)))
    assert math.isnan(found.mean)
    assert math.isnan(found.low)
    assert math.isnan(
        ratio_difference(ratio(np.ones(1), np.ones(1)), ratio(np.ones(1), np.ones(1))).low
    )
