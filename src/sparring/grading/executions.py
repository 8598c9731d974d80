"""What is executed for a group: every program on the tests that it has to be run on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparring.grading.columns import Ask
from sparring.grading.group import ReadGroup
from sparring.grading.limits import limits
from sparring.prompts.rules import ParsedProgram
from sparring.sandbox import Limits
from sparring.schema import Test


@dataclass(frozen=True, slots=True)
class Executions:
    """Every program that is run for a group, with the tests that it is run on. None: no program.

    The group's own programs meet all tests, the pool's those that decide rewards; the reference
    meets the generated tests and then the ground truth, the validator the generated ones.
    """

    group: ReadGroup
    own: list[Ask | None]
    pool: list[Ask | None] | None
    reference: Ask | None
    validator: Ask | None

    @property
    def asks(self) -> list[Ask]:
        """All of them, in order."""
        every = (*self.own, *(self.pool or ()), self.reference, self.validator)
        return [ask for ask in every if ask is not None]


def laid_out(group: ReadGroup, general: Limits) -> Executions:
    """What has to be run for a group. ``general``: limits that the task does not set."""
    task, limit = group.task, limits(group.task, general)
    generated = tuple(p.test for p in group.tests if p.test)
    deciding = (*task.tests, *generated)

    def of(programs: Sequence[ParsedProgram], tests: tuple[Test, ...]) -> list[Ask | None]:
        return [
            None if p.source is None else Ask(task, p.source, tests, limit, of_task=False)
            for p in programs
        ]

    known = (*generated, *task.ground_truth)
    return Executions(
        group,
        of(group.programs, (*deciding, *task.withheld)),
        None if group.pool is None else of(group.pool, deciding),
        Ask(task, task.solutions[0], known, limit) if task.solutions else None,
        Ask(task, task.validator, generated, limit) if task.validator else None,
    )
