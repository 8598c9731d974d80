"""Tools that the readers of data sets share: types, and columns in several spellings.

The fault of a missing column lists the row's columns, because the file may belong to another data
set or to another release.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparring.schema import Outcome, Task, Test, TestKind
from sparring.tasks.rows.fields import MAX_SECONDS, entry_point_fault
from sparring.tasks.rows.files import read_json
from sparring.tasks.rows.limits import MEMORY, TIME, limit
from sparring.tasks.rows.row import TaskRow
from sparring.text import in_line

Faults = list[tuple[str, str]]
"""Pairs (column, fault), in order."""
Reference = Callable[[str, str, Sequence[str]], Sequence[Outcome]]
"""Function that executes a program on encoded calls: (program, entry point, calls) → outcomes."""


@dataclass(frozen=True, slots=True)
class RowSource:
    """Location of a row, and tools for its reader.

    ``name`` is the task's id if the row has none. ``reference`` executes reference solutions; None
    if the caller executes nothing. ``left_out`` counts the tests that a reader leaves out, by
    reason.
    """

    name: str
    where: str
    reference: Reference | None = None
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Format:
    """Format of a data set's rows: its name, the columns that are read, and the reader."""

    name: str
    columns: tuple[str, ...]
    read: Callable[[TaskRow, RowSource], Task | None]
    """Reader: returns the task of a row, or None with faults noted in the row."""


def read_with(
    form: Format, data: Mapping[str, Any], source: RowSource
) -> tuple[Task | None, Faults]:
    """Return the task of a row, or None and the row's faults."""
    row = TaskRow(data)
    task = form.read(row, source)
    return (None, row.faults) if row.faults else (task, [])


def missing(row: TaskRow, *names: str) -> bool:
    """Note a fault for each named column that is absent or null; return True if there is one."""
    absent = [n for n in names if row.data.get(n) is None]
    for name in absent:
        present = ", ".join(sorted(str(n) for n in row.data if row.data[n] is not None))
        row.fault(name, f"is missing; the row has {in_line(present, 200)}")
    return bool(absent)


def first_text(row: TaskRow, *names: str) -> str:
    """Return the first of these text columns that is not blank; otherwise the empty text."""
    return next((text for n in names if (text := row.text(n)) and text.strip()), "")


def json_column(row: TaskRow, name: str) -> Any:
    """Return the data of a column, which may be JSON text; None if blank, or with a fault noted."""
    value = row.data.get(name)
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return read_json(value)
    except ValueError as error:
        row.fault(name, in_line(str(error), 200))
        return None


def seconds(row: TaskRow, name: str, default: float) -> float:
    """Return a time limit in seconds; ``default`` if the row states none.

    The column holds "2.0 seconds", ``{"seconds": 2, "nanos": 0}``, or a number of seconds.
    """
    return _limit(row, name, TIME, "s", default)


def mebibytes(row: TaskRow, name: str, default: float, unit: str = "mb") -> int:
    """Return a memory limit in MiB; ``default`` if the row states none.

    The column holds "256.0 megabytes", or a number of ``unit``.
    """
    return max(1, round(_limit(row, name, MEMORY, unit, default)))


def _limit(row: TaskRow, name: str, field: str, unit: str, default: float) -> float:
    try:
        value = limit(field, row.data.get(name), unit)
    except ValueError as error:
        row.fault(name, str(error))
        return default
    if value is None:
        return default
    most = MAX_SECONDS if field == TIME else 1 << 20
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= most:
        row.fault(name, f"is {in_line(repr(row.data[name]), 60)}; give a limit up to {most:g}")
        return default
    return float(value)


def cases(row: TaskRow, name: str, inputs: object, outputs: object) -> list[tuple[Any, Any]]:
    """Return pairs of inputs and outputs; empty, with a fault noted, if the lists do not match."""
    if not isinstance(inputs, (list, tuple)) or not isinstance(outputs, (list, tuple)):
        row.fault(name, "must hold a list of inputs and a list of outputs")
        return []
    if len(inputs) != len(outputs):
        row.fault(name, f"has {len(inputs)} inputs but {len(outputs)} outputs")
        return []
    return list(zip(inputs, outputs, strict=True))


def stdin_tests(row: TaskRow, name: str, pairs: Sequence[tuple[Any, Any]]) -> tuple[Test, ...]:
    """Return tests on standard input from texts or lists of lines.

    No test is returned, with a fault noted, if any input or output is neither.
    """
    tests = []
    for number, pair in enumerate(pairs):
        texts = [_lines(one) for one in pair]
        if texts[0] is None or texts[1] is None:
            row.fault(name, f"test {number}: input and output must be texts or lists of lines")
            return ()
        tests.append(Test(texts[0], texts[1], TestKind.STDIN))
    return tuple(tests)


def _lines(value: object) -> str | None:
    if isinstance(value, (list, tuple)) and all(isinstance(line, str) for line in value):
        value = "\n".join(value)
    if not isinstance(value, str):
        return None
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return value


def entry_point(row: TaskRow, name: str, value: str) -> str | None:
    """Return a function's name or ``Class.method``; None, with a fault noted, for anything else.

    ``Class().method`` is read as ``Class.method``.
    """
    function = re.sub(r"\A(\w+)\(\)\.", r"\1.", value.strip())
    if fault := entry_point_fault(function):
        row.fault(name, fault)
        return None
    return function


STARTER = "\n\nWrite it by completing this code:\n```python\n{starter}\n```"
"""Text that follows a statement with starter code."""


def with_starter(statement: str, starter: str) -> str:
    """Return the statement, followed by the starter code that a program must complete, if any."""
    return statement + STARTER.format(starter=starter.strip()) if starter.strip() else statement


def naming(statement: str, name: str, declaration: str | None = None) -> str:
    """Return the statement; one that does not mention the function gets its declaration or name."""
    if re.search(rf"\b{re.escape(name)}\b", statement):
        return statement
    return f"{statement.strip()}\n\nThe function: `{(declaration or name).strip()}`"
