"""Dual agreement by hand: groups, weights, and what ranking by levels gives."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sparring.selection.consensus import Weight, weights
from sparring.selection.ranked import (
    dual_choice,
    pass_at_k,
    ranked_pass_at_k,
    subsets,
)


def bools(*rows: str) -> np.ndarray:
    return np.array([[c == "1" for c in row] for row in rows])


# two programs pass tests 1 and 2, one passes all but test 1, one passes none
FOUR = bools("1100", "1100", "0111", "0000")


def test_a_group_weighs_programs_times_tests() -> None:
    assert weights(FOUR).tolist() == [4, 4, 3, 0]
    assert weights(FOUR, Weight.ROOT) == pytest.approx([2 * math.sqrt(2)] * 2 + [3, 0])
    # the last test was written three times
    assert weights(FOUR, copies_U=np.array([1.0, 1, 1, 3])).tolist() == [4, 4, 5, 0]
    assert weights(np.zeros((2, 0), bool)).tolist() == [0, 0]


def test_one_program_is_taken_of_each_level() -> None:
    score = np.array([4.0, 4, 3, 0])
    correct = np.array([True, False, True, True])
    assert ranked_pass_at_k(score, correct, 1) == pytest.approx(1 / 2)
    assert ranked_pass_at_k(score, correct, 2) == pytest.approx(1.0)
    wrong = np.array([True, False, False, True])
    # two levels, so the third choice is of the first again
    assert ranked_pass_at_k(score, wrong, 3) == pytest.approx(1 - 1 / 2 * 1 * 1 / 2)
    # nobody passes a test: k of all, without replacement
    assert ranked_pass_at_k(np.zeros(4), wrong, 2) == pytest.approx(1 - 1 / 6)


def test_pass_at_k_by_hand() -> None:
    assert pass_at_k(2, 5, 1) == pytest.approx(2 / 5)
    assert pass_at_k(2, 5, 2) == pytest.approx(1 - 3 / 10)
    assert pass_at_k(1, 5, 5) == 1.0
    assert pass_at_k(0, 5, 5) == 0.0
    assert math.isnan(pass_at_k(1, 2, 3))
    assert pass_at_k(1, 10_000, 100) == pytest.approx(0.01)


USABLE = np.ones(4, bool)


def test_choices_among_all_are_exact() -> None:
    correct = np.array([True, False, False, True])
    everything = subsets(4, 4, 4, 4)
    assert dual_choice(FOUR, correct, everything, USABLE).value == pytest.approx(1 / 2)
    # without the first two tests the third program's group weighs most
    late = np.array([False, False, True, True])
    assert dual_choice(FOUR, correct, everything, late).value == 0.0
    # no test tells anything: all are alike
    nothing = np.zeros(4, bool)
    assert dual_choice(FOUR, correct, everything, nothing).value == pytest.approx(1 / 2)


def test_choices_among_some_are_the_mean_over_all_subsets() -> None:
    """Against enumeration of every subset of 2 of 4 programs and 3 of 4 tests."""
    from itertools import combinations

    correct = np.array([True, False, False, True])
    values = []
    for programs in combinations(range(4), 2):
        for tests in combinations(range(4), 3):
            score = weights(FOUR[np.ix_(programs, tests)])
            best = score == score.max()
            values.append(correct[list(programs)][best].mean())
    found = dual_choice(FOUR, correct, subsets(4, 4, 2, 3, draws=4000), USABLE)
    assert found.error < 0.01
    assert found.value == pytest.approx(np.mean(values), abs=4 * found.error)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="5 × 1 is no part of 4"):
        subsets(4, 4, 5, 1)
    with pytest.raises(ValueError, match="k must be"):
        pass_at_k(1, 2, 0)
