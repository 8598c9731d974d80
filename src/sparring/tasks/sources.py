"""Load tasks by the names of their sources: files, and splits of the microworld.

The module loads without torch, because evaluating a served model loads tasks too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from sparring.errors import ConfigError
from sparring.microworld.tasks import SPLITS, tasks_of_split
from sparring.schema import Task
from sparring.tasks.load import load_tasks

MICROWORLD = "microworld:"


def tasks_of(sources: Sequence[str], count: int, seed: int, max_tests: int | None) -> list[Task]:
    """Return the tasks of files and microworld splits.

    Each task has at most its first ``max_tests`` ground-truth tests. ``count`` and ``seed`` are
    for the microworld. Raises `ConfigError` for an unknown split, for no task and for an id that
    occurs twice; `DataError` for a bad file.
    """
    files = [s for s in sources if not s.startswith(MICROWORLD)]
    tasks = load_tasks(files, max_tests) if files else []
    for source in sources:
        if source.startswith(MICROWORLD):
            name = source.removeprefix(MICROWORLD)
            if name not in SPLITS:
                raise ConfigError(
                    f"{source}: unknown split; the splits are "
                    + ", ".join(f"{MICROWORLD}{s}" for s in SPLITS)
                )
            split = tasks_of_split(name, count, seed)
            tasks += [replace(task, tests=task.tests[:max_tests]) for task in split]
    if not tasks:
        raise ConfigError("tasks: no source is named; name files or microworld:SPLIT")
    twice = [task_id for task_id, n in Counter(t.id for t in tasks).items() if n > 1]
    if twice:
        raise ConfigError(
            f"tasks: {len(twice)} ids occur more than once in {', '.join(sources)}, "
            f"such as {twice[0]}; make them unique"
        )
    return tasks
