"""Failures: right programs at a moment when the grader's machine fails.

Nothing is known about such a program. A grader should raise, or accept it where it needs nothing of
what is missing; "rejected" scores a failure of the machine as a wrong program.
"""

from __future__ import annotations

from collections.abc import Iterator

from sparring.graders.case import (
    CaseKind,
    Condition,
    GraderCase,
    Submission,
    call,
    script,
    stdin,
)

_PAIRS = {"2\n": "4\n"}
_CALLS = [((2,), 4)]


def cases() -> Iterator[GraderCase]:
    """Yield a right program in each condition."""
    for condition in (Condition.DESCRIPTORS, Condition.DISK):
        for tests in (stdin(_PAIRS), call(_CALLS), script(_CALLS)):
            program = (
                "print(2 * int(input()))"
                if tests["form"] == "stdin"
                else "def f(n):\n    return 2 * n"
            )
            yield GraderCase(
                CaseKind.FAILURE,
                str(condition),
                (Submission(program, tests),),
                True,
                Submission(program, tests),
                condition,
            )
