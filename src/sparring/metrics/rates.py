"""Rates of the precision theorem (arXiv 2506.03136, theorem 3.1), counted from pass matrices.

- p_s: share of correct programs. p_u: share of right tests.
- p01, p00: share of right tests, and of wrong tests, that a wrong program passes.
- μ = p_u (1 − p01) − (1 − p_u) p00: the value of a test.
- ``parsed``: share of tests that could be read. An unread test does not count in p_u, p01 and p00.
- p11, p10: share of right tests, and of wrong tests, that a correct program passes. The theorem
  takes them to be 1 and 0.

All of them are ratios of sums over tasks. The influence of each task is therefore known, and
functions of the rates have intervals too (`intervals`).

Masked cells are left out of both sums of a ratio. A test without an observed cell is left out of
p_u; by the paper's rule, so is a test without an observed cell of a correct program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sparring.matrix import Bools, Floats, PassMatrix
from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import Influence, chained, ratio


class RightBy(StrEnum):
    """Rule by which a generated test is right."""

    REFERENCE = "reference"
    """The task's reference solution and validator."""
    ESTIMATE = "estimate"
    """The paper's rule: a test is right if every correct program of the group passes it. Without a
    correct program no test is counted."""


class Rate(StrEnum):
    """Name of a rate; the module's docstring defines each."""

    P_S = "p_s"
    PARSED = "parsed"
    P_U = "p_u"
    P01 = "p01"
    P00 = "p00"
    P11 = "p11"
    P10 = "p10"


@dataclass(frozen=True, slots=True)
class Rates:
    """Every rate over the same tasks, and the figures that the theorem derives from them."""

    of: dict[Rate, Influence]

    def mu(self) -> Influence:
        """Return μ of a readable test."""
        p_u, p01, p00 = self._values()
        return chained(
            p_u * (1 - p01) - (1 - p_u) * p00,
            [
                (1 - p01 + p00, self.of[Rate.P_U]),
                (-p_u, self.of[Rate.P01]),
                (p_u - 1, self.of[Rate.P00]),
            ],
        )

    def sampled(self) -> Influence:
        """Return μ of a sampled test, which may be unreadable: `up` less `down`."""
        p_u, p01, p00 = self._values()
        q, mu = self.of[Rate.PARSED].value, self.mu().value
        return chained(
            q * mu,
            [
                (mu, self.of[Rate.PARSED]),
                (q * (1 - p01 + p00), self.of[Rate.P_U]),
                (-q * p_u, self.of[Rate.P01]),
                (q * (p_u - 1), self.of[Rate.P00]),
            ],
        )

    def up(self) -> Influence:
        """Return P(X = 1) of a sampled test: the test is readable and right, and catches."""
        p_u, p01, _ = self._values()
        q = self.of[Rate.PARSED].value
        return chained(
            q * p_u * (1 - p01),
            [
                (p_u * (1 - p01), self.of[Rate.PARSED]),
                (q * (1 - p01), self.of[Rate.P_U]),
                (-q * p_u, self.of[Rate.P01]),
            ],
        )

    def down(self) -> Influence:
        """Return P(X = −1) of a sampled test: the test is readable and wrong, and is passed."""
        p_u, _, p00 = self._values()
        q = self.of[Rate.PARSED].value
        return chained(
            q * (1 - p_u) * p00,
            [
                ((1 - p_u) * p00, self.of[Rate.PARSED]),
                (-q * p00, self.of[Rate.P_U]),
                (q * (1 - p_u), self.of[Rate.P00]),
            ],
        )

    def _values(self) -> tuple[float, float, float]:
        """Return p_u, p01 and p00, with an unknown rate as 0.

        Where all tests are right, p00 is unknown and has no effect. Where no test is right, p01 is
        unknown and has no effect.
        """
        p_u, p01, p00 = (self.of[r].value for r in (Rate.P_U, Rate.P01, Rate.P00))
        return p_u, 0.0 if p_u == 0 else p01, 0.0 if p_u == 1 else p00


def rates(counts: Floats) -> Rates:
    """Return the rates from counts [tasks, rates, 2]: the numerator and the denominator of each
    task and `Rate`."""
    return Rates({rate: ratio(counts[:, i, 0], counts[:, i, 1]) for i, rate in enumerate(Rate)})


def by_task(groups: Sequence[TaskFacts], values: Floats) -> Floats:
    """Return ``values`` [groups, …] summed over the groups of each task [tasks, …], tasks in the
    order of their first group."""
    index = {task: i for i, task in enumerate(dict.fromkeys(g.task for g in groups))}
    sums = np.zeros((len(index), *values.shape[1:]))
    np.add.at(sums, [index[g.task] for g in groups], values)
    return sums


def count(group: TaskFacts, by: RightBy) -> Floats:
    """Return the counts of one group [rates, 2]. No test is counted where nothing says which tests
    are right: without a reference, or without a correct program."""
    matrix, parsed = group.matrix, group.parsed_U
    correct, wrong = matrix.correct_P, matrix.wrong_P
    counts = dict.fromkeys(Rate, np.zeros(2))
    counts[Rate.P_S] = np.array([correct.sum(), (correct | wrong).sum()], dtype=float)
    counts[Rate.PARSED] = np.array([parsed.sum(), len(parsed)], dtype=float)
    if by is RightBy.REFERENCE:
        right = group.right_U
        decided = parsed & (matrix.observed_PU.any(axis=0) | (len(correct) == 0))
    else:
        right = estimated_right(matrix, parsed)
        decided = parsed & matrix.observed_PU[correct].any(axis=0)
    if right is not None:
        counts[Rate.P_U] = np.array([(right & decided).sum(), decided.sum()], dtype=float)
        counts[Rate.P01], counts[Rate.P00] = acceptance(matrix, right, decided)
        counts[Rate.P11], counts[Rate.P10] = acceptance(matrix, right, decided, correct)
    return np.stack([counts[r] for r in Rate])


def estimated_right(matrix: PassMatrix, parsed_U: Bools) -> Bools | None:
    """Return the tests [U] that are right by the paper's rule: passed by every correct program.
    None without a correct program."""
    correct = matrix.correct_P
    if not correct.any():
        return None
    observed = matrix.observed_PU
    return np.asarray((matrix.passed_PU | ~observed)[correct].all(axis=0) & parsed_U)


def acceptance(
    matrix: PassMatrix, right_U: Bools, parsed_U: Bools, programs_P: Bools | None = None
) -> tuple[Floats, Floats]:
    """Return (passes, executions) of programs on right tests, and the same pair on wrong tests.

    The programs are ``programs_P``, by default the wrong programs.

    For the wrong programs, p01 is passes / executions of the first pair and p00 that of the second.
    Unparsed tests are left out.
    """
    chosen = matrix.wrong_P if programs_P is None else programs_P
    observed = matrix.observed_PU[chosen]
    passed = matrix.passed_PU[chosen] & observed
    right, mistaken = right_U & parsed_U, ~right_U & parsed_U
    on_right = np.array([passed[:, right].sum(), observed[:, right].sum()], dtype=float)
    on_wrong = np.array([passed[:, mistaken].sum(), observed[:, mistaken].sum()], dtype=float)
    return on_right, on_wrong
