"""Task files read past their faults: the sound rows as tasks, the others as findings.

Training refuses a file with one bad row (`load`); an audit is there to say what is wrong with it,
and goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sparring.errors import DataError
from sparring.schema import Task
from sparring.tasks.fields import read_row
from sparring.tasks.findings import Fault, Finding
from sparring.tasks.load import _rows

_ADVICE = "mend the row or remove it"


def read_leniently(paths: Sequence[Path]) -> tuple[list[Task], list[Finding]]:
    """The tasks of these files, and a finding per faulty field, which names file and row.

    Raises `DataError` for a file that cannot be read at all, and where no row is a task.
    """
    tasks: dict[str, Task] = {}
    found: list[Finding] = []
    for path in paths:
        unread: list[str] = []
        for number, data in _rows(path, unread):
            where = f"{path.name}, row {number}"
            task, faults = read_row(data, f"{path.stem}-{number}", where, None)
            if task is not None and task.id in tasks:
                faults = [("task_id", f"{task.id!r} was used at {tasks[task.id].source}")]
            elif task is not None:
                tasks[task.id] = task
            found += [
                Finding(where, Fault.MALFORMED, f"{name}: {text}", _ADVICE) for name, text in faults
            ]
        for line in unread:
            where, _, text = line.removeprefix(f"{path.parent}/").partition(": ")
            found.append(Finding(where, Fault.MALFORMED, text, _ADVICE))
    if not tasks:
        first = f"; the first fault: {found[0].where}: {found[0].seen}" if found else ""
        raise DataError(f"{', '.join(map(str, paths))}: no row is a task{first}")
    return list(tasks.values()), found
