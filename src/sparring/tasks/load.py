"""Reading task files: JSON, JSONL (both also gzipped) and Parquet.

Rows have the field names of `fields`, or the shapes of HumanEval and MBPP (`natives`); which, a
row's own fields say, so a file may hold all of them. Every bad row of a file is named in one
report; no row is ever skipped. Ids are unique across all files of a call; a row without
``task_id`` gets its file's name and number.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sparring.errors import DataError
from sparring.schema import Kind, Task, Test
from sparring.tasks.fields import read_row
from sparring.tasks.natives import is_native, read_native

SHOWN = 50
"""Faults listed in a report; the rest is counted."""


def load_tasks(paths: Sequence[Path | str], max_tests: int | None = None) -> list[Task]:
    """All tasks of these files; at most the first ``max_tests`` ground-truth tests of each.

    Raises `DataError` with a line per fault of the first bad file.
    """
    tasks: list[Task] = []
    where: dict[str, str] = {}
    for path in map(Path, paths):
        faults: list[str] = []
        before = len(tasks)
        stem = path.name.removesuffix(".gz").rpartition(".")[0] or path.stem
        for number, data in _rows(path, faults):
            read = read_native if is_native(data) else read_row
            task, found = read(data, f"{stem}-{number}", f"{path.name}:{number}", max_tests)
            if task is not None and task.id in where:
                found = [("task_id", f"{task.id!r} was already used at {where[task.id]}")]
            elif task is not None:
                where[task.id] = f"{path.name}, row {number}"
                tasks.append(task)
            faults += [f"{path}, row {number}, {name}: {text}" for name, text in found]
        if not faults and len(tasks) == before:
            raise DataError(f"{path}: has no rows")
        if faults:
            rest = len(faults) - SHOWN
            more = [f"… and {rest} more"] if rest > 0 else []
            raise DataError("\n".join(faults[:SHOWN] + more))
    if not tasks:
        raise DataError("there is no task to work on: name at least one task file")
    return tasks


def dump_tasks(tasks: Sequence[Task], path: Path) -> None:
    """Write tasks as JSONL, in the same field names, to a file that is not there yet."""
    try:
        _dump(tasks, path)
    except FileExistsError:
        raise DataError(f"{path}: is there already; remove it or choose another name") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from None


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
                **_kinds("test", t.tests),
                **_kinds("example", t.examples),
            }
            file.write(json.dumps({k: v for k, v in row.items() if v is not None}) + "\n")


def _kinds(prefix: str, tests: Sequence[Test]) -> dict[str, list[Any]]:
    """What tests on standard input under the task's own rule do not need to say."""
    found: dict[str, list[Any]] = {}
    if any(t.kind is not Kind.STDIN for t in tests):
        found[f"{prefix}_kind"] = [t.kind for t in tests]
    if any(t.checker is not None for t in tests):
        found[f"{prefix}_checker"] = [t.checker for t in tests]
    return found


def _rows(path: Path, faults: list[str]) -> Iterator[tuple[int, Any]]:
    """(row number from 1, row) of a file; for JSONL the number is the line's, and a line that is
    not JSON is added to ``faults``."""
    try:
        missing = not path.exists()
    except OSError as error:  # a name that is too long
        raise DataError(f"{str(path)[:80]}…: {error.strerror}") from None
    if missing:
        raise DataError(f"{path}: there is no such file")
    if path.is_dir():
        raise DataError(f"{path} is a directory; name a .json, .jsonl or .parquet file in it")
    if path.suffix.lower() == ".parquet":
        yield from _parquet(path)
        return
    name = path.name.lower().removesuffix(".gz")
    if not name.endswith((".json", ".jsonl")):
        raise DataError(f"{path}: unknown kind of file; there are .json, .jsonl and .parquet")
    text = _text(path)
    if not text.strip():
        raise DataError(f"{path} is empty")
    if name.endswith(".json"):
        data = _json(text, f"{path}")
        if not isinstance(data, list):
            raise DataError(f"{path}: must be a list of tasks")
        yield from enumerate(data, start=1)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = _json(line, f"{path}, line {number}")
            except DataError as error:
                faults.append(str(error))
            else:
                yield number, row


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if path.suffix.lower() == ".gz":
            data = gzip.decompress(data)
        # At line feeds, as ever; a carriage return before one is the same end of a line.
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}; convert it") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a readable gzip file: {error}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not JSON: {error.msg} at column {error.colno}") from None
    except ValueError as error:  # a number of thousands of digits
        raise DataError(f"{where}: not JSON: {str(error).partition(';')[0]}") from None
    except RecursionError:
        raise DataError(f"{where}: nested too deeply to be a task") from None


def _parquet(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise DataError(
            f"{path}: reading Parquet needs pyarrow; pip install 'sparring[data]'"
        ) from None
    try:
        rows = parquet.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file: {error}") from None
    yield from enumerate(rows, start=1)
