"""Execution of a program on tests of several kinds: one job per kind, one row of outcomes.

The sandbox executes a program on inputs of one kind. A task may have calls and scripts at the same
time, and a caller that fills a matrix needs one outcome per test, in the order of the tests. `jobs`
and `outcomes_row` bridge the two: `outcomes_row` takes the outcomes of the jobs that `jobs` made,
in the order of these jobs. A caller that has all requests before the first answer uses `run`, and
`graded` to have the answers compared. This module keeps no state: the given sandbox decides if an
execution is repeated or remembered.

Programs of the task (solutions, the validator, mutants of a solution) are trusted, and may do with
an input whatever they like, even `eval` it. Each execution of such a program on a test that a
response wrote therefore has a process of its own. Otherwise the input of one response could teach
the program its answer to the input of another. The task's own inputs, and inputs equal to them, may
share a process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from sparring.grading.comparison import Grader, OutputComparison
from sparring.sandbox import Job, Limits, Runs, believed
from sparring.schema import Outcome, Task, Test, TestKind, Verdict
from sparring.tasks.preambles import source_before

_JobKey = tuple[TestKind, bool]
"""Kind of an execution, and True if it has a process of its own. Tests with the same pair make one
job."""


@dataclass(frozen=True)
class ExecutionRequest:
    """Request to execute a program on tests. ``entry_point`` replaces the task's. ``of_task``: the
    program is the task's own or made from one of the task's, and not a response's."""

    task: Task
    program: str
    tests: tuple[Test, ...]
    limits: Limits
    entry_point: str | None = None
    of_task: bool = True

    @cached_property
    def job_keys(self) -> list[_JobKey]:
        """The job that each test belongs to, by kind and process [tests]."""
        if not self.of_task:
            return [(t.kind, False) for t in self.tests]
        # A generated test with the input of a ground-truth test or an example needs no process of
        # its own: it can teach the program nothing that the task's own input does not.
        own = {(t.kind, t.input) for t in (*self.task.ground_truth, *self.task.examples)}
        return [(t.kind, (t.kind, t.input) not in own) for t in self.tests]


def jobs(request: ExecutionRequest) -> list[Job]:
    """Return the jobs for a request: one per kind of its tests, and a second one per kind for the
    tests that need a process of their own. Without tests there are no jobs.

    The task's preamble (`tasks.preambles`) stands before each program except the validator, which
    is no answer to the task.

    Raises `SandboxError` for a call or a script where nothing names a function.
    """
    preamble = "" if request.program == request.task.validator else source_before(request.task)
    inputs: dict[_JobKey, list[str]] = {}
    for test, job_key in zip(request.tests, request.job_keys, strict=True):
        inputs.setdefault(job_key, []).append(test.input)
    return [
        Job(
            request.program,
            tuple(inputs[kind, alone]),
            request.limits,
            kind,
            "" if kind is TestKind.STDIN else request.entry_point or request.task.entry_point or "",
            alone,
            preamble,
        )
        for kind, alone in _in_order(inputs)
    ]


def outcomes_row(
    request: ExecutionRequest, results: Iterator[tuple[Outcome, ...]]
) -> tuple[Outcome, ...]:
    """Return the outcomes of a request's tests, in their order, taken from the next results of
    `jobs`. A verdict that an execution of this kind cannot have becomes INFRA, whoever reports it
    (`sandbox.credible`)."""
    # Jobs are grouped by kind, tests are in the task's order: one iterator per job yields the
    # job's outcomes in the order of its tests.
    outcomes = {job_key: iter(next(results)) for job_key in _in_order(request.job_keys)}
    return tuple(believed(job_key[0], next(outcomes[job_key])) for job_key in request.job_keys)


def _in_order(present: Iterable[_JobKey]) -> list[_JobKey]:
    # `jobs` and `outcomes_row` both take this order, so that results need no labels.
    distinct = set(present)
    return [c for kind in TestKind for alone in (True, False) if (c := (kind, alone)) in distinct]


def run(sandbox: Runs, requests: Sequence[ExecutionRequest]) -> list[tuple[Outcome, ...]]:
    """Return the raw outcomes of every request, aligned with its tests: FINISHED, not yet
    compared."""
    planned = [job for request in requests for job in jobs(request)]
    results = iter(sandbox.run(planned) if planned else ())
    return [outcomes_row(request, results) for request in requests]


def graded(
    grader: Grader, rows: Sequence[tuple[ExecutionRequest, tuple[Outcome, ...]]]
) -> list[tuple[Outcome, ...]]:
    """Return the outcomes with the checkers' verdicts in place of FINISHED."""
    cells = [
        [
            (outcome, OutputComparison.of(request.task, test, outcome.output))
            for test, outcome in zip(request.tests, outcomes, strict=True)
        ]
        for request, outcomes in rows
    ]
    grader.prepare(
        one for row in cells for outcome, one in row if outcome.verdict is Verdict.FINISHED
    )
    return [tuple(grader.graded(outcome, one) for outcome, one in row) for row in cells]
