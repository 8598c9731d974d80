"""Consensus of programs: groups of like programs, their weights, and the tests they support.

Programs that answer alike form one group. In dual agreement (CodeT, arXiv 2207.10397) programs are
alike if they pass the same generated tests. A group weighs more, the more programs it has and the
more tests they pass. Only the matrix of programs and generated tests is used. Equal programs and
equal tests each count, because the model has said so twice.

A program with a masked cell has no vote, because the tests that it passes are unknown.
`consensus_tests` leaves such programs out; for the other functions the caller does
(`benchmark.observed`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools, Floats

Answers = NDArray[np.int64]
"""Each program's answer to the input of each generated test [P, U], as numbers: equal where the
answers to that input are equal, -1 where there is no answer."""
NONE = -1


class Weight(StrEnum):
    """Weight of a group of programs."""

    PRODUCT = "product"
    """Programs × tests, as in the paper (its equation 2)."""
    ROOT = "root"
    """√programs × tests, as in the code released with the paper."""


class TestFilter(StrEnum):
    """Filter of pseudo-label tests."""

    __test__ = False

    NONE = "none"
    """Keeps all tests that could be read."""
    AGREEMENT = "agreement"
    """Keeps the tests that the programs' consensus passes."""


def agreement_counts(answers_P: Sequence[Hashable]) -> Floats:
    """Return for each program [P] the number of programs with the same answers, itself included.

    None means that there is no answer, and agrees with nothing.
    """
    count = Counter(a for a in answers_P if a is not None)
    return np.array([0.0 if a is None else float(count[a]) for a in answers_P])


def answer_numbers(answers: Sequence[Sequence[Hashable]], tests: int) -> Answers:
    """Return the answers of every program to every of ``tests`` inputs as numbers; None becomes
    `NONE`."""
    numbers = np.full((len(answers), tests), NONE, dtype=np.int64)
    for u in range(tests):
        known: dict[Hashable, int] = {}
        for p, row in enumerate(answers):
            if row[u] is not None:
                numbers[p, u] = known.setdefault(row[u], len(known))
    return numbers


def weights(
    passed_PU: Bools, weight: Weight = Weight.PRODUCT, copies_U: Floats | None = None
) -> Floats:
    """Return the weight of each program's group [P]; 0 for a program that passes no test.

    ``copies_U``: the number of times that each test was written, where columns are distinct tests;
    1 by default.
    """
    copies = np.ones(passed_PU.shape[1]) if copies_U is None else copies_U
    size_P = _sizes(passed_PU)
    count_P = size_P if weight is Weight.PRODUCT else np.sqrt(size_P)
    return np.asarray(count_P * (passed_PU @ copies))


def consensus_tests(passed_PT: Bools, observed_PT: Bools) -> Bools:
    """Return the pseudo-label tests that are believed [T]: those that the heaviest group passes.

    Some of a task's pseudo-label tests are wrong, so hardly any program passes all of them. A right
    program is the least likely to do so. Among groups of equal weight the group with more programs
    decides. No test is believed if no group passes any, or if two groups are equal in weight and
    size: their order is arbitrary and would give an arbitrary label.
    """
    votes = passed_PT[observed_PT.all(axis=1)]
    weight_P, size_P = weights(votes), _sizes(votes)
    first = weight_P == weight_P.max(initial=0)
    first &= size_P == size_P[first].max(initial=0)
    winners = votes[first]
    if not len(winners) or (winners != winners[0]).any():
        return np.zeros(passed_PT.shape[1], dtype=bool)
    return np.asarray(winners[0])


def _sizes(passed_PU: Bools) -> Floats:
    """Return, for each program [P], the number of programs that pass the same tests, itself
    included."""
    packed = np.packbits(passed_PU, axis=1)
    if not packed.size:
        return np.full(len(packed), float(len(packed)))
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).reshape(-1)
    _, member_P, size = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(size[member_P.reshape(-1)], dtype=float)
