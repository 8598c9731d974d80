"""Dual agreement: programs ranked by what they agree on, among themselves and with the tests.

CodeT (arXiv 2207.10397) puts programs that pass the same generated tests into
one group. A group weighs the more, the more programs it has and the more tests
these pass; its programs share its weight. Nothing but the matrix of programs
and generated tests is looked at. Equal programs and equal tests each count:
the model has said so twice. Groups of equal weight are one level of the
ranking: which of them comes first would be the order of the samples.

A program that passes no test weighs nothing and comes last. What a program
with a masked cell passes is not known: such programs are for the caller to
leave out (`benchmark.observed`).
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from sparring.matrix import Bools, Floats


class Weight(StrEnum):
    """What a group of programs weighs."""

    PRODUCT = "product"
    """Programs × tests, as the paper has it (its equation 2)."""
    ROOT = "root"
    """√programs × tests, as the code released with it has it."""


def weights(
    passed_PU: Bools, weight: Weight = Weight.PRODUCT, copies_U: Floats | None = None
) -> Floats:
    """The weight of each program's group [P].

    ``copies_U``: how often each test was written, where columns are distinct tests; 1 by default.
    """
    programs, tests = passed_PU.shape
    if programs == 0:
        return np.zeros(0)
    copies = np.ones(tests) if copies_U is None else copies_U
    member_P, size = _groups(passed_PU)
    count = size if weight is Weight.PRODUCT else np.sqrt(size)
    return np.asarray(count[member_P] * (passed_PU @ copies))


def _groups(passed_PU: Bools) -> tuple[np.ndarray, Floats]:
    """The group of each program [P], and how many programs each group has."""
    packed = np.packbits(passed_PU, axis=1)
    if packed.shape[1] == 0:
        return np.zeros(len(packed), dtype=int), np.array([float(len(packed))])
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).reshape(-1)
    _, member_P, size = np.unique(keys, return_inverse=True, return_counts=True)
    return member_P.reshape(-1), size.astype(float)


def ranked_pass_at_k(score_P: Floats, correct_P: Bools, k: int) -> float:
    """P(at least one of k is correct), one taken from each of the k highest levels of the score.

    Within a level each program is as likely as another, so that a level gives a wrong one with
    its share of wrong programs. Where there are fewer levels than k, they are gone through again
    from the top, each time with all their programs: the rule of CodeT's code. Programs with score
    0 are not in the ranking, unless there is no other: then k are drawn without replacement.
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
    """P(at least one of k samples is correct), k drawn without replacement: unbiased for k fresh
    samples (arXiv 2107.03374). NaN with fewer than k samples.

    1 − C(n − c, k) / C(n, k), as a product: the binomials of 10,000 samples are no floats.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    if samples < k:
        return float("nan")
    if samples - correct < k:
        return 1.0
    return 1.0 - float(np.prod(1.0 - k / np.arange(samples - correct + 1, samples + 1)))
