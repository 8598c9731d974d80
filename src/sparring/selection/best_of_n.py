"""Best-of-(n, m): choose among n programs by how many of m generated tests they pass.

From N × M samples the expected result is computed, not drawn: exactly over
all subsets of n programs and over ties, and for m < M as the mean over seeded
subsets of tests. Equal scores are broken at random or, if wanted, by agreement:
programs that print what most others print come first. `first_index` is the
official rule instead: the first n and m, the first of equals.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np

from sparring.matrix import Bools, Floats, PassMatrix


@dataclass(frozen=True, slots=True)
class BestOf:
    """The expected share of correct choices; ``error`` is the standard error that drawing
    subsets of tests leaves (0 when m = M)."""

    value: float
    error: float = 0.0


def scores(matrix: PassMatrix) -> Floats:
    """Share of the observed generated tests that each program passes [P]; 0 with none."""
    observed = matrix.observed_PU
    count = observed.sum(axis=1)
    passed = (matrix.passed_PU & observed).sum(axis=1)
    return np.asarray(np.where(count > 0, passed / np.maximum(count, 1), 0.0))


def expected_choice(score_P: Floats, correct_P: Bools, n: int) -> float:
    """P(the chosen program is correct): n programs drawn without replacement from N, one of
    those with the highest score chosen at random.

    With programs grouped by score: the best of the n is in a group of size g
    with b better programs ahead iff none of the b and at least one of the g
    is drawn; the choice within the group is uniform, so it is correct with
    the group's share of correct programs.
    """
    return float(_expected_choices(score_P[None], correct_P, n)[0])


def _expected_choices(score_DP: Floats, correct_P: Bools, n: int) -> Floats:
    """`expected_choice` for each row of scores [D]: the sum over programs of the chance that it is
    the chosen one, (C(N − b, n) − C(N − b − g, n)) / C(N, n) / g."""
    total = score_DP.shape[1]
    if not 1 <= n <= total:
        raise ValueError(f"n must be between 1 and {total}, not {n}")
    # Chance that none of x programs is drawn.
    none = np.array([comb(total - x, n) / comb(total, n) for x in range(total + 1)])
    order = score_DP.argsort(axis=1)
    ranked = np.take_along_axis(score_DP, order, axis=1)
    # Equals in a row: the first and the last place of each program's score, from below.
    place = np.arange(total)
    begins = np.concatenate([np.ones((len(ranked), 1), bool), ranked[:, 1:] != ranked[:, :-1]], 1)
    first = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    ends = np.concatenate([begins[:, 1:], np.ones((len(ranked), 1), bool)], axis=1)
    last = np.minimum.accumulate(np.where(ends, place, total)[:, ::-1], axis=1)[:, ::-1]
    ahead, size = total - 1 - last, last - first + 1
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
    """Best-of-(n, m) of one task.

    ``usable_U`` marks parsed tests; a test that could not be parsed is one of
    the M, tells nothing, and costs its place among the m. ``agreement_P``
    (`consensus.alike`) decides between programs with equal scores; it is that among
    all N programs and on all M tests, whatever subsets are drawn.
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
    """``draws`` subsets of m tests [D, U]: the same for every task with so many tests."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros((draws, tests), dtype=bool)
    for row in chosen:
        row[rng.choice(tests, size=m, replace=False)] = True
    chosen.flags.writeable = False
    return chosen


def _scores_drawn(matrix: PassMatrix, tests_DU: Bools) -> Floats:
    """`scores` on each subset of the tests [D, P]. Whole numbers below 2⁵³, so exact."""
    tests = tests_DU.astype(float)
    count = tests @ matrix.observed_PU.T.astype(float)
    passed = tests @ (matrix.passed_PU & matrix.observed_PU).T.astype(float)
    return np.asarray(np.where(count > 0, passed / np.maximum(count, 1), 0.0))


def _ranked(matrix: PassMatrix, usable_U: Bools, agreement_P: Floats | None) -> Floats:
    """Scores, with ties broken by agreement [P]."""
    score = scores(_only(matrix, usable_U))
    if agreement_P is None:
        return score
    return np.asarray(_by_agreement(score[None], agreement_P, len(usable_U))[0])


def _by_agreement(score_DP: Floats, agreement_P: Floats, tests: int) -> Floats:
    """Scores in the same order, equal ones in that of their agreement. Different shares of at most
    ``tests`` are at least 1 / tests² apart; all that is added stays below half of that."""
    rank_P = np.unique(agreement_P, return_inverse=True)[1].reshape(-1)
    step = 0.5 / (max(tests, 1) ** 2 * (rank_P.max(initial=0) + 1))
    return np.asarray(score_DP + step * rank_P)


def first_index(matrix: PassMatrix, n: int, m: int) -> int:
    """The official code's choice: among the first n programs, the first with the most passes of
    the first m generated tests."""
    return int(matrix.passed_PU[:n, :m].sum(axis=1).argmax())


def _only(matrix: PassMatrix, keep_U: Bools) -> PassMatrix:
    keep = np.concatenate([np.ones(matrix.ground_truth, dtype=bool), keep_U])
    return PassMatrix(matrix.passed_PT[:, keep], matrix.observed_PT[:, keep], matrix.ground_truth)
