"""Executions of a group: every program with the tests that it is executed on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring.grading.group import ReadGroup
from sparring.grading.limits import limits
from sparring.grading.test_jobs import ExecutionRequest
from sparring.prompts.rules import ParsedProgram
from sparring.sandbox import Limits
from sparring.schema import Test


@dataclass(frozen=True, slots=True)
class Executions:
    """Requests for every program of a group, with its tests. None stands for a response without a
    program.

    The group's own programs are executed on all tests, the pool's programs on those that decide
    rewards. The reference solution is executed on the generated tests and then on the ground truth,
    the validator on the generated tests.
    """

    group: ReadGroup
    own: list[ExecutionRequest | None]
    pool: list[ExecutionRequest | None] | None
    reference: ExecutionRequest | None
    validator: ExecutionRequest | None

    @property
    def requests(self) -> list[ExecutionRequest]:
        """All requests, in the order of the fields."""
        every = (*self.own, *(self.pool or ()), self.reference, self.validator)
        return [request for request in every if request is not None]


def plan_executions(group: ReadGroup, general: Limits) -> Executions:
    """Return the executions that a group needs. ``general`` gives the limits that the task does not
    set."""
    task, limit = group.task, limits(group.task, general)
    generated = tuple(p.test for p in group.tests if p.test)
    deciding = (*task.tests, *generated)

    def of(
        programs: Sequence[ParsedProgram], tests: tuple[Test, ...]
    ) -> list[ExecutionRequest | None]:
        return [
            None
            if p.source is None
            else ExecutionRequest(task, p.source, tests, limit, of_task=False)
            for p in programs
        ]

    for_reference = (*generated, *task.ground_truth)
    return Executions(
        group,
        of(group.programs, (*deciding, *task.hidden)),
        None if group.pool is None else of(group.pool, deciding),
        ExecutionRequest(task, task.solutions[0], for_reference, limit) if task.solutions else None,
        ExecutionRequest(task, task.validator, generated, limit) if task.validator else None,
    )
