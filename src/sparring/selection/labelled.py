"""Evidence with labels: a task's programs and tests of which it is known what is right.

Axes as in `selection.evidence`. Figures of selectors, the fit of a confidence and the replay of
spending all draw parts of such a task: some of its programs, some of its tests, and the inputs of
those tests alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools
from sparring.selection.evidence import Evidence

NO_INPUT = -1


@dataclass(frozen=True, slots=True)
class LabelledEvidence:
    """Evidence of one task with the truth about its programs.

    ``input_U``: the column of ``evidence.answers_PI`` with the input of each test; `NO_INPUT` for a
    test without an input of its own (an assertion that is no call). ``correct_P``: programs that
    pass all ground-truth tests. Groups of one ``task`` are one cluster of the intervals.

    Raises ValueError where the shapes do not fit.
    """

    task: str
    evidence: Evidence
    input_U: NDArray[np.int64]
    correct_P: Bools

    def __post_init__(self) -> None:
        if self.input_U.shape != (self.evidence.passed_PU.shape[1],):
            raise ValueError("input_U must have one input per test")
        if self.correct_P.shape != (self.evidence.programs,):
            raise ValueError("correct_P must have one value per program")

    @property
    def tests(self) -> int:
        """Number of tests."""
        return len(self.input_U)

    def drawn(self, programs: NDArray[np.int64], tests: NDArray[np.int64]) -> Evidence:
        """Return the evidence of these programs on these tests (positions), as if nothing else had
        been sampled: with the inputs of these tests alone."""
        e = self.evidence
        inputs = np.unique(self.input_U[tests])
        return Evidence(
            e.passed_PU[programs][:, tests],
            e.observed_PU[programs][:, tests],
            e.answers_PI[programs][:, inputs[inputs != NO_INPUT]],
        )
