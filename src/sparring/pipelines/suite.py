"""Tests of every kind run on a program and judged, each by its own rule.

What `audit` and `strength` stand on: a task's tests may be standard input, calls and scripts mixed,
while a job of the sandbox is of one kind. Comparison is that of `grading`, so that a test means
here what it means in training and evaluation. Keeps nothing; whether runs are repeated or
remembered is up to the sandbox that is handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sparring.pipelines.early import Runs
from sparring.pipelines.grading import Comparison, Grader
from sparring.sandbox import Job, Limits
from sparring.schema import Kind, Outcome, Task, Test, Verdict
from sparring.tasks.checkers import Rule, parse_checker


@dataclass(frozen=True, slots=True)
class Ask:
    """A program to be run on tests. ``entry_point``: in place of the task's."""

    task: Task
    program: str
    tests: tuple[Test, ...]
    limits: Limits
    entry_point: str | None = None


def rule(task: Task, test: Test) -> str:
    """The checker that decides a test: its own, the task's, or for a call equality of values."""
    if test.checker is not None:
        return test.checker
    of_calls = parse_checker(task.checker).of_calls
    by_program = parse_checker(task.checker).rule is Rule.PROGRAM
    if test.kind is Kind.CALL and not (of_calls or by_program):
        return Rule.VALUE.value
    return task.checker


def run(sandbox: Runs, asks: Sequence[Ask]) -> list[tuple[Outcome, ...]]:
    """The raw outcomes of every ask, aligned with its tests: FINISHED, not yet compared.

    A call or a script of a task that names no function is WRONG_ANSWER without a run.
    """
    jobs: list[Job] = []
    slots: list[list[tuple[int, list[int]]]] = []
    for ask in asks:
        parts = []
        for kind in dict.fromkeys(test.kind for test in ask.tests):
            where = [i for i, test in enumerate(ask.tests) if test.kind is kind]
            name = (ask.entry_point or ask.task.entry_point or "") if kind is not Kind.STDIN else ""
            if kind is Kind.STDIN or name:
                inputs = tuple(ask.tests[i].input for i in where)
                parts.append((len(jobs), where))
                jobs.append(Job(ask.program, inputs, ask.limits, kind, name))
        slots.append(parts)
    found = sandbox.run(jobs) if jobs else []
    results = []
    for ask, parts in zip(asks, slots, strict=True):
        row = [_NAMELESS] * len(ask.tests)
        for number, where in parts:
            for i, outcome in zip(where, found[number], strict=True):
                row[i] = outcome
        results.append(tuple(row))
    return results


def comparison(task: Task, test: Test, output: str) -> Comparison:
    """An output of a program on a test, to be compared under the test's rule."""
    chosen = rule(task, test)
    asked = task if chosen == task.checker else replace(task, checker=chosen)
    return Comparison(asked, test.input, output, test.output)


def graded(
    grader: Grader, rows: Sequence[tuple[Ask, tuple[Outcome, ...]]]
) -> list[tuple[Outcome, ...]]:
    """The outcomes with the checkers' verdicts in place of FINISHED."""
    grader.prepare(_comparisons(rows))
    return [
        tuple(
            grader.graded(o, comparison(ask.task, test, o.output))
            for test, o in zip(ask.tests, outcomes, strict=True)
        )
        for ask, outcomes in rows
    ]


def _comparisons(rows: Iterable[tuple[Ask, tuple[Outcome, ...]]]) -> Iterable[Comparison]:
    for ask, outcomes in rows:
        for test, outcome in zip(ask.tests, outcomes, strict=True):
            if outcome.verdict is Verdict.FINISHED:
                yield comparison(ask.task, test, outcome.output)


_NAMELESS = Outcome(Verdict.WRONG_ANSWER, detail="the task names no function (entry_point)")
