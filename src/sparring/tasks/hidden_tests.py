"""Hidden tests: ground-truth tests that are kept out of the reward, and show if the reward is
hacked.

- A model that learns the task passes hidden tests as often as the others. A model that learns
  the tests of the reward does not.
- The task's id alone decides the hidden tests, so that they are equal in every run.
- The order of the file does not decide: a file's first tests are often its simplest, and those
  of the microworld are chosen greedily.
- This module only splits a task's tests; it neither runs nor compares them.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from sparring.schema import Task


def hidden_places(task_id: str, total: int, count: int) -> list[int]:
    """Return the positions, in order, of the tests to hide.

    ``count`` of ``total`` tests are hidden, but at most a quarter, so that a task with fewer than
    four tests loses none.
    """

    def rank(place: int) -> bytes:
        return hashlib.sha256(f"withheld\0{task_id}\0{place}".encode()).digest()

    return sorted(sorted(range(total), key=rank)[: min(count, total // 4)])


def hide_tests(task: Task, count: int) -> Task:
    """Return the task with up to ``count`` tests moved to ``hidden``; see `hidden_places`."""
    places = hidden_places(task.id, len(task.tests), count)
    return replace(
        task,
        tests=tuple(t for i, t in enumerate(task.tests) if i not in places),
        hidden=tuple(task.tests[i] for i in places),
    )


def original_places(task: Task) -> list[int]:
    """Return, for each of ``task.ground_truth``, its position before any test was hidden."""
    total = len(task.ground_truth)
    places = hidden_places(task.id, total, len(task.hidden))
    return [i for i in range(total) if i not in places] + places
