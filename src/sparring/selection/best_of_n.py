"""Best-of-(n, m): choice among n programs by the number of m generated tests that they pass.

The expected result is computed from N × M samples. It is exact over all subsets of n programs and
over ties. For m < M it is the mean over seeded subsets of tests. Ties are broken at random or, if
wanted, by agreement: programs with the most common output come first. `first_index` is the official
code's rule: of the first n programs and m tests, it takes the first of equal programs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np

from sparring.matrix import Bools, Floats, PassMatrix


@dataclass(frozen=True, slots=True)
class BestOf:
    """Expected share of correct choices. ``error`` is the standard error that comes from drawing
    subsets of tests (0 when m = M)."""

    value: float
    error: float = 0.0


def scores(matrix: PassMatrix) -> Floats:
    """Return the share of the observed generated tests that each program passes [P]; 0 if none was
    observed."""
    observed = matrix.observed_PU
    count = observed.sum(axis=1)
    passed = (matrix.passed_PU & observed).sum(axis=1)
    return np.asarray(np.where(count > 0, passed / np.maximum(count, 1), 0.0))


def expected_choice(score_P: Floats, correct_P: Bools, n: int) -> float:
    """Return P(the chosen program is correct): n programs are drawn without replacement from N,
    and one of those with the highest score is chosen at random.

    Programs of equal score form a group. The best of the n programs belongs to a group of size g,
    with b better programs above it, if and only if none of the b and at least one of the g is
    drawn. The choice within the group is uniform, so it is correct with the group's share of
    correct programs.
    """
    return float(_expected_choices(score_P[None], correct_P, n)[0])


def _expected_choices(score_DP: Floats, correct_P: Bools, n: int) -> Floats:
    """Return `expected_choice` for each row of scores [D]: the sum, over correct programs, of the
    chance to be chosen, (C(N − b, n) − C(N − b − g, n)) / C(N, n) / g."""
    total = score_DP.shape[1]
    if not 1 <= n <= total:
        raise ValueError(f"n must be between 1 and {total}, not {n}")
    # none[x]: the chance that none of x given programs is among the n drawn.
    none = np.array([comb(total - x, n) / comb(total, n) for x in range(total + 1)])
    order = score_DP.argsort(axis=1)
    ranked = np.take_along_axis(score_DP, order, axis=1)
    # Equal scores stand side by side in `ranked`, lowest first. `first` and `last` [D, P] are the
    # places at which the run of each program's score begins and ends: the latest beginning seen
    # from the left, and the earliest end seen from the right.
    place = np.arange(total)
    begins = np.concatenate([np.ones((len(ranked), 1), bool), ranked[:, 1:] != ranked[:, :-1]], 1)
    first = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    ends = np.concatenate([begins[:, 1:], np.ones((len(ranked), 1), bool)], axis=1)
    last = np.minimum.accumulate(np.where(ends, place, total)[:, ::-1], axis=1)[:, ::-1]
    ahead, size = total - 1 - last, last - first + 1  # b and g of the docstrings above
    chance = (none[ahead] - none[ahead + size]) / size
    return np.asarray((chance * correct_P[order]).sum(axis=1))


def best_of(
    matrix: PassMatrix,
    n: int,
    m: int,
    usable_U: Bools | None = None,
    agreement_P: Floats | None = None,
    draws: int = 200,
    seed: int = 0,
) -> BestOf:
    """Return Best-of-(n, m) of one task.

    ``usable_U`` marks parsed tests. An unparsed test is one of the M tests: it takes a place among
    the m without deciding anything. ``agreement_P`` (`consensus.agreement_counts`) decides between
    programs with equal scores; it is the agreement among all N programs on all M tests, whatever
    subsets are drawn. Raises ValueError for n or m out of range.
    """
    tests = matrix.passed_PU.shape[1]
    usable = np.ones(tests, dtype=bool) if usable_U is None else usable_U
    if not 0 <= m <= tests:
        raise ValueError(f"m must be between 0 and {tests}, not {m}")
    correct = matrix.correct_P
    if m == tests:
        return BestOf(expected_choice(_ranked(matrix, usable, agreement_P), correct, n))
    score_DP = _scores_drawn(matrix, _drawn(tests, m, draws, seed) & usable)
    if agreement_P is not None:
        score_DP = _by_agreement(score_DP, agreement_P, tests)
    values = _expected_choices(score_DP, correct, n)
    return BestOf(float(np.mean(values)), float(np.std(values) / np.sqrt(draws)))


@lru_cache(maxsize=64)
def _drawn(tests: int, m: int, draws: int, seed: int) -> Bools:
    """Return ``draws`` subsets of m tests [D, U], equal for all tasks with this number of tests."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros((draws, tests), dtype=bool)
    for row in chosen:
        row[rng.choice(tests, size=m, replace=False)] = True
    chosen.flags.writeable = False
    return chosen


def _scores_drawn(matrix: PassMatrix, tests_DU: Bools) -> Floats:
    """Return `scores` on each subset of the tests [D, P]. The products are exact, because their
    numbers are whole and below 2⁵³."""
    tests = tests_DU.astype(float)
    count = tests @ matrix.observed_PU.T.astype(float)
    passed = tests @ (matrix.passed_PU & matrix.observed_PU).T.astype(float)
    return np.asarray(np.where(count > 0, passed / np.maximum(count, 1), 0.0))


def _ranked(matrix: PassMatrix, usable_U: Bools, agreement_P: Floats | None) -> Floats:
    """Return the scores [P], with ties broken by agreement."""
    score = scores(_only_tests(matrix, usable_U))
    if agreement_P is None:
        return score
    return np.asarray(_by_agreement(score[None], agreement_P, len(usable_U))[0])


def _by_agreement(score_DP: Floats, agreement_P: Floats, tests: int) -> Floats:
    """Return scores in the same order, with equal scores ordered by agreement.

    Two different shares of at most ``tests`` tests are at least 1 / tests² apart. The amounts added
    here stay below half of that, so that they order equal scores and no others.
    """
    rank_P = np.unique(agreement_P, return_inverse=True)[1].reshape(-1)
    step = 0.5 / (max(tests, 1) ** 2 * (rank_P.max(initial=0) + 1))
    return np.asarray(score_DP + step * rank_P)


def first_index(matrix: PassMatrix, n: int, m: int) -> int:
    """Return the official code's choice: among the first n programs, the first that passes the most
    of the first m generated tests."""
    return int(matrix.passed_PU[:n, :m].sum(axis=1).argmax())


def _only_tests(matrix: PassMatrix, keep_U: Bools) -> PassMatrix:
    keep = np.concatenate([np.ones(matrix.ground_truth, dtype=bool), keep_U])
    return PassMatrix(matrix.passed_PT[:, keep], matrix.observed_PT[:, keep], matrix.ground_truth)
