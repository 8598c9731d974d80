"""Findings: the faults that a data set can have, by name, and one instance of a fault.

- A finding names the place, the observation and the remedy.
- Some faults are reasons to remove a test, a solution or a task (`DROPS`); the others inform.
- This module defines findings; `repeats` and `sparring.audit` look for them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class TaskFault(StrEnum):
    """Kind of a finding; the list is closed."""

    MALFORMED = "malformed"
    """A row is not a task."""
    NO_SOLUTION = "no_solution"
    """The task has no reference solution, so that nothing confirms its tests."""
    SOLUTION_FAILS = "solution_fails"
    """A reference solution fails a test that another passes, or passes no test at all."""
    WRONG_OUTPUT = "wrong_output"
    """No solution gives the expected output."""
    SEVERAL_ANSWERS = "several_answers"
    """Another answer seems as right as the expected one, but the checker refuses it."""
    FLAKY = "flaky"
    """The output changes with the clock, random numbers, the order of sets, or without a known
    cause."""
    SLOW = "slow"
    """Even the fastest solution needs a large part of the time limit."""
    LIMIT_TOO_STRICT = "limit_too_strict"
    """A solution is right, but exceeds the limits."""
    UNFINISHED = "unfinished"
    """No solution finishes, even with wider limits."""
    INVALID_INPUT = "invalid_input"
    """The validator refuses the input, or every solution fails on it with an error."""
    CONTRADICTION = "contradiction"
    """Two tests have the same input, and outputs that the checker tells apart."""
    DUPLICATE = "duplicate"
    """A test repeats an earlier test of the task."""
    DUPLICATE_TASK = "duplicate_task"
    """A task has the statement, or the tests, of an earlier task."""
    VACUOUS = "vacuous"
    """A program that does nothing passes the test."""
    WEAK = "weak"
    """Many small mistakes in the solution pass all tests."""
    UNKNOWN = "unknown"
    """The sandbox failed, so that the question has no answer."""


DROPS = frozenset(TaskFault) - {
    TaskFault.SLOW,
    TaskFault.WEAK,
    TaskFault.NO_SOLUTION,
    TaskFault.UNKNOWN,
}
"""Faults that remove a test, a solution or a task."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a task, a test or a solution.

    - ``test`` is the index, from 0, of a ground-truth test or (with ``example``) a public test;
      None means the whole task.
    - ``solution`` is the index, from 0, of a reference solution; None means no single one.
    - ``seen`` is the observation, ``advice`` the remedy. Both may hold text of the data set and of
      its programs; code that shows this text must not trust it.
    """

    task: str
    fault: TaskFault
    seen: str
    advice: str
    test: int | None = None
    example: bool = False
    solution: int | None = None

    @property
    def where(self) -> str:
        """Return task, test and solution in words."""
        parts = [self.task]
        if self.test is not None:
            parts.append(f"{'example' if self.example else 'test'} {self.test}")
        if self.solution is not None:
            parts.append(f"solution {self.solution}")
        return ", ".join(parts)

    def as_dict(self) -> dict[str, object]:
        """Return the finding as in ``audit.json``, without the fields that do not apply."""
        fields = {k: v for k, v in asdict(self).items() if v is not None}
        if not self.example:
            del fields["example"]
        return fields


_MOST = 60


def short(text: str) -> str:
    """Return a text on one line; a long text is cut and followed by its length."""
    line = repr(text)[1:-1]
    return line if len(line) <= _MOST else f"{line[:_MOST]}… ({len(text)} characters)"
