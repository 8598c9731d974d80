"""Metrics and intervals by hand, and intervals that cover what they promise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sparring.matrix import PassMatrix
from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import (
    influence_difference,
    influence_interval,
    mean_interval,
    paired_difference,
    ratio,
)
from sparring.metrics.metric_intervals import figure_of
from sparring.metrics.metrics import (
    caught_pairs,
    majority,
    pass_at_1,
    summarise,
)
from sparring.metrics.rates import acceptance, estimated_right
from sparring.metrics.share_intervals import jackknife_interval
from sparring.metrics.student import t95


def facts(rows: list[str], right: str, ground_truth: int = 1) -> TaskFacts:
    passed = np.array([[c == "1" for c in row] for row in rows])
    m = PassMatrix(passed, np.ones_like(passed), ground_truth)
    right_U = np.array([c == "r" for c in right])
    parsed_U = np.array([c != "-" for c in right])
    return TaskFacts(m, parsed_U, parsed_U, right_U, np.full(len(right), 4.0), pool=m)


# one correct program, two wrong; tests: right, right, wrong (r r w) and one unparsed (-)
EXAMPLE = facts(["11000", "01010", "00110"], "rrw-")


def test_distinct_inputs_are_counted_among_the_tests_that_could_be_read() -> None:
    """Three read tests, two of one input; and a task of which nothing is known."""
    known = replace(EXAMPLE, first_U=np.array([True, False, True, False]))
    s = summarise([known, EXAMPLE], 3, 4)
    assert s.estimates["distinct_inputs"].mean == pytest.approx(2 / 3)
    assert s.estimates["distinct_inputs"].n_tasks == 1
    assert math.isnan(summarise([EXAMPLE], 3, 4).estimates["distinct_inputs"].mean)


def test_by_hand() -> None:
    assert pass_at_1(EXAMPLE) == pytest.approx(1 / 3)
    # wrong programs on right tests: 1 0 / 0 1 → 2 of 4; on the wrong test: 1, 1 → 2 of 2
    on_right, on_wrong = acceptance(EXAMPLE.matrix, EXAMPLE.right_U, EXAMPLE.parsed_U)
    assert on_right.tolist() == [2, 4]
    assert on_wrong.tolist() == [2, 2]
    # pairs (wrong program, test): 2 × 4; caught by a right test: 2
    assert caught_pairs(EXAMPLE.matrix, EXAMPLE.right_U) == (2, 8)
    # by the paper's estimate a test is right when the correct program passes it
    right_U = estimated_right(EXAMPLE.matrix, EXAMPLE.parsed_U)
    assert right_U is not None
    assert right_U.tolist() == [True, False, False, False]
    s = summarise([EXAMPLE], 3, 4)
    assert s.estimates["unit_test_accuracy"].mean == pytest.approx(2 / 4)
    assert s.estimates["unit_test_accuracy_estimate"].mean == pytest.approx(1 / 4)
    assert s.estimates["p01"].mean == pytest.approx(1 / 2)
    assert s.estimates["p00"].mean == pytest.approx(1.0)
    # p_u = 2/3 of the parsed tests: μ = 2/3 · 1/2 − 1/3 · 1
    assert s.estimates["mu"].mean == pytest.approx(0.0)
    assert s.estimates["catch_rate"].mean == pytest.approx(2 / 8)
    # scores 1, 2, 2: the two wrong programs lead
    assert s.estimates["bon_3x4"].mean == pytest.approx(0.0)


def test_without_a_correct_program_the_estimate_is_unknown() -> None:
    assert estimated_right(facts(["01"], "r").matrix, np.ones(1, bool)) is None
    s = summarise([facts(["01"], "r")], 1, 1)
    assert s.estimates["unit_test_accuracy_estimate"].n_tasks == 0


def test_the_majority_answer_wins_and_ties_are_shared() -> None:
    assert majority(["a", "a", "b"], [True, True, False]) == 1.0
    assert majority(["a", "b"], [True, False]) == 0.5
    assert math.isnan(majority([], []))


def test_intervals_by_hand() -> None:
    e = mean_interval(np.array([0.0, 1.0, np.nan]))
    assert e.n_tasks == 2
    assert e.mean == 0.5
    assert e.high - e.mean == pytest.approx(12.706 * math.sqrt(0.5) / math.sqrt(2))
    a, b = np.array([1.0, 3.0, 9.0]), np.array([2.0, 2.0, 0.0])  # the third task says nothing
    r = influence_interval(ratio(a, b))
    assert (r.mean, r.n_tasks) == (1.0, 2)
    # influences −1/4 and +1/4: half = t · √((1/16 + 1/16) · 2)
    assert r.high - r.mean == pytest.approx(12.706 * 0.5)
    more = influence_difference(ratio(a, b), ratio(a + 0.5 * b, b))
    assert more.mean == pytest.approx(0.5)
    assert more.low == more.high == pytest.approx(0.5)  # every task moved alike
    assert influence_interval(ratio(a, 0 * b)).n_tasks == 0
    assert paired_difference(np.array([0.0, 0.5]), np.array([0.5, 1.0])).mean == 0.5
    assert mean_interval(np.array([])).as_dict() == {
        "mean": None,
        "low": None,
        "high": None,
        "n_tasks": 0,
    }
    assert t95(11) == 2.228
    assert t95(1000) == 1.980


def test_intervals_contain_the_truth_as_often_as_they_say() -> None:
    """Tasks of different difficulty, eight responses each: 95% within sampling error."""
    rng = np.random.default_rng(0)
    hits = {"mean": 0, "ratio": 0, "difference": 0}
    draws = 1000
    for _ in range(draws):
        p = rng.beta(1.0, 1.5, size=200)
        value = rng.binomial(8, p) / 8
        e = mean_interval(value)
        hits["mean"] += e.low <= 0.4 <= e.high
        size = rng.integers(1, 9, size=200)
        first = ratio(rng.binomial(size, p).astype(float), size.astype(float))
        r = influence_interval(first)
        hits["ratio"] += r.low <= 0.4 <= r.high
        # the same tasks again, half as likely and with other counts
        again = rng.integers(1, 9, size=200)
        second = ratio(rng.binomial(again, p / 2).astype(float), again.astype(float))
        d = influence_difference(first, second)
        hits["difference"] += d.low <= -0.2 <= d.high
    assert all(0.93 <= h / draws <= 0.97 for h in hits.values()), hits


def test_a_count_has_no_negative_bound() -> None:
    counts = ratio(np.array([1.0, 9.0, 1.0]), np.array([1.0, 1.0, 1.0]))
    assert jackknife_interval(counts).low < 0
    estimate = figure_of("input_size", counts)
    assert (estimate.mean, estimate.low) == (jackknife_interval(counts).mean, 0.0)
    assert estimate.high == jackknife_interval(counts).high
