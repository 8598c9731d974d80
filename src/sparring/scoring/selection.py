"""Best-of-(n, m): choose among n programs by how many of m generated tests they pass.

From N × M samples the expected result is computed, not drawn: exactly over
all subsets of n programs and over ties, and for m < M as the mean over seeded
subsets of tests. Equal scores are broken at random or, if wanted, by agreement:
programs that print what most others print come first. `first_index` is the
official rule instead: the first n and m, the first of equals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from sparring.scoring.matrix import Bools, Floats, PassMatrix


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
    total = len(score_P)
    if not 1 <= n <= total:
        raise ValueError(f"n must be between 1 and {total}, not {n}")
    value = 0.0
    ahead = 0
    for score in np.unique(score_P)[::-1]:
        group = score_P == score
        size = int(group.sum())
        none_ahead = comb(total - ahead, n)
        none_here = comb(total - ahead - size, n)
        value += (none_ahead - none_here) / comb(total, n) * float(correct_P[group].mean())
        ahead += size
    return value


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
    (`agreement`) decides between programs with equal scores; it is that among
    all N programs and on all M tests, whatever subsets are drawn.
    """
    tests = matrix.passed_PU.shape[1]
    usable = np.ones(tests, dtype=bool) if usable_U is None else usable_U
    if not 0 <= m <= tests:
        raise ValueError(f"m must be between 0 and {tests}, not {m}")
    correct = matrix.correct_P
    if m == tests:
        return BestOf(expected_choice(_ranked(matrix, usable, agreement_P), correct, n))
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        chosen = np.zeros(tests, dtype=bool)
        chosen[rng.choice(tests, size=m, replace=False)] = True
        values.append(expected_choice(_ranked(matrix, chosen & usable, agreement_P), correct, n))
    return BestOf(float(np.mean(values)), float(np.std(values) / np.sqrt(draws)))


def agreement(answers_P: Sequence[Hashable]) -> Floats:
    """How many programs gave each program's answers, itself included [P]. None is no answer and
    agrees with nobody."""
    count = Counter(a for a in answers_P if a is not None)
    return np.array([0.0 if a is None else float(count[a]) for a in answers_P])


def _ranked(matrix: PassMatrix, usable_U: Bools, agreement_P: Floats | None) -> Floats:
    """Scores, or their ranks with ties broken by agreement [P]."""
    score = scores(_only(matrix, usable_U))
    if agreement_P is None:
        return score
    pairs = np.stack([score, agreement_P], axis=1)
    return np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1).astype(float)


def first_index(matrix: PassMatrix, n: int, m: int) -> int:
    """The official code's choice: among the first n programs, the first with the most passes of
    the first m generated tests."""
    return int(matrix.passed_PU[:n, :m].sum(axis=1).argmax())


def _only(matrix: PassMatrix, keep_U: Bools) -> PassMatrix:
    keep = np.concatenate([np.ones(matrix.ground_truth, dtype=bool), keep_U])
    return PassMatrix(matrix.passed_PT[:, keep], matrix.observed_PT[:, keep], matrix.ground_truth)
