"""Best-of-(n, m): against brute force over all subsets and ties."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sparring.matrix import PassMatrix
from sparring.selection.best_of_n import best_of, expected_choice, first_index, scores
from sparring.selection.consensus import agreement_counts


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


def test_ties_may_be_broken_by_agreement() -> None:
    # programs 0 and 1 print the same, 2 something else; all pass both tests, 2 is correct
    passed = np.array([[0, 1, 1], [0, 1, 1], [1, 1, 1], [1, 0, 0]], dtype=bool)
    m = PassMatrix(passed, np.ones_like(passed), 1)
    agreeing = agreement_counts(["a", "a", "b", None])
    assert agreeing.tolist() == [2, 2, 1, 0]
    assert best_of(m, 4, 2).value == pytest.approx(1 / 3)
    assert best_of(m, 4, 2, None, agreeing).value == 0
    # a better score still comes first: without the second test 2 alone has both
    passed[:2, 2] = False
    assert best_of(PassMatrix(passed, np.ones_like(passed), 1), 4, 2, None, agreeing).value == 1


@given(arrays(bool, (5, 6)), st.lists(st.integers(0, 2), min_size=5, max_size=5))
def test_agreement_is_the_mean_over_subsets_of_programs(
    passed: np.ndarray, classes: list[int]
) -> None:
    m = PassMatrix(passed, np.ones_like(passed), 2)
    ties = agreement_counts(classes)
    score = m.passed_PU.sum(axis=1)
    expected = []
    for chosen in combinations(range(5), 3):
        best = max((score[i], ties[i]) for i in chosen)
        top = [i for i in chosen if (score[i], ties[i]) == best]
        expected.append(np.mean([m.correct_P[i] for i in top]))
    assert best_of(m, 3, 4, None, ties).value == pytest.approx(np.mean(expected))
