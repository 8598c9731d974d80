"""Split tasks into a training part and a held-out part, drawn by a seed.

The held-out ids are ``random.Random(seed).sample(ids, count)`` of the ids in their order; both
parts keep the order of the tasks.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from sparring.errors import ConfigError
from sparring.schema import Task


@dataclass(frozen=True, slots=True)
class TaskSplit:
    """The two parts of a split, each in the order of the tasks."""

    train: list[Task]
    held_out: list[Task]


def split_tasks(tasks: Sequence[Task], count: int, seed: int) -> TaskSplit:
    """Return the split with ``count`` held-out tasks.

    Raises `ConfigError` if ``count`` leaves no task for one of the parts.
    """
    if not 0 < count < len(tasks):
        raise ConfigError(
            f"--held-out {count}: the split needs a task in each part; give 1 to {len(tasks) - 1}"
            if len(tasks) > 1
            else f"--held-out {count}: a single task cannot be split; name a file with more tasks"
        )
    drawn = set(random.Random(seed).sample([t.id for t in tasks], count))
    return TaskSplit([t for t in tasks if t.id not in drawn], [t for t in tasks if t.id in drawn])
