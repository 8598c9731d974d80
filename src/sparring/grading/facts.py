"""What metrics need of a bout: verdicts, answers and readings as arrays, without texts.

Answers are compared as `answers` has it, whether they are right or not: programs that answer the
same to every generated input are one group for a vote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from sparring.grading.answers import answer, plain_input, plain_output
from sparring.grading.group import GroupResult
from sparring.matrix import Bools, Floats
from sparring.metrics.facts import TaskFacts
from sparring.metrics.metrics import majority
from sparring.metrics.reading import Reading
from sparring.schema import (
    Kind,
    Outcome,
    ParseFailure,
    Response,
    Role,
    StopReason,
    Task,
    Test,
    Verdict,
)
from sparring.selection.consensus import alike, numbered

_UNREAD = Test("", "")
"""Stands for a test that could not be read; no program was run on it."""


def bare_facts(judged: GroupResult) -> TaskFacts:
    """What rates are counted from: matrices and tests, nothing about answers."""
    return TaskFacts(
        matrix=judged.matrix,
        parsed_U=judged.parsed_U,
        valid_U=judged.valid_U,
        right_U=judged.right_U,
        size_U=judged.size_U,
        pool=judged.pool,
        task=judged.task.id,
    )


def task_facts(judged: GroupResult) -> TaskFacts:
    """All facts of a group; see `TaskFacts`."""
    task, tests = judged.task, [p.test for p in judged.tests]
    on_truth = [_on_ground_truth(task, row) for row in judged.outcomes_PT]
    return replace(
        bare_facts(judged),
        majority_program=majority(on_truth, judged.matrix.correct_P.tolist()),
        majority_test=_majority_by_input(tests, judged.right_U),
        agreement_P=_agreement(judged, judged.outcomes_PT),
        pool_agreement_P=None
        if judged.pool_outcomes_PT is None
        else _agreement(judged, judged.pool_outcomes_PT),
        first_U=_first(tests),
        answers_PU=numbered(
            [[_vote(t, o) for t, o in row] for row in _generated(judged, judged.outcomes_PT)],
            len(tests),
        ),
        reading={
            Role.CODER: _reading(judged.coder, [p.failure for p in judged.programs]),
            Role.TESTER: _reading(judged.tester, [p.failure for p in judged.tests]),
        },
    )


def _on_ground_truth(task: Task, row: Sequence[Outcome]) -> tuple[Hashable, ...]:
    """A program's answers on the ground-truth tests; printed text to the letter."""
    return tuple(
        o.output if t.kind is Kind.STDIN else answer(t, o)
        for t, o in zip(task.tests, row, strict=False)
    )


def _generated(
    judged: GroupResult, outcomes_PT: Sequence[Sequence[Outcome]]
) -> list[list[tuple[Test, Outcome]]]:
    """Each program's runs on the generated tests, with the tests."""
    tests = [p.test or _UNREAD for p in judged.tests]
    start = len(judged.task.tests)
    return [list(zip(tests, row[start:], strict=True)) for row in outcomes_PT]


def _agreement(judged: GroupResult, outcomes_PT: Sequence[Sequence[Outcome]]) -> Floats:
    """By what programs answer to the generated inputs; one without any agrees with nobody."""
    return alike(
        [
            tuple(_said(t, o) for t, o in row)
            if any(o.verdict is not Verdict.INVALID for _, o in row)
            else None
            for row in _generated(judged, outcomes_PT)
        ]
    )


def _vote(test: Test, outcome: Outcome) -> Hashable:
    """What a program said; None where nothing was run, or where we failed."""
    if outcome.verdict in (Verdict.INVALID, Verdict.INFRA):
        return None
    return _said(test, outcome)


def _said(test: Test, outcome: Outcome) -> tuple[bool, Hashable]:
    return outcome.verdict is Verdict.RUNTIME_ERROR, answer(test, outcome)


def _reading(responses: Sequence[Response], failures: Sequence[ParseFailure | None]) -> Reading:
    return Reading(
        len(responses),
        Counter(f for f in failures if f is not None),
        sum(r.stop is StopReason.LENGTH for r in responses),
    )


def _majority_by_input(tests: Sequence[Test | None], right_U: Bools | None) -> float:
    """Accuracy of the tests after a vote among those with the same input; an input that occurs
    once votes alone, and an unread test is wrong. NaN where nobody says what is right."""
    if right_U is None:
        return float("nan")
    by_input: dict[Hashable, list[int]] = {}
    for k, test in enumerate(tests):
        if test is not None:
            by_input.setdefault(_input(test), []).append(k)
    values = [0.0] * sum(test is None for test in tests)
    for same in by_input.values():
        claims = [_claim(tests[k]) for k in same]
        values += [majority(claims, [bool(right_U[k]) for k in same])] * len(same)
    return float(np.mean(values)) if values else float("nan")


def _first(tests: Sequence[Test | None]) -> Bools:
    """Which tests are the first with their input; one that could not be read has none."""
    seen: set[Hashable] = set()
    first = np.zeros(len(tests), dtype=bool)
    for k, test in enumerate(tests):
        if test is not None and (said := _input(test)) not in seen:
            seen.add(said)
            first[k] = True
    return first


def _input(test: Test) -> Hashable:
    return test.input if test.kind is Kind.STDIN else plain_input(test)


def _claim(test: Test | None) -> Hashable:
    return None if test is None else plain_output(test)
