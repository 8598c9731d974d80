"""A program on tests of several kinds: a job for each kind, and one row of outcomes again.

The sandbox runs a program on inputs of one kind. A task's tests may be calls and scripts at once,
and whoever fills a matrix thinks in tests, in their order. So `jobs` and `row` belong together:
the outcomes of what `jobs` gives, in its order, are what `row` takes. Who has all questions at
hand before the first answer asks with `run`, and has the answers judged by `graded`; bouts weave
their own (`bout`). Nothing is kept here: whether runs are repeated or remembered is up to the
sandbox that is handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sparring.pipelines.early import Runs
from sparring.pipelines.grading import Comparison, Grader
from sparring.sandbox import Job, Limits
from sparring.schema import Kind, Outcome, Task, Test, Verdict


def jobs(
    program: str, tests: Sequence[Test], limit: Limits, task: Task, entry_point: str | None = None
) -> list[Job]:
    """The program on these tests: one job per kind among them, none without tests.

    ``entry_point``: in place of the task's. Raises `SandboxError` for a call or a script where
    neither names a function.
    """
    return [
        Job(
            program,
            tuple(t.input for t in tests if t.kind is kind),
            limit,
            kind,
            "" if kind is Kind.STDIN else entry_point or task.entry_point or "",
        )
        for kind in _kinds(tests)
    ]


def row(tests: Sequence[Test], found: Iterator[tuple[Outcome, ...]]) -> tuple[Outcome, ...]:
    """The outcomes of these tests in order, taken from the results of `jobs`."""
    by_kind = {kind: iter(next(found)) for kind in _kinds(tests)}
    return tuple(next(by_kind[t.kind]) for t in tests)


def _kinds(tests: Sequence[Test]) -> list[Kind]:
    present = {t.kind for t in tests}
    return [kind for kind in Kind if kind in present]


@dataclass(frozen=True, slots=True)
class Ask:
    """A program to be run on tests. ``entry_point``: in place of the task's."""

    task: Task
    program: str
    tests: tuple[Test, ...]
    limits: Limits
    entry_point: str | None = None


def run(sandbox: Runs, asks: Sequence[Ask]) -> list[tuple[Outcome, ...]]:
    """The raw outcomes of every ask, aligned with its tests: FINISHED, not yet compared."""
    asked = [
        job
        for ask in asks
        for job in jobs(ask.program, ask.tests, ask.limits, ask.task, ask.entry_point)
    ]
    found = iter(sandbox.run(asked) if asked else ())
    return [row(ask.tests, found) for ask in asks]


def graded(
    grader: Grader, rows: Sequence[tuple[Ask, tuple[Outcome, ...]]]
) -> list[tuple[Outcome, ...]]:
    """The outcomes with the checkers' verdicts in place of FINISHED."""
    grader.prepare(_comparisons(rows))
    return [
        tuple(
            grader.graded(o, Comparison.of(ask.task, test, o.output))
            for test, o in zip(ask.tests, outcomes, strict=True)
        )
        for ask, outcomes in rows
    ]


def _comparisons(rows: Iterable[tuple[Ask, tuple[Outcome, ...]]]) -> Iterable[Comparison]:
    for ask, outcomes in rows:
        for test, outcome in zip(ask.tests, outcomes, strict=True):
            if outcome.verdict is Verdict.FINISHED:
                yield Comparison.of(ask.task, test, outcome.output)
