"""The precision theorem (arXiv 2506.03136, theorem 3.1).

Precision is the chance that m tests prefer the correct program to the wrong one. This module
computes it in three ways: by the theorem's bound, exactly by the theorem's model, and from the pass
matrices of groups.

On one test a correct program scores X ∈ {−1, 0, 1} more than a wrong one; on m independent tests it
scores D_m more. docs/theory.md has the model, the theorem and the formulas; `rates` gives P(X).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Floats, PassMatrix
from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import Influence, chained, mean
from sparring.metrics.rates import by_task

CAP = 10_000
"""Largest number of tests that is considered: beyond any budget."""
ZERO = 1e-12
"""Largest μ that counts as 0, because rounding may cause it."""
Counts = NDArray[np.int64]


class Ties(Enum):
    """Share of ties (D_m = 0) that count as won: none, as in the paper, or half, as by a coin."""

    LOST = 0.0
    HALVED = 0.5


class Law(NamedTuple):
    """Distribution of X: ``up`` = P(X = 1), ``down`` = P(X = −1), and X = 0 otherwise."""

    up: float
    down: float

    @property
    def mu(self) -> float:
        """The mean of X."""
        return self.up - self.down

    def differences(self) -> Iterator[Floats]:
        """Yield the distributions of D_0, D_1, D_2, …: P(D_m = d) for d = −m … m, at index
        d + m."""
        law = np.ones(1)
        while True:
            yield law
            law = np.convolve(law, [self.down, max(0.0, 1 - self.up - self.down), self.up])


def difference(x: Law, m: int) -> Floats:
    """Return P(D_m = d) for d = −m … m, at index d + m."""
    return next(islice(x.differences(), m, None))


def precision(x: Law, m: int, ties: Ties) -> float:
    """Return P(D_m > 0), with ties lost or halved."""
    return _won(difference(x, m), ties)


def _won(law: Floats, ties: Ties) -> float:
    m = len(law) // 2
    return float(law[m + 1 :].sum()) + ties.value * float(law[m])


def slopes(x: Law, m: int, ties: Ties) -> tuple[float, float]:
    """Return the derivatives of `precision` by ``up`` and by ``down``, at the expense of P(X = 0).

    A derivative is m times a gain: what one more test, with X = 1 or X = −1, adds to the precision
    of m − 1 tests.
    """
    if m == 0:
        return 0.0, 0.0
    below, at, above = np.pad(difference(x, m - 1), 1)[m - 1 : m + 2].tolist()
    to_tie, from_tie = ties.value, 1 - ties.value  # the worth of a step from −1 to 0, from 0 to 1
    return m * (to_tie * below + from_tie * at), -m * (to_tie * at + from_tie * above)


def bound(mu: float, m: int) -> float:
    """Return the theorem's lower bound of P(D_m > 0); 0, which promises nothing, where μ ≤ 0."""
    return -math.expm1(-(mu**2) * m / 8) if mu > 0 else 0.0


def tests_for(x: Law, target: float, ties: Ties, cap: int) -> int | None:
    """Return the smallest m whose precision is at least ``wanted``, which lies in (0, 1).

    The result is None if μ ≤ 0 or no m up to ``cap`` is enough. A larger m can fall short again,
    because an even number of tests is likelier to tie.
    """
    laws = islice(x.differences(), 1, cap + 1 if x.mu > ZERO else 1)
    return next((m for m, law in enumerate(laws, 1) if _won(law, ties) >= target), None)


def tests_by_bound(mu: float, target: float) -> int | None:
    """Return the smallest m for which the bound promises ``wanted``, in (0, 1); None if μ ≤ 0."""
    if not mu > ZERO:
        return None
    m = max(1, math.floor(-8 / mu**2 * math.log1p(-target)))
    return m if bound(mu, m) >= target else m + 1


@dataclass(frozen=True, slots=True)
class ProgramPairs:
    """Pairs of a correct and a wrong program of every group.

    ``counts`` [pairs, 3]: the tests that only the correct program passes, those that only the wrong
    one passes, and all tests on which both were observed. ``group`` [pairs]: the index of the
    pair's group. A pair without a common test is left out.
    """

    groups: Sequence[TaskFacts]
    counts: Counts
    group: Counts

    def per_task(self, value: Floats) -> Floats:
        """Return the mean over each task's pairs of one value per pair. NaN values are left out; a
        task without a value is NaN."""
        known = ~np.isnan(value)
        sums = np.zeros((len(self.groups), 2))
        np.add.at(sums[:, 0], self.group[known], value[known])
        np.add.at(sums[:, 1], self.group[known], 1.0)
        total = by_task(self.groups, sums)
        with np.errstate(invalid="ignore"):
            return np.asarray(total[:, 0] / total[:, 1])


def pairs(groups: Sequence[TaskFacts]) -> ProgramPairs:
    """Return every pair of a correct and a wrong program of the same group."""
    group_counts = [_counts(g.matrix) for g in groups]
    group = np.repeat(np.arange(len(group_counts)), [len(c) for c in group_counts])
    counts = np.concatenate([np.zeros((0, 3), dtype=np.int64), *group_counts])
    usable = counts[:, 2] > 0
    return ProgramPairs(groups, counts[usable], group[usable])


def _counts(matrix: PassMatrix) -> Counts:
    correct, wrong = matrix.correct_P, matrix.wrong_P
    seen = matrix.observed_PU[correct][:, None] & matrix.observed_PU[wrong][None]
    one, other = matrix.passed_PU[correct][:, None], matrix.passed_PU[wrong][None]
    cells = (one & ~other & seen, other & ~one & seen, seen)
    return np.stack([c.sum(axis=2) for c in cells], axis=2).reshape(-1, 3).astype(np.int64)


def observed(program_pairs: ProgramPairs, m: int, ties: Ties) -> Influence:
    """Return the precision with m of a pair's tests, averaged over a task's pairs, then over tasks.
    A pair with fewer than m tests is left out."""
    unique, back = np.unique(program_pairs.counts, axis=0, return_inverse=True)
    won = [pair_precision(plus, minus, tests, m, ties) for plus, minus, tests in unique.tolist()]
    return mean(program_pairs.per_task(np.array(won, dtype=np.float64)[back.reshape(-1)]))


def if_independent(program_pairs: ProgramPairs, m: int, ties: Ties) -> Influence:
    """Return the precision that the theorem's independence predicts from the pairs' own frequencies
    of X = 1 and X = −1. With one test it equals `observed`."""
    plus, minus, tests = program_pairs.counts.T
    up, down = (mean(program_pairs.per_task(x / tests)) for x in (plus, minus))
    return predicted(up, down, m, ties)


def predicted(up: Influence, down: Influence, m: int, ties: Ties) -> Influence:
    """Return the exact precision with m tests by the theorem's model, from P(X = 1) and
    P(X = −1)."""
    if math.isnan(up.value) or math.isnan(down.value):
        return chained(math.nan, [(0.0, up), (0.0, down)])
    x = Law(up.value, down.value)
    return chained(precision(x, m, ties), list(zip(slopes(x, m, ties), (up, down), strict=True)))


def pair_precision(plus: int, minus: int, tests: int, m: int, ties: Ties) -> float:
    """Return the chance that m of ``tests`` tests include more ``plus`` than ``minus`` tests.

    The m tests are drawn without replacement (multivariate hypergeometric distribution). The result
    is NaN for m > ``tests``.
    """
    if m > tests:
        return math.nan
    log = np.concatenate([np.zeros(1), np.cumsum(np.log(np.arange(1, tests + 1)))])  # log n!
    i, j = np.arange(min(plus, m) + 1)[:, None], np.arange(min(minus, m) + 1)[None, :]
    rest = tests - plus - minus
    k = np.clip(m - i - j, 0, rest)
    ways = np.zeros(k.shape)
    for n, chosen in ((plus, i), (minus, j), (rest, k)):
        ways = ways + log[n] - log[chosen] - log[n - chosen]
    of_all = log[tests] - log[m] - log[tests - m]
    p = np.exp(np.where(i + j + k == m, ways - of_all, -np.inf))
    return min(1.0, float(p[i > j].sum()) + ties.value * float(p[i == j].sum()))
