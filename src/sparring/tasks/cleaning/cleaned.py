"""Remove the faulty tests and solutions of a task, or the whole task.

Faults are removed and never repaired: no solution's output replaces a wrong output, and no lenient
checker replaces a strict one. Repairs are for the owner of the data to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sparring.schema import Task, Test
from sparring.tasks.cleaning.findings import DROPS, Finding, TaskFault


class CleaningPolicy(StrEnum):
    """Part that is removed for a fault."""

    DROP_TESTS = "drop-tests"
    """The faulty test or solution, and the task if too few tests remain."""
    DROP_TASKS = "drop-tasks"
    """The whole task."""


@dataclass(frozen=True, slots=True)
class CleanedTask:
    """A cleaned task, and the removals with their reasons; ``task`` is None if nothing remains."""

    task: Task | None
    dropped: tuple[str, ...]


def clean_task(
    task: Task, findings: Sequence[Finding], policy: CleaningPolicy, least: int, *, confirmed: bool
) -> CleanedTask:
    """Return a task without its faulty tests and solutions.

    At least ``least`` ground-truth tests must remain. ``confirmed`` states that one of the task's
    solutions passes a test, or that the task has no solution.
    """
    against = [finding for finding in findings if finding.fault in DROPS]
    if policy is CleaningPolicy.DROP_TASKS and against:
        return CleanedTask(None, tuple(f"{task.id}: {_reason(against[0])}" for _ in (0,)))
    of_task = [finding for finding in against if finding.test is None and finding.solution is None]
    if of_task:
        return CleanedTask(None, (f"{task.id}: {_reason(of_task[0])}",))
    if not confirmed:
        return CleanedTask(None, (f"{task.id}: no solution passes a test",))
    bad_tests: dict[tuple[int, bool], Finding] = {}
    bad_solutions: dict[int, Finding] = {}
    for finding in against:
        if finding.solution is not None:
            bad_solutions.setdefault(finding.solution, finding)
        elif finding.test is not None:
            bad_tests.setdefault((finding.test, finding.example), finding)
    dropped = [f"{f.where}: {_reason(f)}" for f in (*bad_tests.values(), *bad_solutions.values())]
    tests = _without_faulty(task.tests, bad_tests, example=False)
    if len(tests) < least:
        dropped.append(f"{task.id}: {len(tests)} tests remain, fewer than {least}")
        return CleanedTask(None, tuple(dropped))
    remaining = replace(
        task,
        tests=tests,
        examples=_without_faulty(task.examples, bad_tests, example=True),
        solutions=tuple(s for i, s in enumerate(task.solutions) if i not in bad_solutions),
    )
    return CleanedTask(remaining, tuple(dropped))


def _without_faulty(
    tests: Sequence[Test], bad: dict[tuple[int, bool], Finding], *, example: bool
) -> tuple[Test, ...]:
    return tuple(t for i, t in enumerate(tests) if (i, example) not in bad)


def _reason(finding: Finding) -> str:
    where = "" if finding.test is None else f" at {finding.where.partition(', ')[2]}"
    return f"{finding.fault.value.replace('_', ' ')}{where}"


def counts(findings: Sequence[Finding]) -> dict[TaskFault, int]:
    """Return the number of findings of each fault, in the order of `TaskFault`."""
    return {fault: n for fault in TaskFault if (n := sum(f.fault is fault for f in findings))}
