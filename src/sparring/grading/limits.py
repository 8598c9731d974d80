"""What a run of a task may use: what the task says, and the general limits for the rest.

The longest output that is allowed follows what is expected: a right answer must never be longer
than it may be. Twice the longest expected output is enough for printed text, where an accepted
answer may differ in white space and digits. The value of a call may be written at more length than
the equal one that is expected: where ``0`` stands in a list, a complex number takes 14 times its
length, and under a tolerance a float 18 times. So a call has 20 times. An output that a task
accepts at still greater length needs a larger general limit (``sandbox.output_bytes``).

Everything that builds limits for a task does so here, so that equal runs are known to be equal.
"""

from __future__ import annotations

from collections.abc import Iterable

from sparring.sandbox import Limits
from sparring.sandbox.types import MOST_OUTPUT_BYTES
from sparring.schema import Kind, Task, Test

_TIMES = {Kind.STDIN: 2, Kind.CALL: 20, Kind.SCRIPT: 0}


def limits(task: Task, general: Limits) -> Limits:
    """A task's own limits, and the general ones for what it does not say. The longest output is
    the general one, or more where one of the task's tests needs it."""
    tests = (*task.ground_truth, *task.examples)
    output = room_for(tests, general.output_bytes)
    return Limits(task.time_limit, general.idle_seconds, task.memory_limit, output)


def room_for(tests: Iterable[Test], least: int) -> int:
    """Bytes of output that are enough for what these tests expect, `least` at the least; never
    more than a run may have at all."""
    needed = max((_TIMES[t.kind] * _size(t.output) for t in tests), default=0)
    return min(max(least, needed), MOST_OUTPUT_BYTES)


def wider(output_bytes: int, times: int, more: int = 0) -> int:
    """A longer output for a run that is given more than a task allows."""
    return min(output_bytes * times + more, MOST_OUTPUT_BYTES)


def _size(text: str) -> int:
    """In UTF-8, however many lone surrogates stand for bytes that are none."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
