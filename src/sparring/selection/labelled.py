"""Evidence with labels: a task's responses, of which it is known what is right.

Axes as in `selection.evidence`, and D draws. Figures of selectors, the fit of a confidence and the
replay of spending all draw some of a task's responses, as if no others had been sampled: the
programs and tests in them, and the inputs of those tests alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools
from sparring.selection.consensus import NONE
from sparring.selection.evidence import Evidence

Indices = NDArray[np.int64]
NO_INPUT = -1


@dataclass(frozen=True, slots=True)
class LabelledEvidence:
    """Evidence of one task with the truth about its programs.

    ``evidence`` [P, U]: the programs and tests that could be read. ``correct_P``: programs that
    pass all ground-truth tests. ``input_U``: the column of ``evidence.answers_PI`` with the input
    of each test; `NO_INPUT` for a test without one (an assertion that is no call).
    ``response_P`` and ``response_U``: the response that each program and test was read from, of
    ``coder`` and ``tester`` responses; a response may hold several tests, or nothing readable.
    Groups of one ``task`` are one cluster of the intervals.

    Raises ValueError where the shapes do not fit.
    """

    task: str
    evidence: Evidence
    correct_P: Bools
    input_U: Indices
    response_P: Indices
    response_U: Indices
    coder: int
    tester: int

    def __post_init__(self) -> None:
        programs, tests = self.evidence.passed_PU.shape
        if self.correct_P.shape != (programs,) or self.response_P.shape != (programs,):
            raise ValueError("correct_P and response_P must have one value per program")
        if self.input_U.shape != (tests,) or self.response_U.shape != (tests,):
            raise ValueError("input_U and response_U must have one value per test")

    def single_tests(self) -> LabelledEvidence:
        """Return the same evidence with every readable test as a response of its own."""
        tests = len(self.input_U)
        return replace(self, response_U=np.arange(tests), tester=tests)

    def of(self, coder: Indices, tester: Indices) -> tuple[Evidence, Indices]:
        """Return the evidence of these responses and the rows [P] of its programs, in the order of
        the responses."""
        rows = _members(self.response_P, coder)
        columns = _members(self.response_U, tester)
        stacked = self._evidence(rows[None], columns[None])
        return Evidence(stacked.passed_PU[0], stacked.observed_PU[0], stacked.answers_PI[0]), rows

    def draws(
        self, n: int, m: int, count: int, rng: np.random.Generator
    ) -> Iterator[tuple[Evidence, Indices]]:
        """Yield the evidence of ``count`` random draws of n coder's and m tester's responses, and
        the rows of its programs [D, P]. Draws with equally many readable programs are stacked.
        Draws without a readable program are left out. A task with fewer than n or m responses
        gives all of them."""
        rows: dict[int, list[Indices]] = {}
        columns: dict[int, list[Indices]] = {}
        for _ in range(count):
            mine = _members(self.response_P, rng.permutation(self.coder)[:n])
            rows.setdefault(len(mine), []).append(mine)
            drawn = _members(self.response_U, rng.permutation(self.tester)[:m])
            columns.setdefault(len(mine), []).append(drawn)
        for size, some in sorted(rows.items()):
            if size:
                stacked = np.stack(some)
                yield self._evidence(stacked, _padded(columns[size])), stacked

    def _evidence(self, rows_DP: Indices, columns_DU: Indices) -> Evidence:
        """Return the evidence of the programs and tests of each draw. A column of −1 is no test:
        it was observed on no program. An input counts at its first test."""
        e, real_DU = self.evidence, columns_DU >= 0
        rows, columns = rows_DP[:, :, None], np.maximum(columns_DU, 0)
        passed = e.passed_PU[rows, columns[:, None, :]]
        observed = e.observed_PU[rows, columns[:, None, :]] & real_DU[:, None, :]
        inputs = np.where(real_DU, self.input_U[columns], NO_INPUT)
        equal = inputs[:, :, None] == inputs[:, None, :]
        repeated = (equal & np.tri(inputs.shape[1], k=-1, dtype=bool)).any(axis=2)
        counts = (inputs != NO_INPUT) & ~repeated
        answers = np.full(passed.shape, NONE, dtype=np.int64)
        if e.answers_PI.shape[1]:
            given = e.answers_PI[rows, np.maximum(inputs, 0)[:, None, :]]
            answers = np.where(counts[:, None, :], given, NONE)
        return Evidence(passed, observed, answers)


def _members(response: Indices, drawn: Indices) -> Indices:
    """Return the places of what was read from the drawn responses, in the order of the draw."""
    order = np.argsort(response, kind="stable")
    low = np.searchsorted(response[order], drawn, side="left")
    high = np.searchsorted(response[order], drawn, side="right")
    places = [order[a:b] for a, b in zip(low, high, strict=True)]
    return np.concatenate(places) if places else np.zeros(0, dtype=np.int64)


def _padded(rows: list[Indices]) -> Indices:
    """Return rows of unequal length as one array, filled up with −1."""
    width = max(len(row) for row in rows)
    padded = np.full((len(rows), width), -1, dtype=np.int64)
    for filled, row in zip(padded, rows, strict=True):
        filled[: len(row)] = row
    return padded
