"""What can be wrong with a data set, by name, and one instance of it.

A finding says where, what was seen, and what to do about it. Some are reasons to leave out the
test, the solution or the task they are about (`DROPS`); the others are facts to know. Nothing is
looked for here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Fault(StrEnum):
    """The kinds of findings. A closed list."""

    MALFORMED = "malformed"
    """A row that is no task."""
    NO_SOLUTION = "no_solution"
    """Without a reference solution nothing can be run: the tests are unconfirmed."""
    SOLUTION_FAILS = "solution_fails"
    """A reference solution does not pass a test that others pass, or no test at all."""
    WRONG_OUTPUT = "wrong_output"
    """No solution gives the expected output."""
    SEVERAL_ANSWERS = "several_answers"
    """Another answer seems as right as the expected one, and the checker refuses it."""
    FLAKY = "flaky"
    """The output depends on the clock, on random numbers, on the order of sets or on nothing that
    could be named."""
    SLOW = "slow"
    """Even the fastest solution needs a large part of the limit."""
    LIMIT_TOO_STRICT = "limit_too_strict"
    """Right, but only beyond the limits."""
    UNFINISHED = "unfinished"
    """No solution finishes, even with wider limits."""
    INVALID_INPUT = "invalid_input"
    """The validator refuses the input, or every solution fails on it with an error."""
    CONTRADICTION = "contradiction"
    """The same input with outputs that the checker tells apart."""
    DUPLICATE = "duplicate"
    """The same test again in a task."""
    DUPLICATE_TASK = "duplicate_task"
    """The same statement, or the same tests, as an earlier task."""
    VACUOUS = "vacuous"
    """Passed by a program that does nothing."""
    WEAK = "weak"
    """Many small mistakes in the solution go unnoticed."""
    UNKNOWN = "unknown"
    """A failure of our own: the question has no answer."""


DROPS = frozenset(Fault) - {Fault.SLOW, Fault.WEAK, Fault.NO_SOLUTION, Fault.UNKNOWN}
"""Reasons to leave something out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. ``test`` counts the ground-truth tests from 0 or, with ``example``, the
    public ones; None: the whole task. ``solution`` counts from 0; None: not about one alone.

    ``seen`` and ``advice`` hold text of the data set and of its programs: untrusted where shown.
    """

    task: str
    fault: Fault
    seen: str
    advice: str
    test: int | None = None
    example: bool = False
    solution: int | None = None

    @property
    def where(self) -> str:
        """Task, test and solution in words."""
        parts = [self.task]
        if self.test is not None:
            parts.append(f"{'example' if self.example else 'test'} {self.test}")
        if self.solution is not None:
            parts.append(f"solution {self.solution}")
        return ", ".join(parts)

    def as_dict(self) -> dict[str, object]:
        """As in ``audit.json``, without what does not apply."""
        held = {k: v for k, v in asdict(self).items() if v is not None}
        if not self.example:
            del held["example"]
        return held


_MOST = 60


def short(text: str) -> str:
    """A text on one line, with its length where it is long."""
    line = repr(text)[1:-1]
    return line if len(line) <= _MOST else f"{line[:_MOST]}… ({len(text)} characters)"
