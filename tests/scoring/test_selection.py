"""Best-of-(n, m): against brute force over all subsets and ties."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sparring.scoring.matrix import PassMatrix
from sparring.scoring.selection import best_of, expected_choice, first_index, scores


def brute_force(score: np.ndarray, correct: np.ndarray, n: int) -> float:
    values = []
    for subset in combinations(range(len(score)), n):
        best = max(score[i] for i in subset)
        values.append(np.mean([correct[i] for i in subset if score[i] == best]))
    return float(np.mean(values))


@given(
    arrays(int, 7, elements=st.integers(0, 3)),
    arrays(bool, 7),
    st.integers(1, 7),
)
def test_expected_choice_equals_enumeration(score: np.ndarray, correct: np.ndarray, n: int) -> None:
    assert expected_choice(score.astype(float), correct, n) == pytest.approx(
        brute_force(score, correct, n)
    )


def test_by_hand() -> None:
    # programs: A correct scores 2, B wrong scores 2, C wrong scores 0; all three: tie of A and B
    passed = np.array([[1, 1, 1], [0, 1, 1], [0, 0, 0]], bool)
    m = PassMatrix(passed, np.ones_like(passed), 1)
    assert best_of(m, 3, 2).value == pytest.approx(1 / 2)
    # two of three: {A,B} 1/2, {A,C} 1, {B,C} 0
    assert best_of(m, 2, 2).value == pytest.approx(1 / 2)
    assert best_of(m, 1, 2).value == pytest.approx(1 / 3)
    assert first_index(m, 3, 2) == 0


@settings(max_examples=20, deadline=None)
@given(arrays(bool, (4, 6)))
def test_fewer_tests_agree_with_enumeration_within_the_stated_error(passed: np.ndarray) -> None:
    m = PassMatrix(passed, np.ones_like(passed), 1)
    exact = np.mean(
        [
            expected_choice(passed[:, 1:][:, list(subset)].mean(axis=1), passed[:, 0], 4)
            for subset in combinations(range(5), 2)
        ]
    )
    found = best_of(m, 4, 2, draws=400, seed=1)
    assert abs(found.value - exact) <= 5 * found.error + 1e-9


def test_unparsed_tests_tell_nothing_and_masked_cells_are_left_out() -> None:
    passed = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], bool)
    observed = np.ones_like(passed)
    m = PassMatrix(passed, observed, 1)
    assert best_of(m, 2, 3, np.array([True, False, False])).value == 1.0
    observed[1, 2:] = False  # the wrong program is left with the test it fails
    assert scores(PassMatrix(passed, observed, 1)).tolist() == pytest.approx([1 / 3, 0])
