"""Chance that a correct program is chosen by dual agreement, and by a ranking.

The number of tests that a program passes depends on that program alone. The weight of a program in
dual agreement (`consensus`) also depends on the other programs that were drawn. The expectation is
therefore taken over seeded subsets of programs and tests; with all programs and tests there is only
one subset. Ties are never broken: equal programs are equally likely.

Two programs are in one group if they pass the same of the m tests. The group with the largest
product programs × tests passed is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools, Floats
from sparring.selection.best_of_n import BestOf


@dataclass(frozen=True, slots=True)
class Subsets:
    """Programs [D, P] and tests [D, U] that take part in each of D draws."""

    programs_DP: Bools
    tests_DU: Bools


def subsets(programs: int, tests: int, n: int, m: int, draws: int = 200, seed: int = 0) -> Subsets:
    """Return ``draws`` subsets of n programs and m tests, or the only subset that exists."""
    if not (1 <= n <= programs and 0 <= m <= tests):
        raise ValueError(f"{n} × {m} is no part of {programs} programs and {tests} tests")
    if n == programs and m == tests:
        draws = 1
    rng = np.random.default_rng(seed)
    return Subsets(_random_subsets(rng, draws, programs, n), _random_subsets(rng, draws, tests, m))


def dual_choice(passed_PU: Bools, correct_P: Bools, drawn: Subsets, usable_U: Bools) -> BestOf:
    """Return P(correct) of the program chosen by dual agreement. An unread test is one of the m
    tests and distinguishes no programs."""
    tests_DU = (drawn.tests_DU & usable_U).astype(np.float32)
    size_DP = _equal_counts(passed_PU[:, None] != passed_PU[None], tests_DU, drawn.programs_DP)
    passes_DP = tests_DU @ passed_PU.T.astype(np.float32)
    return _chosen(size_DP * passes_DP, correct_P, drawn.programs_DP)


def _random_subsets(rng: np.random.Generator, draws: int, of: int, take: int) -> Bools:
    """Return random subsets [draws, of] with ``take`` members each."""
    rank = rng.random((draws, of)).argsort(axis=1).argsort(axis=1)
    return np.asarray(rank < take)


def _equal_counts(differ_PPU: Bools, tests_DU: NDArray[np.float32], programs_DP: Bools) -> Floats:
    """Return the number of drawn programs that do not differ from each program [D, P], itself
    included."""
    programs = len(differ_PPU)
    flat = differ_PPU.reshape(programs * programs, -1).T.astype(np.float32)
    same_DPP = (tests_DU @ flat == 0).reshape(-1, programs, programs)
    return np.asarray((same_DPP & programs_DP[:, None]).sum(axis=2), dtype=float)


def _chosen(weight_DP: Floats, correct_P: Bools, programs_DP: Bools) -> BestOf:
    weight = np.where(programs_DP, weight_DP, -1.0)
    best_DP = weight == weight.max(axis=1, keepdims=True)
    values = (best_DP & correct_P).sum(axis=1) / best_DP.sum(axis=1)
    return BestOf(float(values.mean()), float(values.std() / np.sqrt(len(values))))


def ranked_pass_at_k(score_P: Floats, correct_P: Bools, k: int) -> float:
    """Return P(at least one of k is correct), with one program from each of the k highest levels of
    the score.

    Within a level every program is equally likely: the chance of a wrong program is the level's
    share of wrong programs. If there are fewer levels than k, the levels are used again from the
    top, each time with all their programs. This is the rule of CodeT's code. Programs with score 0
    are not ranked, unless all have score 0: then k are drawn without replacement.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    ranked = score_P > 0
    if not ranked.any():
        return pass_at_k(int(correct_P.sum()), len(correct_P), k)
    levels = np.unique(score_P[ranked])[::-1]
    wrong = [1.0 - float(correct_P[score_P == level].mean()) for level in levels[:k]]
    chance = 1.0
    for i in range(k):
        chance *= wrong[i % len(wrong)]
    return 1.0 - chance


def pass_at_k(correct: int, samples: int, k: int) -> float:
    """Return P(at least one of k samples is correct), with k drawn without replacement. Unbiased
    for k fresh samples (arXiv 2107.03374). NaN with fewer than k samples.

    The formula is 1 − C(n − c, k) / C(n, k), computed as a product because the binomials of 10,000
    samples are too large for a float.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    if samples < k:
        return float("nan")
    if samples - correct < k:
        return 1.0
    return 1.0 - float(np.prod(1.0 - k / np.arange(samples - correct + 1, samples + 1)))
