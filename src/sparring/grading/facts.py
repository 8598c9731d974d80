"""Facts about a group that metrics need: verdicts, answers and readings as arrays, without texts.

Answers are compared as in `answers`, be they right or wrong: programs that answer the same
to every generated input vote together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from sparring.grading.answers import answer, input_key, plain_output
from sparring.grading.copies import copied_U
from sparring.grading.distinct_inputs import answers_by_input, input_numbers
from sparring.grading.group import GroupResult
from sparring.grading.trivial_inputs import trivial_U
from sparring.matrix import Bools, Floats
from sparring.metrics.facts import TaskFacts
from sparring.metrics.metrics import majority
from sparring.metrics.reading import ReadingCounts
from sparring.schema import (
    Outcome,
    ParseFailure,
    Response,
    Role,
    StopReason,
    Task,
    Test,
    TestKind,
    Verdict,
)
from sparring.selection.consensus import agreement_counts

_UNREAD = Test("", "")
"""Stand-in for a test that could not be read, on which no program was executed."""


def bare_facts(group: GroupResult) -> TaskFacts:
    """Return the facts that rates are counted from: matrices and tests, without answers."""
    return TaskFacts(
        matrix=group.matrix,
        parsed_U=group.parsed_U,
        valid_U=group.valid_U,
        right_U=group.right_U,
        size_U=group.size_U,
        pool=group.pool,
        task=group.task.id,
    )


def shortcut_facts(group: GroupResult) -> TaskFacts:
    """Return the bare facts, with those that the figures of easy ways need (`metrics.shortcuts`):
    which programs could be read, and which tests are copied or trivial."""
    return replace(
        bare_facts(group),
        readable_P=np.array([p.source is not None for p in group.programs], dtype=bool),
        copied_U=copied_U(group),
        trivial_U=trivial_U(group),
    )


def task_facts(group: GroupResult) -> TaskFacts:
    """Return all facts of a group; see `TaskFacts`."""
    task, tests = group.task, [p.test for p in group.tests]
    on_truth = [_on_ground_truth(task, row) for row in group.outcomes_PT]
    input_U = input_numbers(tests)
    return replace(
        shortcut_facts(group),
        majority_program=majority(on_truth, group.matrix.correct_P.tolist()),
        majority_test=_majority_by_input(tests, group.right_U),
        agreement_P=_agreement(group, group.outcomes_PT),
        pool_agreement_P=None
        if group.pool_outcomes_PT is None
        else _agreement(group, group.pool_outcomes_PT),
        first_U=_first_with_input(tests),
        answers_PI=answers_by_input(group, input_U),
        input_U=input_U,
        reading={
            Role.CODER: _reading(group.coder, [p.failure for p in group.programs]),
            Role.TESTER: _reading(group.tester, [p.failure for p in group.tests]),
        },
    )


def _on_ground_truth(task: Task, row: Sequence[Outcome]) -> tuple[Hashable, ...]:
    """Return a program's answers on the ground-truth tests, with printed text to the letter."""
    return tuple(
        o.output if t.kind is TestKind.STDIN else answer(t, o)
        for t, o in zip(task.tests, row, strict=False)
    )


def _generated(
    group: GroupResult, outcomes_PT: Sequence[Sequence[Outcome]]
) -> list[list[tuple[Test, Outcome]]]:
    """Return each program's outcomes on the generated tests, paired with the tests."""
    tests = [p.test or _UNREAD for p in group.tests]
    start = len(group.task.tests)
    return [list(zip(tests, row[start:], strict=True)) for row in outcomes_PT]


def _agreement(group: GroupResult, outcomes_PT: Sequence[Sequence[Outcome]]) -> Floats:
    """Return the agreement of each program with the others, by their answers to the generated
    inputs. A program without any answer agrees with no other."""
    return agreement_counts(
        [
            tuple(_answer_or_error(t, o) for t, o in row)
            if any(o.verdict is not Verdict.INVALID for _, o in row)
            else None
            for row in _generated(group, outcomes_PT)
        ]
    )


def _answer_or_error(test: Test, outcome: Outcome) -> tuple[bool, Hashable]:
    return outcome.verdict is Verdict.RUNTIME_ERROR, answer(test, outcome)


def _reading(
    responses: Sequence[Response], failures: Sequence[ParseFailure | None]
) -> ReadingCounts:
    return ReadingCounts(
        len(responses),
        Counter(f for f in failures if f is not None),
        sum(r.stop is StopReason.LENGTH for r in responses),
    )


def _majority_by_input(tests: Sequence[Test | None], right_U: Bools | None) -> float:
    """Return the accuracy of the tests after a vote among those with the same input. An input that
    occurs once votes alone, and an unread test is wrong. NaN where no reference solution says which
    tests are right."""
    if right_U is None:
        return float("nan")
    by_input: dict[Hashable, list[int]] = {}
    for k, test in enumerate(tests):
        if test is not None:
            by_input.setdefault(input_key(test), []).append(k)
    values = [0.0] * sum(test is None for test in tests)
    for same in by_input.values():
        claims = [_claim(tests[k]) for k in same]
        values += [majority(claims, [bool(right_U[k]) for k in same])] * len(same)
    return float(np.mean(values)) if values else float("nan")


def _first_with_input(tests: Sequence[Test | None]) -> Bools:
    """Mark the tests [U] that are the first with their input. An unread test has no input."""
    seen: set[Hashable] = set()
    first = np.zeros(len(tests), dtype=bool)
    for k, test in enumerate(tests):
        if test is not None and (key := input_key(test)) not in seen:
            seen.add(key)
            first[k] = True
    return first


def _claim(test: Test | None) -> Hashable:
    return None if test is None else plain_output(test)
