"""A program on tests of several kinds: a job for each kind, and one row of outcomes again.

The sandbox runs a program on inputs of one kind. A task's tests may be calls and scripts at once,
and whoever fills a matrix thinks in tests, in their order. So `jobs` and `row` belong together:
the outcomes of what `jobs` gives, in its order, are what `row` takes. Who has all questions at
hand before the first answer asks with `run`, and has the answers judged by `graded`. Nothing is
kept here: whether runs are repeated or remembered is up to the sandbox that is handed in.

Programs of the task (solutions, the validator, mutants of a solution) are trusted, and may do with
an input what they like, even `eval` it. So on tests that responses wrote
each run of theirs has a process of its own: else one author's input could teach the program what
to say to another's. The task's own inputs, and what is equal to them, may meet in one process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from sparring.grading.comparison import Comparison, Grader
from sparring.sandbox import Job, Limits, Runs, believed
from sparring.schema import Kind, Outcome, Task, Test, Verdict
from sparring.tasks.preambles import before

_Company = tuple[Kind, bool]
"""The kind of a run, and whether it is alone: tests with the same make one job."""


@dataclass(frozen=True)
class Ask:
    """A program to be run on tests. ``entry_point``: in place of the task's. ``of_task``: the
    program is the task's own or made from it, and not a response's."""

    task: Task
    program: str
    tests: tuple[Test, ...]
    limits: Limits
    entry_point: str | None = None
    of_task: bool = True

    @cached_property
    def companies(self) -> list[_Company]:
        """For each test which job it belongs to."""
        if not self.of_task:
            return [(t.kind, False) for t in self.tests]
        own = {(t.kind, t.input) for t in (*self.task.ground_truth, *self.task.examples)}
        return [(t.kind, (t.kind, t.input) not in own) for t in self.tests]


def jobs(ask: Ask) -> list[Job]:
    """The program on these tests: one job per kind among them, a second one for those that are
    run alone, none without tests.

    What the task's judge puts before a program stands before each, but for the validator, which
    is no answer to the task.

    Raises `SandboxError` for a call or a script where nothing names a function.
    """
    preamble = "" if ask.program == ask.task.validator else before(ask.task)
    inputs: dict[_Company, list[str]] = {}
    for test, company in zip(ask.tests, ask.companies, strict=True):
        inputs.setdefault(company, []).append(test.input)
    return [
        Job(
            ask.program,
            tuple(inputs[kind, alone]),
            ask.limits,
            kind,
            "" if kind is Kind.STDIN else ask.entry_point or ask.task.entry_point or "",
            alone,
            preamble,
        )
        for kind, alone in _in_order(inputs)
    ]


def row(ask: Ask, found: Iterator[tuple[Outcome, ...]]) -> tuple[Outcome, ...]:
    """The outcomes of these tests in order, taken from the results of `jobs`. A verdict that a
    run of its kind cannot have is INFRA here, whoever says it (`sandbox.credible`)."""
    outcomes = {company: iter(next(found)) for company in _in_order(ask.companies)}
    return tuple(believed(company[0], next(outcomes[company])) for company in ask.companies)


def _in_order(present: Iterable[_Company]) -> list[_Company]:
    there = set(present)
    return [c for kind in Kind for alone in (True, False) if (c := (kind, alone)) in there]


def run(sandbox: Runs, asks: Sequence[Ask]) -> list[tuple[Outcome, ...]]:
    """The raw outcomes of every ask, aligned with its tests: FINISHED, not yet compared."""
    asked = [job for ask in asks for job in jobs(ask)]
    found = iter(sandbox.run(asked) if asked else ())
    return [row(ask, found) for ask in asks]


def graded(
    grader: Grader, rows: Sequence[tuple[Ask, tuple[Outcome, ...]]]
) -> list[tuple[Outcome, ...]]:
    """The outcomes with the checkers' verdicts in place of FINISHED."""
    cells = [
        [
            (outcome, Comparison.of(ask.task, test, outcome.output))
            for test, outcome in zip(ask.tests, outcomes, strict=True)
        ]
        for ask, outcomes in rows
    ]
    grader.prepare(
        one for row in cells for outcome, one in row if outcome.verdict is Verdict.FINISHED
    )
    return [tuple(grader.graded(outcome, one) for outcome, one in row) for row in cells]
