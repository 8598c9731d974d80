"""Distinct inputs of a task's generated tests, and the programs' answers to each of them.

Two tests with one input and different expected outputs are one execution of a program, and one
answer. Rules that choose a program by its answers (`sparring.selection`) count such an input once.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from sparring.grading.answers import given_answer, input_key
from sparring.grading.group import GroupResult
from sparring.metrics.facts import InputIndex
from sparring.schema import Test
from sparring.selection.consensus import Answers, answer_numbers


def input_numbers(tests: Sequence[Test | None]) -> InputIndex:
    """Return for each test [U] the place of its input among the distinct inputs, in the order of
    their first test; -1 for an unread test."""
    known: dict[Hashable, int] = {}
    places = [-1 if t is None else known.setdefault(input_key(t), len(known)) for t in tests]
    return np.array(places, dtype=np.int64)


def answers_by_input(group: GroupResult, input_U: InputIndex) -> Answers:
    """Return each program's answers to the distinct inputs [P, I] as numbers.

    An error, a limit and an infrastructure failure are no answer. Where a program was executed on
    one input several times, the first answer counts.
    """
    start, inputs = len(group.task.tests), int(input_U.max(initial=-1)) + 1
    rows = []
    for outcomes in group.outcomes_PT:
        row: list[Hashable] = [None] * inputs
        for parsed, i, outcome in zip(group.tests, input_U, outcomes[start:], strict=True):
            if parsed.test is not None and row[i] is None:
                row[i] = given_answer(parsed.test, outcome)
        rows.append(row)
    return answer_numbers(rows, inputs)
