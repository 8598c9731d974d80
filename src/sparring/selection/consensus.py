"""What programs agree on: how many are alike, what their groups weigh, which tests they back.

Programs that answer alike are one group. Dual agreement (CodeT, arXiv 2207.10397) takes for alike
who passes the same generated tests; its group weighs the more, the more programs it has and the
more tests these pass. Nothing but the matrix of programs and generated tests is looked at. Equal
programs and equal tests each count: the model has said so twice.

What a program with a masked cell passes is not known: such programs have no vote. `believed`
leaves them out, for the others it is the caller who does (`benchmark.observed`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools, Floats

Answers = NDArray[np.int64]
"""What each program answered to each generated test's input [P, U], as numbers: equal where the
answers to that input are equal, -1 where there is none."""
NONE = -1


class Weight(StrEnum):
    """What a group of programs weighs."""

    PRODUCT = "product"
    """Programs × tests, as the paper has it (its equation 2)."""
    ROOT = "root"
    """√programs × tests, as the code released with it has it."""


class TestFilter(StrEnum):
    """Which supervising tests count."""

    __test__ = False

    NONE = "none"
    """All that could be read."""
    AGREEMENT = "agreement"
    """Those that the programs' consensus passes."""


def alike(answers_P: Sequence[Hashable]) -> Floats:
    """How many programs gave each program's answers, itself included [P]. None is no answer and
    agrees with nobody."""
    count = Counter(a for a in answers_P if a is not None)
    return np.array([0.0 if a is None else float(count[a]) for a in answers_P])


def numbered(answers: Sequence[Sequence[Hashable]], tests: int) -> Answers:
    """Answers of every program to every of ``tests`` inputs, with numbers in their place; None is
    none."""
    found = np.full((len(answers), tests), NONE, dtype=np.int64)
    for u in range(tests):
        known: dict[Hashable, int] = {}
        for p, row in enumerate(answers):
            if row[u] is not None:
                found[p, u] = known.setdefault(row[u], len(known))
    return found


def weights(
    passed_PU: Bools, weight: Weight = Weight.PRODUCT, copies_U: Floats | None = None
) -> Floats:
    """The weight of each program's group [P]; a program that passes no test weighs nothing.

    ``copies_U``: how often each test was written, where columns are distinct tests; 1 by default.
    """
    copies = np.ones(passed_PU.shape[1]) if copies_U is None else copies_U
    size_P = _sizes(passed_PU)
    count_P = size_P if weight is Weight.PRODUCT else np.sqrt(size_P)
    return np.asarray(count_P * (passed_PU @ copies))


def believed(passed_PT: Bools, observed_PT: Bools) -> Bools:
    """Which tests of another model are believed [T]: those that the heaviest group passes.

    With k tests of which some are wrong, hardly any program passes all, and a right program least
    of all. Of groups of equal weight the one with more programs is taken. No test is believed
    where no group passes any, and where two groups are equal in both: a label by the order of the
    programs would be none.
    """
    votes = passed_PT[observed_PT.all(axis=1)]
    weight_P, size_P = weights(votes), _sizes(votes)
    first = weight_P == weight_P.max(initial=0)
    first &= size_P == size_P[first].max(initial=0)
    said = votes[first]
    if not len(said) or (said != said[0]).any():
        return np.zeros(passed_PT.shape[1], dtype=bool)
    return np.asarray(said[0])


def _sizes(passed_PU: Bools) -> Floats:
    """How many programs pass just what each program passes [P], itself included."""
    packed = np.packbits(passed_PU, axis=1)
    if not packed.size:
        return np.full(len(packed), float(len(packed)))
    keys = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).reshape(-1)
    _, member_P, size = np.unique(keys, return_inverse=True, return_counts=True)
    return np.asarray(size[member_P.reshape(-1)], dtype=float)
