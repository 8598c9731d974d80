"""Dry run's checks of tasks: reference solutions, validators and packages against the tests."""

from __future__ import annotations

from collections.abc import Iterator

from sparring.errors import DataError
from sparring.grading import test_jobs
from sparring.grading.comparison import Grader
from sparring.grading.grade import allowed
from sparring.grading.limits import limits
from sparring.grading.test_jobs import ExecutionRequest
from sparring.sandbox.caller.packages import find_packages
from sparring.schema import Verdict
from sparring.tasks.cleaning.imports import needs_lines, needs_of
from sparring.training.planning.check import Check
from sparring.training.rollouts.context import RolloutContext

_REFERENCES = 32
"""Number of tasks whose reference solution is run on the task's own tests."""


def task_checks(context: RolloutContext) -> Iterator[Check]:
    """Yield lines on the number of tasks, and on whether reference solutions and validators accept
    the tasks' own tests. Raises `DataError` if no reference solution or no validator accepts
    them."""
    train, held_out = context.prompts.tasks, context.prompts.held_out
    shared = {t.statement for t in train} & {t.statement for t in held_out}
    yield Check(
        "tasks",
        f"{len(train):,} to train on, {len(held_out):,} held out"
        + (f"; {len(shared)} statements are in both" if shared else ""),
        bool(shared),
    )
    for note in context.prompts.left_out_notes():
        yield Check("tasks", note, warning=True)
    tried = [t for t in (*train, *held_out) if t.solutions][:_REFERENCES]
    asks = [
        ExecutionRequest(t, t.solutions[0], t.ground_truth, limits(t, context.limits))
        for t in tried
    ]
    executions = test_jobs.run(context.sandbox, asks)
    rows = test_jobs.graded(Grader(context.sandbox), list(zip(asks, executions, strict=True)))
    wrong = [
        t.id
        for t, row in zip(tried, rows, strict=True)
        if any(o.verdict is not Verdict.ACCEPTED for o in row)
    ]
    if tried and len(wrong) == len(tried):
        raise DataError(
            f"no reference solution passes its own tests (task {wrong[0]}): solutions and tests "
            "may not belong together; a solution has to read standard input, or define the "
            "function of its task"
        )
    if wrong:
        text = f"{len(wrong)} of {len(tried)} fail their own tests, such as {wrong[0]}"
    else:
        text = f"{len(tried)} tried, all pass their tests" if tried else "no task has one"
    yield Check("reference solutions", text, bool(wrong) or not tried)
    yield from _validators(context)


def _validators(context: RolloutContext) -> Iterator[Check]:
    """Yield a line on validators. A validator must allow its task's own tests; otherwise it would
    refuse every generated test too."""
    tried = [t for t in (*context.prompts.tasks, *context.prompts.held_out) if t.validator][
        :_REFERENCES
    ]
    asks = [
        ExecutionRequest(t, t.validator or "", t.ground_truth, limits(t, context.limits))
        for t in tried
    ]
    refusing = [
        t.id
        for t, outcomes in zip(tried, test_jobs.run(context.sandbox, asks), strict=True)
        if not all(map(allowed, outcomes))
    ]
    if tried and len(refusing) == len(tried):
        raise DataError(
            f"no validator allows its own task's tests (task {refusing[0]}): a validator must "
            "print valid for an allowed input"
        )
    if tried:
        text = f"{len(tried)} tried"
        if refusing:
            text += f"; {len(refusing)} refuse their own tests, such as {refusing[0]}"
        yield Check("validators", text, bool(refusing))


def package_checks(context: RolloutContext) -> Iterator[Check]:
    """Yield lines on the packages that programs may import beside the standard library, and on
    packages that tasks need and do not get."""
    s = context.recipe.sandbox
    packages = find_packages(s.packages, s.packages_from)
    if packages.versions:
        yield Check("packages", packages.text())
    for line in needs_lines(
        needs_of([*context.prompts.tasks, *context.prompts.held_out], packages.modules)
    ):
        yield Check("packages", line.replace("--packages", "sandbox.packages:"), warning=True)
