"""What is run for a bout: every program of both sides on the tests that it has to be run on.

The group's own programs meet all tests, a pool's those that count, the reference solution and the
validator the generated ones; the reference the ground truth as well, for the monitors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparring.grading import columns
from sparring.grading.columns import Ask
from sparring.grading.early import Runs
from sparring.grading.limits import limits
from sparring.prompts.parse import ParsedProgram, ParsedTest
from sparring.sandbox import Limits
from sparring.schema import Outcome, Task, Test

Row = tuple[Outcome, ...]
Answers = tuple[list[Row | None], list[Row | None] | None, Row | None, Row | None]
"""The outcomes of the group's own programs, of a pool's, of reference and validator."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is run for a task; None where there is no program."""

    own: list[Ask | None]
    others: list[Ask | None] | None
    reference: Ask | None
    validator: Ask | None

    @property
    def every(self) -> list[Ask]:
        """All of them, in order."""
        all_of_them = (*self.own, *(self.others or ()), self.reference, self.validator)
        return [ask for ask in all_of_them if ask is not None]

    def answered(self, runs: Iterator[Row]) -> Answers:
        """What came of it, taken from the outcomes of `every`."""

        def answers(asks: Sequence[Ask | None]) -> list[Row | None]:
            return [None if ask is None else next(runs) for ask in asks]

        own = answers(self.own)
        others = None if self.others is None else answers(self.others)
        [reference, validation] = answers([self.reference, self.validator])
        return own, others, reference, validation


def ask_all(
    sandbox: Runs,
    tasks: Sequence[Task],
    programs: Sequence[Sequence[ParsedProgram]],
    tests: Sequence[Sequence[ParsedTest]],
    pools: Sequence[Sequence[ParsedProgram]] | None,
    general: Limits,
) -> list[Answers]:
    """Run all of it at once, and sort what came of it by task."""
    asked = [
        _asked(task, tests[i], programs[i], pools[i] if pools else None, limits(task, general))
        for i, task in enumerate(tasks)
    ]
    runs = iter(columns.run(sandbox, [ask for one in asked for ask in one.every]))
    return [one.answered(runs) for one in asked]


def _asked(
    task: Task,
    tests: Sequence[ParsedTest],
    programs: Sequence[ParsedProgram],
    pool: Sequence[ParsedProgram] | None,
    limit: Limits,
) -> _Asked:
    generated = tuple(p.test for p in tests if p.test)
    counted = (*task.tests, *generated)
    every, known = (*counted, *task.withheld), (*generated, *task.ground_truth)

    def of(some: Sequence[ParsedProgram], where: tuple[Test, ...]) -> list[Ask | None]:
        return [
            None if p.source is None else Ask(task, p.source, where, limit, of_task=False)
            for p in some
        ]

    return _Asked(
        of(programs, every),
        None if pool is None else of(pool, counted),
        Ask(task, task.solutions[0], known, limit) if task.solutions else None,
        Ask(task, task.validator, generated, limit) if task.validator else None,
    )
