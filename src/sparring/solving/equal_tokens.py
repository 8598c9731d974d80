"""Best-of-N at the tokens of a pipeline, from the responses of an evaluation.

Best-of-k × k is computed from the N + M responses to each task: the mean over draws of k programs
and k tests of the chance that the chosen program is right. As in the pipelines, programs that pass
fewer public examples are left out first, and without a readable program nothing is solved. Programs
of which an infrastructure failure hides whether they are right are not drawn. The tokens of
Best-of-k × k are k times those of a mean program's and a mean test's response, prompts included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparring.grading.distinct_inputs import answers_by_input, input_numbers
from sparring.grading.group import GroupResult
from sparring.matrix import Bools, Floats
from sparring.metrics.facts import InputIndex
from sparring.selection.consensus import Answers
from sparring.selection.evidence import Evidence, chances
from sparring.selection.ranked import subsets
from sparring.selection.rules import scores
from sparring.selection.selectors import Selector

_DRAWS = 50


@dataclass(frozen=True, slots=True)
class SampledTask:
    """Responses of an evaluation to one task, graded.

    ``public_P``: public examples that each program passes. ``tokens``: mean tokens of a program's
    and of a test's response, with their prompts; NaN where the server reports none.
    """

    correct_P: Bools
    known_P: Bools
    readable_P: Bools
    public_P: Floats
    parsed_U: Bools
    right_U: Bools | None
    passed_PU: Bools
    observed_PU: Bools
    answers_PI: Answers
    input_U: InputIndex
    tokens: tuple[float, float]

    @classmethod
    def of(cls, group: GroupResult, public_P: Floats, tokens: tuple[float, float]) -> SampledTask:
        """Return the arrays of a graded group."""
        matrix = group.matrix
        input_U = input_numbers([p.test for p in group.tests])
        return cls(
            matrix.correct_P,
            matrix.correct_P | matrix.wrong_P,
            np.array([p.source is not None for p in group.programs], dtype=bool),
            public_P,
            group.parsed_U,
            group.right_U,
            matrix.passed_PU,
            matrix.observed_PU,
            answers_by_input(group, input_U),
            input_U,
            tokens,
        )

    @property
    def single(self) -> float:
        """Share of the programs that are right; NaN where no program could be graded."""
        return float(self.correct_P[self.known_P].mean()) if self.known_P.any() else np.nan

    def best_of(self, size: float, selector: Selector) -> float:
        """Return the chance that the program chosen from ``size`` ones, by as many tests, is right;
        NaN where no program could be graded. A size between two whole numbers is the mixture of
        both that has this size in the mean."""
        below = int(size)
        part = size - below
        value = (1 - part) * self._best_of(below, selector)
        return value + part * self._best_of(below + 1, selector) if part else value

    def _best_of(self, k: int, selector: Selector) -> float:
        known, tests = np.flatnonzero(self.known_P), self.passed_PU.shape[1]
        if not len(known):
            return np.nan
        drawn = subsets(len(known), tests, min(k, len(known)), min(k, tests), _DRAWS)
        values = [
            self._chosen(known[p], np.flatnonzero(u), selector)
            for p, u in zip(drawn.programs_DP, drawn.tests_DU, strict=True)
        ]
        return float(np.mean(values))

    def _chosen(self, rows: np.ndarray, columns: np.ndarray, selector: Selector) -> float:
        rows = rows[self.readable_P[rows]]
        if not len(rows):
            return 0.0
        rows = rows[self.public_P[rows] == self.public_P[rows].max()]
        columns = columns[self.parsed_U[columns]]
        inputs = np.unique(self.input_U[columns])
        evidence = Evidence(
            self.passed_PU[np.ix_(rows, columns)],
            self.observed_PU[np.ix_(rows, columns)],
            self.answers_PI[np.ix_(rows, inputs)],
        )
        return float((chances(scores(selector, evidence)) * self.correct_P[rows]).sum())


def mean_tokens(tasks: Sequence[SampledTask], size: float) -> float:
    """Return the mean tokens of Best-of-N over the tasks, with ``size`` programs and tests."""
    return size * float(np.mean([sum(t.tokens) for t in tasks]))


def size_at(tasks: Sequence[SampledTask], tokens: float, most: int) -> float | None:
    """Return the size at which Best-of-N takes ``tokens`` in the mean, at most ``most``; None where
    even one program and one test take more, or the tokens are unknown."""
    of_one = mean_tokens(tasks, 1)
    if not of_one <= tokens:  # NaN is not
        return None
    return min(tokens / of_one, float(most))
