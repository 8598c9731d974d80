"""The rates of the precision theorem, counted from pass matrices.

p_s: share of correct programs. p_u: share of right tests. p01, p00: how often
a wrong program passes a right and a wrong test. μ = p_u (1 − p01) − (1 − p_u)
p00, what a test is worth (arXiv 2506.03136, theorem 3.1). All of them are
ratios of sums over tasks, so that each task's influence on them is known and
functions of them have intervals too (`intervals`).

A test that could not be read is no test in p_u, p01 and p00; ``parsed`` says
how many could. p11 and p10 are what the theorem takes to be 1 and 0: how
often a correct program passes a right and a wrong test.

Masked cells are left out of both sums. A test without an observed cell says
nothing about p_u, and by the paper's rule none without an observed correct
program does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sparring.matrix import Bools, Floats, PassMatrix
from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import Linear, chained, ratio


class RightBy(StrEnum):
    """Who says whether a generated test is right."""

    REFERENCE = "reference"
    """The task's reference solution and validator."""
    ESTIMATE = "estimate"
    """The paper's rule: right is what every correct program of the group passes. Says nothing
    without a correct program."""


class Rate(StrEnum):
    """What is counted; see the module."""

    P_S = "p_s"
    PARSED = "parsed"
    P_U = "p_u"
    P01 = "p01"
    P00 = "p00"
    P11 = "p11"
    P10 = "p10"


@dataclass(frozen=True, slots=True)
class Rates:
    """Every rate, over the same tasks, and what the theorem makes of them."""

    of: dict[Rate, Linear]

    def mu(self) -> Linear:
        """μ of a test that could be read."""
        p_u, p01, p00 = self._values()
        return chained(
            p_u * (1 - p01) - (1 - p_u) * p00,
            [
                (1 - p01 + p00, self.of[Rate.P_U]),
                (-p_u, self.of[Rate.P01]),
                (p_u - 1, self.of[Rate.P00]),
            ],
        )

    def sampled(self) -> Linear:
        """μ of a test that was sampled, which may not be readable: `up` less `down`."""
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

    def up(self) -> Linear:
        """P(X = 1) of a test that was sampled: it could be read, is right and catches."""
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

    def down(self) -> Linear:
        """P(X = −1) of a test that was sampled: it could be read, is wrong and is passed."""
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
        """p_u, p01, p00. Where all tests are right there is no p00 to be known, and it does not
        matter; the same for p01 where none is."""
        p_u, p01, p00 = (self.of[r].value for r in (Rate.P_U, Rate.P01, Rate.P00))
        return p_u, 0.0 if p_u == 0 else p01, 0.0 if p_u == 1 else p00


def rates(counts: Floats) -> Rates:
    """Rates from counts [tasks, rates, 2]: of each task and `Rate`, numerator and denominator."""
    return Rates({rate: ratio(counts[:, i, 0], counts[:, i, 1]) for i, rate in enumerate(Rate)})


def by_task(groups: Sequence[TaskFacts], values: Floats) -> Floats:
    """``values`` [groups, …] summed over the groups of each task [tasks, …], tasks in the order
    of their first group."""
    index = {task: i for i, task in enumerate(dict.fromkeys(g.task for g in groups))}
    found = np.zeros((len(index), *values.shape[1:]))
    np.add.at(found, [index[g.task] for g in groups], values)
    return found


def count(group: TaskFacts, by: RightBy) -> Floats:
    """The counts of one group [rates, 2]. Of tests nothing is counted where nobody says what is
    right: no reference, or no correct program."""
    matrix, parsed = group.matrix, group.parsed_U
    correct, wrong = matrix.correct_P, matrix.wrong_P
    found = dict.fromkeys(Rate, np.zeros(2))
    found[Rate.P_S] = np.array([correct.sum(), (correct | wrong).sum()], dtype=float)
    found[Rate.PARSED] = np.array([parsed.sum(), len(parsed)], dtype=float)
    if by is RightBy.REFERENCE:
        right = group.right_U
        judged = parsed & (matrix.observed_PU.any(axis=0) | (len(correct) == 0))
    else:
        right = estimated_right(matrix, parsed)
        judged = parsed & matrix.observed_PU[correct].any(axis=0)
    if right is not None:
        found[Rate.P_U] = np.array([(right & judged).sum(), judged.sum()], dtype=float)
        found[Rate.P01], found[Rate.P00] = acceptance(matrix, right, judged)
        found[Rate.P11], found[Rate.P10] = acceptance(matrix, right, judged, correct)
    return np.stack([found[r] for r in Rate])


def estimated_right(matrix: PassMatrix, parsed_U: Bools) -> Bools | None:
    """By the paper's rule: passed by every correct program. None without a correct program."""
    correct = matrix.correct_P
    if not correct.any():
        return None
    observed = matrix.observed_PU
    return np.asarray((matrix.passed_PU | ~observed)[correct].all(axis=0) & parsed_U)


def acceptance(
    matrix: PassMatrix, right_U: Bools, parsed_U: Bools, programs_P: Bools | None = None
) -> tuple[Floats, Floats]:
    """How programs fare, by default the wrong ones: (passes, runs) on right tests, (passes, runs)
    on wrong tests.

    Of wrong programs p01 is passes / runs of the first pair, p00 of the
    second; unparsed tests are no tests here.
    """
    chosen = matrix.wrong_P if programs_P is None else programs_P
    observed = matrix.observed_PU[chosen]
    passed = matrix.passed_PU[chosen] & observed
    right, mistaken = right_U & parsed_U, ~right_U & parsed_U
    on_right = np.array([passed[:, right].sum(), observed[:, right].sum()], dtype=float)
    on_wrong = np.array([passed[:, mistaken].sum(), observed[:, mistaken].sum()], dtype=float)
    return on_right, on_wrong
