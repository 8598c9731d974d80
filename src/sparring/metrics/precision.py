"""Observed precision: how often m of a group's tests prefer a correct program to a wrong one.

Of a pair of a correct and a wrong program ``plus`` of their tests are passed by the correct one
only, ``minus`` by the wrong one only. Of m tests drawn without replacement the numbers of both
follow the multivariate hypergeometric law, so that nothing is drawn. Pairs are averaged, then
tasks. A test with a masked cell of either program is no test of the pair; a pair with fewer than m
tests says nothing about m.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Floats, PassMatrix
from sparring.metrics.facts import TaskFacts
from sparring.metrics.intervals import Linear, chained, mean
from sparring.metrics.rates import by_task
from sparring.metrics.theory import Law, Ties, precision, slopes

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of every group: ``counts`` [pairs, (plus, minus, tests)], and the index of the
    group that each belongs to. A pair without a common test is left out."""

    groups: Sequence[TaskFacts]
    counts: Counts
    group: Counts

    def per_task(self, value: Floats) -> Floats:
        """Mean over a task's pairs of one value per pair; NaN is left out, and of nothing."""
        known = ~np.isnan(value)
        sums = np.zeros((len(self.groups), 2))
        np.add.at(sums[:, 0], self.group[known], value[known])
        np.add.at(sums[:, 1], self.group[known], 1.0)
        total = by_task(self.groups, sums)
        with np.errstate(invalid="ignore"):
            return np.asarray(total[:, 0] / total[:, 1])


def pairs(groups: Sequence[TaskFacts]) -> Pairs:
    """Every pair of a correct and a wrong program of the same group."""
    found = [_counts(g.matrix) for g in groups]
    group = np.repeat(np.arange(len(found)), [len(c) for c in found])
    counts = np.concatenate([np.zeros((0, 3), dtype=np.int64), *found])
    usable = counts[:, 2] > 0
    return Pairs(groups, counts[usable], group[usable])


def observed(these: Pairs, m: int, ties: Ties) -> Linear:
    """Observed precision with m tests, over tasks."""
    unique, back = np.unique(these.counts, axis=0, return_inverse=True)
    won = [pair_precision(plus, minus, tests, m, ties) for plus, minus, tests in unique.tolist()]
    return mean(these.per_task(np.array(won, dtype=np.float64)[back.reshape(-1)]))


def if_independent(these: Pairs, m: int, ties: Ties) -> Linear:
    """What the theorem's independence makes of the pairs' own frequencies of X = 1 and X = −1:
    with one test the same as `observed`."""
    plus, minus, tests = these.counts.T
    up, down = (mean(these.per_task(x / tests)) for x in (plus, minus))
    return predicted(up, down, m, ties)


def predicted(up: Linear, down: Linear, m: int, ties: Ties) -> Linear:
    """The exact precision with m tests by the theorem's model, of P(X = 1) and P(X = −1)."""
    if math.isnan(up.value) or math.isnan(down.value):
        return chained(math.nan, [(0.0, up), (0.0, down)])
    x = Law(up.value, down.value)
    by_up, by_down = slopes(x, m, ties)
    return chained(precision(x, m, ties), [(by_up, up), (by_down, down)])


def pair_precision(plus: int, minus: int, tests: int, m: int, ties: Ties) -> float:
    """P(more of ``plus`` than of ``minus`` among m drawn of ``tests``); NaN for m > ``tests``.
    Σ C(plus, i) C(minus, j) C(rest, m − i − j) / C(tests, m) over i > j, and half of it over
    i = j if ties are halved."""
    if m > tests:
        return math.nan
    log = np.concatenate([np.zeros(1), np.cumsum(np.log(np.arange(1, tests + 1)))])  # of n!
    i = np.arange(min(plus, m) + 1)[:, None]
    j = np.arange(min(minus, m) + 1)[None, :]
    left = m - i - j
    rest = tests - plus - minus
    possible = (left >= 0) & (left <= rest)
    k = np.where(possible, left, 0)
    chosen = log[plus] - log[i] - log[plus - i] + log[minus] - log[j] - log[minus - j]
    chosen = chosen + log[rest] - log[k] - log[rest - np.minimum(k, rest)]
    total = log[tests] - log[m] - log[tests - m]
    p = np.exp(np.where(possible, chosen - total, -np.inf))
    tied = float(p[i == j].sum()) / 2 if ties is Ties.HALVED else 0.0
    return min(1.0, float(p[i > j].sum()) + tied)


def _counts(matrix: PassMatrix) -> Counts:
    """plus, minus and tests of every pair of one group [pairs, 3]."""
    correct, wrong = matrix.correct_P, matrix.wrong_P
    seen = matrix.observed_PU[correct][:, None] & matrix.observed_PU[wrong][None]
    one, other = matrix.passed_PU[correct][:, None], matrix.passed_PU[wrong][None]
    plus, minus = (one & ~other & seen).sum(axis=2), (other & ~one & seen).sum(axis=2)
    return np.stack([plus, minus, seen.sum(axis=2)], axis=2).reshape(-1, 3).astype(np.int64)
