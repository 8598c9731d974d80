"""How strong a set of tests is: which mistakes in a right program it would notice.

Two figures of a task's tests, both by its first reference solution. *Mutation score*: the share of
small mistakes (`tasks.mistakes.mutants`) that some test notices, that is, a test which the solution
passes and the mutant fails. *Branch coverage*: the share of branch outcomes of the solution
(`tasks.mistakes.branches`) that some test takes. A test that the solution itself does not pass
counts for neither, so that wrong tests gain nothing.

A mutant that nothing known notices (neither these tests nor the ground-truth tests) may compute
the same as the solution. It is a *survivor*, listed with its line; ``known`` counts the others, so
that tests can be measured by those as well. Test scripts have no branch coverage, see `branches`.

A mutant gets less CPU time than the solution: ten times what that took, and a fifth of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from sparring.grading import columns
from sparring.grading.columns import Ask
from sparring.grading.comparison import Grader
from sparring.grading.limits import limits, wider
from sparring.sandbox import Limits, Runs
from sparring.schema import Kind, Outcome, Task, Test, Verdict
from sparring.tasks.mistakes import branches
from sparring.tasks.mistakes.mutants import Mutant, mutants

MOST_MUTANTS = 20
_TIMES, _SECONDS = 10.0, 0.2
_NOTES_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Strength:
    """What the tests of one task notice. ``counted``: the tests that the solution passes."""

    counted: int
    killed: int
    """Mutants that one of these tests notices."""
    mutants: int
    """All mutants but those about which our own failures leave no answer."""
    known: int
    """Mutants that one of these or of the ground-truth tests notices."""
    survivors: tuple[Mutant, ...]
    """The others."""
    missed: tuple[Mutant, ...]
    """Mutants that a ground-truth test notices and none of these."""
    covered: int
    branches: int
    """Branch outcomes taken by one of these tests, and all; 0 where nothing can be traced."""
    untaken: tuple[tuple[int, str], ...]
    """The outcomes that none took: line, and what it is."""

    @property
    def score(self) -> float | None:
        """Killed share of all mutants; None without one."""
        return self.killed / self.mutants if self.mutants else None


def strength(
    sandbox: Runs,
    tasks: Sequence[Task],
    tests: Sequence[Sequence[Test]],
    general: Limits,
    most: int = MOST_MUTANTS,
    seed: int = 0,
) -> list[Strength | None]:
    """The strength of each task's tests, None for a task without a solution.

    `general` gives what tasks don't say (idle time, output), `most` the mutants of a task; the
    mutants are the same for a seed, whatever the tests.
    """
    grader = Grader(sandbox)
    chosen = [i for i, task in enumerate(tasks) if task.solutions]
    asks = [_ask(tasks[i], tests[i], general) for i in chosen]
    rows = columns.graded(grader, list(zip(asks, columns.run(sandbox, asks), strict=True)))
    passed = [
        _passed(ask, row, len(tests[i])) for i, ask, row in zip(chosen, asks, rows, strict=True)
    ]
    slips = [mutants(one.ask.program, most, seed) for one in passed]
    noticed = _noticed(sandbox, grader, passed, slips)
    traces = _traces(sandbox, passed)
    found: list[Strength | None] = [None] * len(tasks)
    for i, one, made, seen, (outcomes, taken) in zip(
        chosen, passed, slips, noticed, traces, strict=True
    ):
        here = [m for m, how in zip(made, seen, strict=True) if how is _Noticed.HERE]
        missed = [m for m, how in zip(made, seen, strict=True) if how is _Noticed.ELSEWHERE]
        never = [m for m, how in zip(made, seen, strict=True) if how is _Noticed.NEVER]
        found[i] = Strength(
            counted=one.own,
            killed=len(here),
            mutants=len(here) + len(missed) + len(never),
            known=len(here) + len(missed),
            survivors=tuple(never),
            missed=tuple(missed),
            covered=len(taken),
            branches=len(outcomes),
            untaken=tuple(o for n, o in enumerate(outcomes) if n not in taken),
        )
    return found


@dataclass(frozen=True, slots=True)
class _Passed:
    """A solution with the tests that it passes, of which the first ``own`` are to be measured."""

    ask: Ask
    own: int
    seconds: tuple[float, ...]
    """CPU time of the solution on each."""


class _Noticed(Enum):
    """Who notices a mutant."""

    HERE = auto()
    ELSEWHERE = auto()
    """Only a ground-truth test that is not among the tests measured."""
    NEVER = auto()
    UNKNOWN = auto()
    """Nobody, and a failure of our own left a test without an answer."""


def _ask(task: Task, tests: Sequence[Test], general: Limits) -> Ask:
    others = [test for test in task.ground_truth if test not in tests]
    return Ask(task, task.solutions[0], (*tests, *others), limits(task, general))


def _passed(ask: Ask, row: tuple[Outcome, ...], own: int) -> _Passed:
    where = [i for i, outcome in enumerate(row) if outcome.verdict is Verdict.ACCEPTED]
    return _Passed(
        replace(ask, tests=tuple(ask.tests[i] for i in where)),
        sum(i < own for i in where),
        tuple(row[i].cpu_seconds for i in where),
    )


def _noticed(
    sandbox: Runs, grader: Grader, passed: Sequence[_Passed], slips: Sequence[list[Mutant]]
) -> list[list[_Noticed]]:
    """For each task and each of its mutants who notices it.

    First by the quickest test alone, which is enough for most of them; then by all.
    """
    quick: list[Ask] = []
    whole: list[Ask] = []
    own: list[int] = []
    for one, made in zip(passed, slips, strict=True):
        longest = max(one.seconds, default=0.0)
        seconds = min(one.ask.limits.cpu_seconds, _TIMES * longest + _SECONDS)
        limits = replace(one.ask.limits, cpu_seconds=seconds)
        first = min(range(one.own), key=one.seconds.__getitem__, default=0)
        for mutant in made:
            ask = replace(one.ask, program=mutant.source, limits=limits)
            whole.append(ask)
            quick.append(replace(ask, tests=ask.tests[first : first + 1] if one.own else ()))
            own.append(one.own)
    rows = columns.graded(grader, list(zip(quick, columns.run(sandbox, quick), strict=True)))
    found = [_by(row, len(row)) for row in rows]
    left = [i for i, how in enumerate(found) if how is not _Noticed.HERE]
    asks = [whole[i] for i in left]
    rows = columns.graded(grader, list(zip(asks, columns.run(sandbox, asks), strict=True)))
    for i, row in zip(left, rows, strict=True):
        found[i] = _by(row, own[i])
    each = iter(found)
    return [[next(each) for _ in made] for made in slips]


def _by(row: tuple[Outcome, ...], own: int) -> _Noticed:
    failed = [o.verdict not in (Verdict.ACCEPTED, Verdict.INFRA) for o in row]
    if any(failed[:own]):
        return _Noticed.HERE
    if any(o.verdict is Verdict.INFRA for o in row):
        return _Noticed.UNKNOWN
    return _Noticed.ELSEWHERE if any(failed) else _Noticed.NEVER


def _traces(
    sandbox: Runs, passed: Sequence[_Passed]
) -> list[tuple[tuple[tuple[int, str], ...], set[int]]]:
    """For each task the branch outcomes of the solution, and the numbers of those taken by the
    tests measured."""
    found: list[tuple[tuple[tuple[int, str], ...], set[int]]] = [((), set()) for _ in passed]
    asks, of = [], []
    for i, one in enumerate(passed):
        name = one.ask.task.entry_point
        tests = tuple(t for t in one.ask.tests[: one.own] if t.kind is not Kind.SCRIPT)
        only_scripts = bool(one.ask.tests) and all(t.kind is Kind.SCRIPT for t in one.ask.tests)
        traced = None if only_scripts else branches.instrumented(one.ask.program, name)
        if traced is None:
            continue
        found[i] = (traced.outcomes, set())
        slower = replace(
            one.ask.limits,
            cpu_seconds=_TIMES * one.ask.limits.cpu_seconds,  # taking notes takes time
            output_bytes=wider(one.ask.limits.output_bytes, 1, _NOTES_BYTES),
        )
        point = branches.ENTRY_POINT if name else None
        asks.append(Ask(one.ask.task, traced.source, tests, slower, point))
        of.append(i)
    for i, ask, row in zip(of, asks, columns.run(sandbox, asks), strict=True):
        for test, outcome in zip(ask.tests, row, strict=True):
            split = branches.split_call if test.kind is Kind.CALL else branches.split
            found[i][1].update(split(outcome.output).taken or ())
    return found
