"""A task, programs and tests for the pipelines, with known outcomes."""

from __future__ import annotations

from sparring import values
from sparring.schema import Task, Test, TestKind
from tests.solving.scripted_session import assertion, program


def call(*given: object, gives: object) -> Test:
    return Test(values.encode((list(given), {})), values.encode(gives), TestKind.CALL)


TASK = Task(
    "double",
    "Write `double(x)`, which returns twice the whole number x.",
    (),
    examples=(call(2, gives=4),),
    checker="value",
    entry_point="double",
)
SQUARE = program("def double(x):\n    return x * x")
PLUS_TWO = program("def double(x):\n    return x + 2")
RIGHT = program("def double(x):\n    return 2 * x")
SHIFT = program("def double(x):\n    return x << 1")
TRIPLE = program("def double(x):\n    return 3 * x")
UNREADABLE = "I cannot solve this."
T3, T5, T0 = (assertion(f"double({x}) == {2 * x}") for x in (3, 5, 0))
WRONG_TEST = assertion("double(5) == 11")

PRINTED_TASK = Task(
    "successor",
    "Read a whole number and print the next one.",
    (),
    examples=(Test("1\n", "2\n"),),
)
"""The same kind of problem on standard input."""
