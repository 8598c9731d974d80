"""Strength of a set of tests: the share of mistakes in a right program that the tests catch.

Two figures describe a task's tests, both by the task's first reference solution:

- *Mutation score*: the share of mutants (`tasks.mistakes.mutants`) that some test catches. A test
  catches a mutant if the solution passes the test and the mutant fails it.
- *Branch coverage*: the share of the solution's branch outcomes (`tasks.mistakes.branches`) that
  some test takes. Test scripts have no branch coverage (`branches`).

A test that the solution fails counts for neither figure, so that wrong tests gain nothing.

A mutant that neither these tests nor the ground-truth tests catch may compute the same as the
solution. It is a *survivor*, listed with its line. ``known`` counts the other mutants, so that
tests can also be measured by those alone.

A mutant's CPU time is limited to ten times the solution's longest execution plus 0.2 s, or to the
task's limit if that is lower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from sparring.grading import test_jobs
from sparring.grading.comparison import Grader
from sparring.grading.limits import limits, wider
from sparring.grading.test_jobs import ExecutionRequest
from sparring.sandbox import Limits, Runs
from sparring.schema import Outcome, Task, Test, TestKind, Verdict
from sparring.tasks.mistakes import branches
from sparring.tasks.mistakes.mutants import Mutant, mutants

MOST_MUTANTS = 20
_TIMES, _SECONDS = 10.0, 0.2
_NOTES_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Strength:
    """Strength of the measured tests of one task, as numbers of tests, mutants and branches."""

    counted: int
    """Measured tests that the solution passes."""
    killed: int
    """Mutants that a measured test catches."""
    mutants: int
    """All mutants, except those that a failure of the sandbox left undecided."""
    known: int
    """Mutants that a measured test or a ground-truth test catches."""
    survivors: tuple[Mutant, ...]
    """Mutants that no test catches."""
    missed: tuple[Mutant, ...]
    """Mutants that only a ground-truth test outside the measured tests catches."""
    covered: int
    """Branch outcomes that a measured test takes."""
    branches: int
    """All branch outcomes; 0 if nothing can be traced."""
    untaken: tuple[tuple[int, str], ...]
    """Branch outcomes that no measured test takes: line and description."""

    @property
    def score(self) -> float | None:
        """Return the share of all mutants that a measured test catches; None if there is no
        mutant."""
        return self.killed / self.mutants if self.mutants else None


def strength(
    sandbox: Runs,
    tasks: Sequence[Task],
    tests: Sequence[Sequence[Test]],
    general: Limits,
    most: int = MOST_MUTANTS,
    seed: int = 0,
) -> list[Strength | None]:
    """Return the strength of each task's tests; None for a task without a solution.

    ``general`` has the limits that tasks do not state (idle time, size of the output), ``most`` is
    the largest number of mutants of a task. Equal seeds give equal mutants, whatever the tests.
    """
    grader = Grader(sandbox)
    chosen = [i for i, task in enumerate(tasks) if task.solutions]
    requests = [_ask(tasks[i], tests[i], general) for i in chosen]
    rows = test_jobs.graded(
        grader, list(zip(requests, test_jobs.run(sandbox, requests), strict=True))
    )
    passed = [
        _passed_tests(request, row, len(tests[i]))
        for i, request, row in zip(chosen, requests, rows, strict=True)
    ]
    mutants_of = [mutants(solution.request.program, most, seed) for solution in passed]
    caught_by = _caught_by(sandbox, grader, passed, mutants_of)
    traces = _traces(sandbox, passed)
    strengths: list[Strength | None] = [None] * len(tasks)
    for i, solution, mutants_here, seen, (outcomes, taken) in zip(
        chosen, passed, mutants_of, caught_by, traces, strict=True
    ):
        caught_here = [
            m for m, how in zip(mutants_here, seen, strict=True) if how is _CaughtBy.HERE
        ]
        missed = [
            m for m, how in zip(mutants_here, seen, strict=True) if how is _CaughtBy.ELSEWHERE
        ]
        never = [m for m, how in zip(mutants_here, seen, strict=True) if how is _CaughtBy.NEVER]
        strengths[i] = Strength(
            counted=solution.own,
            killed=len(caught_here),
            mutants=len(caught_here) + len(missed) + len(never),
            known=len(caught_here) + len(missed),
            survivors=tuple(never),
            missed=tuple(missed),
            covered=len(taken),
            branches=len(outcomes),
            untaken=tuple(o for n, o in enumerate(outcomes) if n not in taken),
        )
    return strengths


@dataclass(frozen=True, slots=True)
class _Passed:
    """A solution with the tests that it passes; the first ``own`` tests are the measured ones."""

    request: ExecutionRequest
    own: int
    seconds: tuple[float, ...]
    """CPU seconds of the solution on each test."""


class _CaughtBy(Enum):
    """Tests that catch a mutant."""

    HERE = auto()
    """A measured test."""
    ELSEWHERE = auto()
    """Only a ground-truth test outside the measured tests."""
    NEVER = auto()
    """No test."""
    UNKNOWN = auto()
    """No test, but a failure of the sandbox left a test undecided."""


def _ask(task: Task, tests: Sequence[Test], general: Limits) -> ExecutionRequest:
    others = [test for test in task.ground_truth if test not in tests]
    return ExecutionRequest(task, task.solutions[0], (*tests, *others), limits(task, general))


def _passed_tests(request: ExecutionRequest, row: tuple[Outcome, ...], own: int) -> _Passed:
    where = [i for i, outcome in enumerate(row) if outcome.verdict is Verdict.ACCEPTED]
    return _Passed(
        replace(request, tests=tuple(request.tests[i] for i in where)),
        sum(i < own for i in where),
        tuple(row[i].cpu_seconds for i in where),
    )


def _caught_by(
    sandbox: Runs, grader: Grader, passed: Sequence[_Passed], slips: Sequence[list[Mutant]]
) -> list[list[_CaughtBy]]:
    """Return, for each task and each of its mutants, the tests that catch the mutant.

    The solution's quickest test runs first, because it catches most mutants. The mutants that it
    does not catch run on all tests.
    """
    quick: list[ExecutionRequest] = []
    all_tests: list[ExecutionRequest] = []
    own: list[int] = []
    for one, task_mutants in zip(passed, slips, strict=True):
        longest = max(one.seconds, default=0.0)
        seconds = min(one.request.limits.cpu_seconds, _TIMES * longest + _SECONDS)
        limits = replace(one.request.limits, cpu_seconds=seconds)
        first = min(range(one.own), key=one.seconds.__getitem__, default=0)
        for mutant in task_mutants:
            request = replace(one.request, program=mutant.source, limits=limits)
            all_tests.append(request)
            quick.append(
                replace(request, tests=request.tests[first : first + 1] if one.own else ())
            )
            own.append(one.own)
    rows = test_jobs.graded(grader, list(zip(quick, test_jobs.run(sandbox, quick), strict=True)))
    caught_by = [_by(row, len(row)) for row in rows]
    uncaught = [i for i, how in enumerate(caught_by) if how is not _CaughtBy.HERE]
    requests = [all_tests[i] for i in uncaught]
    rows = test_jobs.graded(
        grader, list(zip(requests, test_jobs.run(sandbox, requests), strict=True))
    )
    for i, row in zip(uncaught, rows, strict=True):
        caught_by[i] = _by(row, own[i])
    remaining = iter(caught_by)
    return [[next(remaining) for _ in task_mutants] for task_mutants in slips]


def _by(row: tuple[Outcome, ...], own: int) -> _CaughtBy:
    failed = [o.verdict not in (Verdict.ACCEPTED, Verdict.INFRA) for o in row]
    if any(failed[:own]):
        return _CaughtBy.HERE
    if any(o.verdict is Verdict.INFRA for o in row):
        return _CaughtBy.UNKNOWN
    return _CaughtBy.ELSEWHERE if any(failed) else _CaughtBy.NEVER


def _traces(
    sandbox: Runs, passed: Sequence[_Passed]
) -> list[tuple[tuple[tuple[int, str], ...], set[int]]]:
    """Return, for each task, the solution's branch outcomes and the indices of the taken ones.

    A taken outcome is one that a measured test takes.
    """
    traces: list[tuple[tuple[tuple[int, str], ...], set[int]]] = [((), set()) for _ in passed]
    requests, indices = [], []
    for i, solution in enumerate(passed):
        name = solution.request.task.entry_point
        tests = tuple(
            t for t in solution.request.tests[: solution.own] if t.kind is not TestKind.SCRIPT
        )
        only_scripts = bool(solution.request.tests) and all(
            t.kind is TestKind.SCRIPT for t in solution.request.tests
        )
        traced = None if only_scripts else branches.instrumented(solution.request.program, name)
        if traced is None:
            continue
        traces[i] = (traced.outcomes, set())
        slower = replace(
            solution.request.limits,
            cpu_seconds=_TIMES * solution.request.limits.cpu_seconds,  # instrumented code is slower
            output_bytes=wider(solution.request.limits.output_bytes, 1, _NOTES_BYTES),
        )
        point = branches.ENTRY_POINT if name else None
        requests.append(
            ExecutionRequest(solution.request.task, traced.source, tests, slower, point)
        )
        indices.append(i)
    for i, request, row in zip(indices, requests, test_jobs.run(sandbox, requests), strict=True):
        for test, outcome in zip(request.tests, row, strict=True):
            split = branches.split_call if test.kind is TestKind.CALL else branches.split
            traces[i][1].update(split(outcome.output).taken or ())
    return traces
