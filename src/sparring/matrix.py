"""The pass matrix: a cell for each program and test, passed or not, observed or not.

Rows are programs. Columns are tests, ground-truth tests first, then generated ones. A cell that was
never observed (INFRA) is masked: it is neither a pass nor a failure, and the docstring of every
formula states how the formula treats masked cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.schema import Verdict

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PassMatrix:
    """Pass matrix of a group's programs and tests.

    ``passed_PT`` and ``observed_PT`` are [programs, tests]; the first ``ground_truth`` columns are
    ground-truth tests. Raises ValueError if the shapes differ, and for zero ground-truth tests,
    with which every program would be correct.
    """

    passed_PT: Bools
    observed_PT: Bools
    ground_truth: int

    def __post_init__(self) -> None:
        if self.passed_PT.ndim != 2 or self.passed_PT.shape != self.observed_PT.shape:
            raise ValueError("passed_PT and observed_PT must be equal in shape, [programs, tests]")
        if not 1 <= self.ground_truth <= self.passed_PT.shape[1]:
            raise ValueError("a pass matrix needs at least one ground-truth test")

    @property
    def passed_PU(self) -> Bools:
        """Passed cells of the generated tests [P, U]."""
        return self.passed_PT[:, self.ground_truth :]

    @property
    def observed_PU(self) -> Bools:
        """Observed cells of the generated tests [P, U]; False is an infrastructure failure."""
        return self.observed_PT[:, self.ground_truth :]

    @property
    def passed_PG(self) -> Bools:
        """Passed cells of the ground-truth tests [P, G]."""
        return self.passed_PT[:, : self.ground_truth]

    @property
    def observed_PG(self) -> Bools:
        """Observed cells of the ground-truth tests [P, G]; False is an infrastructure failure."""
        return self.observed_PT[:, : self.ground_truth]

    @property
    def correct_P(self) -> Bools:
        """Programs [P] that passed every ground-truth test, all of them observed."""
        return np.asarray((self.passed_PG & self.observed_PG).all(axis=1))

    @property
    def wrong_P(self) -> Bools:
        """Programs [P] that failed at least one ground-truth test that was observed.

        A program that is neither correct nor wrong is unknown: it has a masked ground-truth cell,
        and no failed one.
        """
        return np.asarray((~self.passed_PG & self.observed_PG).any(axis=1))


def from_verdicts(verdicts: Sequence[Sequence[Verdict]], ground_truth: int) -> PassMatrix:
    """Return the pass matrix of verdicts [programs][tests]: ACCEPTED is passed, INFRA is masked,
    every other verdict is failed."""
    passed = [[v is Verdict.ACCEPTED for v in row] for row in verdicts]
    observed = [[v is not Verdict.INFRA for v in row] for row in verdicts]
    width = len(verdicts[0]) if verdicts else ground_truth
    shape = (len(verdicts), width)
    return PassMatrix(
        np.array(passed, dtype=bool).reshape(shape),
        np.array(observed, dtype=bool).reshape(shape),
        ground_truth,
    )


def stacked(one: PassMatrix, other: PassMatrix) -> PassMatrix:
    """Return a matrix with the programs of ``one`` above those of ``other``, on the same tests."""
    return PassMatrix(
        np.concatenate([one.passed_PT, other.passed_PT]),
        np.concatenate([one.observed_PT, other.observed_PT]),
        one.ground_truth,
    )
