"""The pass matrix: which program passed which test, and which cells carry no label.

Rows are programs, columns tests: ground-truth tests first, then generated
ones. A cell that was never observed (INFRA) is masked: it is neither a pass
nor a failure, and every formula here says what it does without it.
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
    """``passed_PT`` and ``observed_PT`` [programs, tests]; the first ``ground_truth`` columns
    are ground-truth tests. Raises ValueError on shapes that don't fit and on zero
    ground-truth tests (then every program would be correct)."""

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
        """The generated tests' columns."""
        return self.passed_PT[:, self.ground_truth :]

    @property
    def observed_PU(self) -> Bools:
        """Whether a cell of a generated test is known [P, U]; False: a failure of our own."""
        return self.observed_PT[:, self.ground_truth :]

    @property
    def passed_PG(self) -> Bools:
        """The ground-truth columns."""
        return self.passed_PT[:, : self.ground_truth]

    @property
    def observed_PG(self) -> Bools:
        """The same of the ground-truth tests [P, G]."""
        return self.observed_PT[:, : self.ground_truth]

    @property
    def correct_P(self) -> Bools:
        """Passed every ground-truth test, all of them observed."""
        return np.asarray((self.passed_PG & self.observed_PG).all(axis=1))

    @property
    def wrong_P(self) -> Bools:
        """Failed at least one ground-truth test that was observed.

        What is neither correct nor wrong is unknown: a masked ground-truth
        cell, and no failed one.
        """
        return np.asarray((~self.passed_PG & self.observed_PG).any(axis=1))


def from_verdicts(verdicts: Sequence[Sequence[Verdict]], ground_truth: int) -> PassMatrix:
    """The matrix of verdicts [programs][tests]: ACCEPTED passes, INFRA masks, all else fails."""
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
    """The programs of both, on the same tests."""
    return PassMatrix(
        np.concatenate([one.passed_PT, other.passed_PT]),
        np.concatenate([one.observed_PT, other.observed_PT]),
        one.ground_truth,
    )
