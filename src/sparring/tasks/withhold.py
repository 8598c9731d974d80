"""Ground-truth tests that are kept out of the reward, to see what the reward does not.

A program that was taught to pass the tests it is paid for passes others as well, or it has learned
the tests and not the task. Which tests are withheld follows from the task's id alone, so they are
the same in every run, and no order of the file decides: a file's first tests are often its
simplest, and the microworld's are chosen greedily. Not done here: running or comparing them.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from sparring.schema import Task


def withheld_places(task_id: str, total: int, count: int) -> list[int]:
    """The places, in order, of the tests to withhold: ``count`` of ``total``, but at most a
    quarter, so that a task of fewer than four tests loses none."""

    def rank(place: int) -> bytes:
        return hashlib.sha256(f"withheld\0{task_id}\0{place}".encode()).digest()

    return sorted(sorted(range(total), key=rank)[: min(count, total // 4)])


def withhold(task: Task, count: int) -> Task:
    """The task with up to ``count`` of its tests moved to ``withheld``; see `withheld_places`."""
    places = withheld_places(task.id, len(task.tests), count)
    return replace(
        task,
        tests=tuple(t for i, t in enumerate(task.tests) if i not in places),
        withheld=tuple(task.tests[i] for i in places),
    )


def original_places(task: Task) -> list[int]:
    """For each of ``task.ground_truth`` its place among the tests before any were withheld."""
    total = len(task.ground_truth)
    places = withheld_places(task.id, total, len(task.withheld))
    return [i for i in range(total) if i not in places] + places
