"""Observed precision against enumeration of all subsets, and prediction against observation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.matrix import PassMatrix
from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import influence_difference, influence_interval
from sparring.metrics.rates import RightBy, by_task, count, rates
from sparring.metrics.theory import (
    Law,
    ProgramPairs,
    Ties,
    if_independent,
    observed,
    pair_precision,
    pairs,
    precision,
    predicted,
)
from tests.metrics.groups import by_hand, facts, simulated


def drawn(plus: int, minus: int, tests: int, m: int, ties: Ties) -> float:
    """All subsets of m tests, one by one."""
    each = [1] * plus + [-1] * minus + [0] * (tests - plus - minus)
    sums = [sum(s) for s in itertools.combinations(each, m)]
    won = sum(s > 0 for s in sums) + (ties is Ties.HALVED) * sum(s == 0 for s in sums) / 2
    return won / len(sums)


@given(st.data(), st.sampled_from(Ties))
def test_a_pair_is_as_all_subsets_of_its_tests(data: st.DataObject, ties: Ties) -> None:
    tests = data.draw(st.integers(1, 9))
    plus = data.draw(st.integers(0, tests))
    minus = data.draw(st.integers(0, tests - plus))
    m = data.draw(st.integers(0, tests))
    assert pair_precision(plus, minus, tests, m, ties) == pytest.approx(
        drawn(plus, minus, tests, m, ties), abs=1e-9
    )


def test_large_groups_do_not_overflow() -> None:
    assert pair_precision(900, 600, 2000, 2000, Ties.LOST) == pytest.approx(1)
    few = pair_precision(900, 600, 2000, 20, Ties.LOST)
    # few of many are nearly draws with replacement
    assert few == pytest.approx(precision(Law(0.45, 0.3), 20, Ties.LOST), abs=0.005)


def test_pairs_by_hand() -> None:
    # one correct, two wrong: against the first +, 0, −, 0; against the second +, +, 0, 0
    first = by_hand(["11101", "00111", "00001"], "rrwr")
    # one pair: 0, 0, 0, −
    second = by_hand(["10000", "00001"], "rrww", "b")
    these = pairs([first, second])
    assert these.counts.tolist() == [[1, 1, 4], [2, 0, 4], [0, 1, 4]]
    assert these.group.tolist() == [0, 0, 1]


def test_pairs_then_tasks() -> None:
    # task a: pairs of 1, 1 of 2 tests and 2, 0 of 2; task b: 0, 0 of 2
    a = by_hand(["110", "001", "000"], "rw")
    b = by_hand(["100", "000"], "ww", "b")
    these = pairs([a, b])
    assert sorted(these.counts.tolist()) == [[0, 0, 2], [1, 0, 2], [1, 1, 2]]
    one = observed(these, 1, Ties.LOST)
    assert one.value == pytest.approx(((1 / 2 + 1 / 2) / 2 + 0) / 2)
    both = observed(these, 2, Ties.LOST)
    assert both.value == pytest.approx(((0 + 1) / 2 + 0) / 2)
    halved = observed(these, 2, Ties.HALVED)
    assert halved.value == pytest.approx(((1 / 2 + 1) / 2 + 1 / 2) / 2)
    assert influence_interval(both).n_tasks == 2
    # the groups of one task are one task
    again = observed(pairs([a, a, b]), 2, Ties.LOST)
    assert again.value == pytest.approx(both.value)
    assert influence_interval(again).n_tasks == 2


def test_masked_tests_are_no_tests_of_the_pair() -> None:
    # wrong programs: one masked on the first test, one on all; one of unknown correctness
    group = by_hand(["1110", "0?01", "0???", "?000"], "rrw")
    these = pairs([group])
    assert these.counts.tolist() == [[1, 1, 2]]
    assert observed(these, 2, Ties.HALVED).value == pytest.approx(0.5)
    assert not observed(these, 3, Ties.HALVED).used.any()  # there are no three tests to draw


def test_without_a_pair_there_is_nothing() -> None:
    for rows in (["11", "11"], ["01"]):
        these = pairs([by_hand(rows, "r")])
        assert len(these.counts) == 0
        assert np.isnan(observed(these, 1, Ties.LOST).value)
        assert np.isnan(if_independent(these, 1, Ties.LOST).value)
    empty = np.zeros((0, 3), bool)
    nobody = facts("a", PassMatrix(empty, empty, 1), np.ones(2, bool), None)
    assert len(pairs([nobody]).counts) == 0


def prediction(groups: list[TaskFacts], m: int, ties: Ties = Ties.LOST) -> tuple[float, float]:
    these = pairs(groups)
    r = rates(by_task(groups, np.stack([count(g, RightBy.REFERENCE) for g in groups])))
    return predicted(r.up(), r.down(), m, ties).value, observed(these, m, ties).value


@pytest.mark.parametrize("ties", Ties)
def test_by_the_theorems_model_prediction_and_observation_agree(ties: Ties) -> None:
    rng = np.random.default_rng(4)
    groups = [simulated(rng, str(i), tests=16, parsed=0.9) for i in range(2000)]
    for m in (1, 2, 4, 8, 16):
        told, seen = prediction(groups, m, ties)
        assert told == pytest.approx(seen, abs=0.02)
        truth = precision(Law(0.9 * 0.6 * 0.5, 0.9 * 0.4 * 0.2), m, ties)
        assert told == pytest.approx(truth, abs=0.01)


def test_where_tests_are_not_independent_the_observation_falls_behind() -> None:
    """Half of the wrong programs are caught by every right test, half by none: the same p01."""
    rng = np.random.default_rng(5)
    groups = []
    for i in range(1000):
        easy = simulated(rng, str(i), p01=float(i % 2), p00=0.0, tests=8)
        groups.append(easy)
    told, seen = prediction(groups, 8)
    assert told > 0.9
    assert seen == pytest.approx(0.5, abs=0.05)
    these = pairs(groups)
    assert if_independent(these, 1, Ties.LOST).value == pytest.approx(
        observed(these, 1, Ties.LOST).value
    )
    assert if_independent(these, 8, Ties.LOST).value > 0.9


def test_intervals_of_the_prediction_and_of_the_difference_cover() -> None:
    """By the model the prediction of 3 tests and what is observed estimate the same."""
    rng = np.random.default_rng(6)
    truth = precision(Law(0.6 * 0.5, 0.4 * 0.2), 3, Ties.LOST)
    draws = 400
    hits = {"predicted": 0, "observed": 0, "difference": 0}
    for _ in range(draws):
        groups = [simulated(rng, str(i)) for i in range(60)]
        these = pairs(groups)
        r = rates(by_task(groups, np.stack([count(g, RightBy.REFERENCE) for g in groups])))
        told, seen = (
            predicted(r.up(), r.down(), 3, Ties.LOST),
            observed(these, 3, Ties.LOST),
        )
        for name, e, true in (
            ("predicted", influence_interval(told), truth),
            ("observed", influence_interval(seen), truth),
            ("difference", influence_difference(told, seen), 0.0),
        ):
            hits[name] += e.low <= true <= e.high
    assert all(0.92 <= h / draws <= 0.98 for h in hits.values()), hits


def test_pairs_of_a_task_count_alike() -> None:
    these = ProgramPairs(
        [by_hand(["1", "0"], "")] * 2, np.array([[1, 0, 1]] * 3), np.array([0, 0, 1])
    )
    assert these.per_task(np.array([1.0, 0.0, 0.0])) == pytest.approx([1 / 3])
    assert these.per_task(np.array([1.0, np.nan, 0.0])) == pytest.approx([1 / 2])
