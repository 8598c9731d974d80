"""Which tests of another model are believed: those that the programs' consensus passes.

With k tests of which some are wrong, hardly any program passes all, and a
right program least of all. Dual agreement (CodeT, arXiv 2207.10397) groups
programs by the set of tests that they pass; a group's weight is its number
of programs times the number of those tests. The heaviest group is the
consensus, and what it fails is set aside.

Nothing but the matrix of programs and these tests is looked at. Equal tests
each count: the model has said so twice.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

import numpy as np

from sparring.matrix import Bools


class TestFilter(StrEnum):
    """Which supervising tests count."""

    __test__ = False

    NONE = "none"
    """All that could be read."""
    AGREEMENT = "agreement"
    """Those that the programs' consensus passes."""


def agreement(passed_PT: Bools, observed_PT: Bools) -> Bools:
    """Whether each test [T] is passed by the consensus.

    A program with a masked cell has no vote, because what it passes is not
    known. Of groups of equal weight the one with more programs is taken. No
    test is kept where no group passes any, and where two groups are equal in
    both: a label by the order of the programs would be none.
    """
    votes = Counter(
        tuple(passed.tolist())
        for passed, observed in zip(passed_PT, observed_PT, strict=True)
        if observed.all()
    )
    ranked = sorted(
        ((count * sum(tests), count, tests) for tests, count in votes.items()), reverse=True
    )
    nothing = np.zeros(passed_PT.shape[1], dtype=bool)
    if not ranked or ranked[0][0] == 0:
        return nothing
    if len(ranked) > 1 and ranked[0][:2] == ranked[1][:2]:
        return nothing
    return np.array(ranked[0][2], dtype=bool)
