"""Limits of a task's executions: the task's own, and the general limits for the rest.

The limit of the output follows from the expected outputs, because a right answer must never be
longer than the limit:

- Printed text may be twice as long as the longest expected output. An accepted answer may differ
  from it in white space and digits.
- The value of a call may be 20 times as long. A value equal to the expected one may be written at
  more length: a complex number in place of a ``0`` in a list takes 14 times its length, and under a
  tolerance a float takes 18 times.

A task that accepts still longer outputs needs a larger general limit (``sandbox.output_bytes``).
Every limit of a task is built here, so that equal executions are recognised as equal.
"""

from __future__ import annotations

from collections.abc import Iterable

from sparring.sandbox import Limits
from sparring.sandbox.types import MOST_OUTPUT_BYTES
from sparring.schema import Task, Test, TestKind

_TIMES = {TestKind.STDIN: 2, TestKind.CALL: 20, TestKind.SCRIPT: 0}


def limits(task: Task, general: Limits) -> Limits:
    """Return the limits of a task: its own, and the ``general`` ones that it does not set. The
    output limit is the general one, or more where one of the task's tests needs more."""
    tests = (*task.ground_truth, *task.examples)
    output = needed_output_bytes(tests, general.output_bytes)
    return Limits(task.time_limit, general.idle_seconds, task.memory_limit, output)


def needed_output_bytes(tests: Iterable[Test], least: int) -> int:
    """Return the bytes of output that suffice for what these tests expect: at least ``least``, at
    most what any execution may have."""
    needed = max((_TIMES[t.kind] * _size(t.output) for t in tests), default=0)
    return min(max(least, needed), MOST_OUTPUT_BYTES)


def wider(output_bytes: int, times: int, more: int = 0) -> int:
    """Return a longer output limit, for an execution that is given more than the task allows."""
    return min(output_bytes * times + more, MOST_OUTPUT_BYTES)


def _size(text: str) -> int:
    """Return the length of a text in UTF-8 bytes, lone surrogates included."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
