"""Read task files: JSON, JSONL (both also gzipped) and Parquet; write tasks as JSONL.

- A row has the field names of `fields`, or is a row of HumanEval or MBPP (`natives`). The fields
  of each row tell its shape, so that one file may mix shapes.
- One error names every bad row of a file; no row is ever skipped.
- Ids are unique across all files of a call. A row without ``task_id`` gets its file's name and
  its number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparring.errors import DataError, writing
from sparring.schema import Task, Test, TestKind
from sparring.tasks.collect import shape_of
from sparring.tasks.formats.natives import is_native, read_native
from sparring.tasks.formats.which import format_of
from sparring.tasks.rows.fields import read_row
from sparring.tasks.rows.files import RowFault, file_rows
from sparring.tasks.rows.registry import RowShape

SHOWN = 50
"""Most faults that an error lists; the others are counted."""


def read_task_files(paths: Sequence[Path | str], max_tests: int | None = None) -> list[Task]:
    """Return all tasks of these files, with the first ``max_tests`` ground-truth tests of each.

    Raises `DataError` with a line per fault of the first bad file.
    """
    tasks: list[Task] = []
    first_uses: dict[str, str] = {}
    for path in map(Path, paths):
        faults: list[str] = []
        before = len(tasks)
        if path.suffix.lower() == ".csv" and path.is_file():
            raise DataError(
                f"{path}: CSV is not a task file (.json, .jsonl, .parquet); "
                "convert it with `sparring tasks load`"
            )
        for raw in file_rows(path, "tasks"):
            if isinstance(raw, RowFault):
                faults.append(f"{raw.where}: {raw.text}")
                continue
            number = raw.number
            if isinstance(raw.row, Mapping) and (other := _other_shape(raw.row)):
                raise DataError(
                    f"{raw.where}: a row of {other}; convert it with `sparring tasks load`"
                )
            read = read_native if is_native(raw.row) else read_row
            task, bad = read(raw.row, raw.name, f"{path.name}:{number}", max_tests)
            if task is not None and task.id in first_uses:
                bad = [("task_id", f"{task.id!r} was already used at {first_uses[task.id]}")]
            elif task is not None:
                first_uses[task.id] = f"{path.name}, row {number}"
                tasks.append(task)
            faults += [f"{path}, row {number}, {name}: {text}" for name, text in bad]
        if not faults and len(tasks) == before:
            lines = path.name.lower().removesuffix(".gz").endswith(".jsonl")
            raise DataError(f"{path} is empty" if lines else f"{path}: has no rows")
        if faults:
            rest = len(faults) - SHOWN
            more = [f"… and {rest} more"] if rest > 0 else []
            raise DataError("\n".join(faults[:SHOWN] + more))
    if not tasks:
        raise DataError("no task: no file is named; name at least one task file")
    return tasks


def _other_shape(row: Mapping[str, Any]) -> str | None:
    """Return the name of a shape that only `collect` reads; None for rows of task files."""
    if (form := format_of(row)) is not None:
        return form.name
    shape = shape_of(row)
    return None if shape in (RowShape.CURE, RowShape.NATIVE) else shape.told


def dump_tasks(tasks: Sequence[Task], path: Path) -> None:
    """Write tasks to a new file as JSONL, in the field names that `read_task_files` reads.

    Raises `DataError` if the file exists or cannot be written.
    """
    with writing(path, DataError):
        try:
            _dump(tasks, path)
        except FileExistsError:
            raise DataError(f"{path}: already exists; remove it or choose another name") from None


def _dump(tasks: Sequence[Task], path: Path) -> None:
    with path.open("x", encoding="utf-8") as file:
        for t in tasks:
            row = {
                "task_id": t.id,
                "question": t.statement,
                "test_input": [x.input for x in t.tests],
                "test_output": [x.output for x in t.tests],
                "example_input": [x.input for x in t.examples],
                "example_output": [x.output for x in t.examples],
                "test_time_limit": t.time_limit,
                "memory_limit": t.memory_limit,
                "checker": t.checker,
                "checker_program": t.checker_program,
                "solutions": list(t.solutions),
                "validator": t.validator,
                "difficulty": t.difficulty,
                "entry_point": t.entry_point,
                "preamble": t.preamble,
                "head": t.head or None,
                **_kind_columns("test", t.tests),
                **_kind_columns("example", t.examples),
            }
            file.write(json.dumps({k: v for k, v in row.items() if v is not None}) + "\n")


def _kind_columns(prefix: str, tests: Sequence[Test]) -> dict[str, list[Any]]:
    """Return the columns of kinds and checkers.

    Either is left out if all tests read standard input, or all follow the task's own rule.
    """
    columns: dict[str, list[Any]] = {}
    if any(t.kind is not TestKind.STDIN for t in tests):
        columns[f"{prefix}_kind"] = [t.kind for t in tests]
    if any(t.checker is not None for t in tests):
        columns[f"{prefix}_checker"] = [t.checker for t in tests]
    return columns
