"""What is left of a task once what is wrong with it is left out.

Two ways: leave out the tests and solutions that a finding is about, or the whole task at the first
of them. Nothing is mended: a wrong output is not replaced by what a solution says, nor a checker
by a looser one; that is for the owner of the data to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sparring.schema import Task, Test
from sparring.tasks.cleaning.findings import DROPS, Fault, Finding


class Policy(StrEnum):
    """What goes when something is wrong."""

    DROP_TESTS = "drop-tests"
    """The test or the solution; the task once too few tests are left."""
    DROP_TASKS = "drop-tasks"
    """The task."""


@dataclass(frozen=True, slots=True)
class Left:
    """``task`` is None if nothing is left; ``dropped`` says what went, and why."""

    task: Task | None
    dropped: tuple[str, ...]


def sound(
    task: Task, findings: Sequence[Finding], policy: Policy, least: int, *, confirmed: bool
) -> Left:
    """The sound part of a task. `least` ground-truth tests must be left. `confirmed`: one of its
    solutions passes a test, or it has no solution that could."""
    against = [f for f in findings if f.fault in DROPS]
    if policy is Policy.DROP_TASKS and against:
        return Left(None, tuple(f"{task.id}: {_why(against[0])}" for _ in (0,)))
    whole = [f for f in against if f.test is None and f.solution is None]
    if whole:
        return Left(None, (f"{task.id}: {_why(whole[0])}",))
    if not confirmed:
        return Left(None, (f"{task.id}: no solution passes a test",))
    bad: dict[tuple[int, bool], Finding] = {}
    wrong: dict[int, Finding] = {}
    for f in against:
        if f.solution is not None:
            wrong.setdefault(f.solution, f)
        elif f.test is not None:
            bad.setdefault((f.test, f.example), f)
    dropped = [f"{f.where}: {_why(f)}" for f in (*bad.values(), *wrong.values())]
    tests = _without(task.tests, bad, example=False)
    if len(tests) < least:
        dropped.append(f"{task.id}: {len(tests)} tests are left, fewer than {least}")
        return Left(None, tuple(dropped))
    left = replace(
        task,
        tests=tests,
        examples=_without(task.examples, bad, example=True),
        solutions=tuple(s for i, s in enumerate(task.solutions) if i not in wrong),
    )
    return Left(left, tuple(dropped))


def _without(
    tests: Sequence[Test], bad: dict[tuple[int, bool], Finding], *, example: bool
) -> tuple[Test, ...]:
    return tuple(t for i, t in enumerate(tests) if (i, example) not in bad)


def _why(finding: Finding) -> str:
    where = "" if finding.test is None else f" at {finding.where.partition(', ')[2]}"
    return f"{finding.fault.value.replace('_', ' ')}{where}"


def counts(findings: Sequence[Finding]) -> dict[Fault, int]:
    """How often each fault was found, in the order of `Fault`."""
    return {fault: n for fault in Fault if (n := sum(f.fault is fault for f in findings))}
