"""Chance that each rule of selection chooses a correct program, over draws of programs and tests.

The figures of tests passed, agreement and dual agreement have formulas of their own (`best_of_n`,
`ranked`). All other rules are measured here, on the same draws as dual agreement, with
`rules.all_scores` on all draws at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sparring.matrix import Bools
from sparring.metrics.facts import TaskFacts
from sparring.selection import rules
from sparring.selection.consensus import NONE
from sparring.selection.evidence import Evidence, chances
from sparring.selection.ranked import Subsets
from sparring.selection.selectors import BY_ANSWERS, Selector

OWN_FORMULA = frozenset({Selector.BON, Selector.AGREEMENT_BON, Selector.DUAL, Selector.ORACLE})
"""Selectors that are not measured here."""
_MOST_CELLS = 2_000_000
"""Pairs of programs × tests in the largest array, by which draws are divided into parts."""


def solved_by_rules(facts: TaskFacts, usable_U: Bools, drawn: Subsets) -> dict[Selector, float]:
    """Return for each rule the mean over draws of the chance that its choice is correct.

    Every program of ``facts`` was observed on every usable test. A test that is not usable takes
    its place among the drawn tests and decides nothing. A rule that needs answers is left out where
    they are unknown.
    """
    known = [s for s in rules.RULES if facts.answers_PI is not None or s not in BY_ANSWERS]
    measured = [s for s in known if s not in OWN_FORMULA]
    total = dict.fromkeys(measured, 0.0)
    for rows, columns in _parts(drawn):
        evidence = _evidence(facts, usable_U, rows, columns)
        correct = facts.matrix.correct_P[rows]
        scores = rules.all_scores(evidence)
        for selector in measured:
            total[selector] += float((chances(scores[selector]) * correct).sum())
    return {selector: value / len(drawn.programs_DP) for selector, value in total.items()}


def _parts(drawn: Subsets) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the places of the drawn programs [D, n] and tests [D, m], some draws at a time."""
    draws = len(drawn.programs_DP)
    rows = drawn.programs_DP.nonzero()[1].reshape(draws, -1)
    columns = drawn.tests_DU.nonzero()[1].reshape(draws, int(drawn.tests_DU[0].sum()))
    size = rows.shape[1] ** 2 * max(columns.shape[1], 1)
    step = max(1, _MOST_CELLS // size)
    for start in range(0, draws, step):
        yield rows[start : start + step], columns[start : start + step]


def _evidence(facts: TaskFacts, usable_U: Bools, rows: np.ndarray, columns: np.ndarray) -> Evidence:
    """Return the evidence of each draw [D, n, m]. An input counts at its first drawn test; at the
    others, and at unusable tests, no program has an answer."""
    matrix = facts.matrix
    cells = (rows[:, :, None], columns[:, None, :])
    usable = usable_U[columns]
    observed = matrix.observed_PU[cells] & usable[:, None, :]
    if facts.answers_PI is None or facts.input_U is None:
        answers = np.full(observed.shape, NONE, dtype=np.int64)
        return Evidence(matrix.passed_PU[cells], observed, answers)
    inputs = np.where(usable, facts.input_U[columns], NONE)
    equal = inputs[:, :, None] == inputs[:, None, :]
    repeated = (equal & np.tri(columns.shape[1], k=-1, dtype=bool)).any(axis=2)
    counts = (inputs != NONE) & ~repeated
    if facts.answers_PI.shape[1]:
        answers = facts.answers_PI[rows[:, :, None], np.maximum(inputs, 0)[:, None, :]]
    else:
        answers = np.full(observed.shape, NONE, dtype=np.int64)
    return Evidence(matrix.passed_PU[cells], observed, np.where(counts[:, None, :], answers, NONE))
