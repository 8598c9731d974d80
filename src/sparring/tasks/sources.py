"""Load tasks by the names of their sources: files, data sets, and splits of the microworld.

The module loads without torch, because evaluating a served model loads tasks too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sparring.errors import ConfigError, python_names
from sparring.microworld.tasks import SPLITS, tasks_of_split
from sparring.schema import Task
from sparring.tasks.collect import RowSelection, collect
from sparring.tasks.load import read_task_files
from sparring.tasks.rows.files import ENDINGS
from sparring.tasks.rows.named_sources import HubChoice, rows_of
from sparring.tasks.settings import TaskSettings

MICROWORLD = "microworld:"
USUAL_COUNT = 100
"""Number of tasks of a microworld split, where the user sets no limit."""
TASK_SEED: int = TaskSettings.model_fields["held_out_seed"].default
"""Seed of the microworld's tasks, the same as in training. The seed of sampling does not change
the tasks."""

_OPTIONS = {
    option: f"sparring tasks load {option}"
    for option in ("--skip-bad", "--split", "--config", "--map")
}
"""Ways out of a fault that only the command has."""


def load_tasks(
    *sources: str | Path, count: int | None = None, max_tests: int | None = None
) -> list[Task]:
    """Load tasks from files, data sets and the embedded microworld.

    Args:
        sources: Each is a task file (.json, .jsonl, both also gzipped, or .parquet), the name of a
            known data set such as ``"HumanEval"``, the ``OWNER/NAME`` of such a set on the Hugging
            Face hub (needs the extra hub), or ``"microworld:held_out"`` and other splits.
        count: Largest number of tasks to return, the first ones. By default all tasks of files and
            data sets, and 100 of a microworld split; these are the same in every call.
        max_tests: Largest number of ground-truth tests of a task, the first ones. By default all.

    Returns:
        The tasks. Their ids are unique.

    Raises:
        ConfigError: For no source, an unknown name or split, a number below 1, and for an id that
            occurs twice.
        DataError: For a bad file or data set, with a line for each bad row.
    """
    for name, value in (("count", count), ("max_tests", max_tests)):
        if value is not None and value < 1:
            raise ConfigError(f"{name}: is {value}; it must be at least 1")
    names, tasks = [str(s) for s in sources], list[Task]()
    with python_names(_OPTIONS):
        for name in names:
            if name.startswith(MICROWORLD) or _is_file(name):
                tasks += tasks_of([name], count or USUAL_COUNT, TASK_SEED, max_tests)
            else:
                choice = RowSelection(max_tests=max_tests, max_rows=count)
                tasks += collect([rows_of(name, HubChoice())], choice).tasks
        _check_ids(tasks, names)
    if not tasks:
        raise ConfigError("tasks: no source is named; name files, data sets or microworld:SPLIT")
    return tasks[:count]


def _is_file(source: str) -> bool:
    return Path(source).is_file() or source.lower().endswith(ENDINGS)


def tasks_of(sources: Sequence[str], count: int, seed: int, max_tests: int | None) -> list[Task]:
    """Return the tasks of files and microworld splits.

    Each task has at most its first ``max_tests`` ground-truth tests. ``count`` and ``seed`` are
    for the microworld. Raises `ConfigError` for an unknown split, for no task and for an id that
    occurs twice; `DataError` for a bad file.
    """
    files = [s for s in sources if not s.startswith(MICROWORLD)]
    tasks = read_task_files(files, max_tests) if files else []
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
    _check_ids(tasks, sources)
    return tasks


def _check_ids(tasks: Sequence[Task], sources: Sequence[str]) -> None:
    twice = [task_id for task_id, n in Counter(t.id for t in tasks).items() if n > 1]
    if twice:
        raise ConfigError(
            f"tasks: {len(twice)} ids occur more than once in {', '.join(sources)}, "
            f"such as {twice[0]}; make them unique"
        )
