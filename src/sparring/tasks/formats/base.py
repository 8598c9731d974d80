"""What readers of data sets share: what they return, and columns in several spellings.

A column that is missing is a fault which names the columns that there are: the file may be
another data set's, or another release of the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparring.schema import Kind, Outcome, Task, Test
from sparring.tasks.rows.fields import MAX_SECONDS, entry_point_fault
from sparring.tasks.rows.files import read_json
from sparring.tasks.rows.limits import MEMORY, TIME, limit
from sparring.tasks.rows.row import Row
from sparring.text import in_line

Faults = list[tuple[str, str]]
"""(column, what is wrong with it), in order."""
Reference = Callable[[str, str, Sequence[str]], Sequence[Outcome]]
"""Runs a program's function on encoded calls: (program, entry point, calls) to outcomes."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a row stands, and what the reader may use.

    ``name`` is what a row without an id goes by; ``reference`` runs reference solutions, None
    where nobody does; ``left_out`` counts the tests that a reader leaves out, by the reason.
    """

    name: str
    where: str
    reference: Reference | None = None
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Format:
    """A data set's rows: what they are called, the columns that are read, and the reader."""

    name: str
    columns: tuple[str, ...]
    read: Callable[[Row, Source], Task | None]
    """The task, or None with faults noted in the row."""


def read_with(form: Format, data: Mapping[str, Any], source: Source) -> tuple[Task | None, Faults]:
    """The task of a row, or None and its faults."""
    row = Row(data)
    task = form.read(row, source)
    return (None, row.faults) if row.faults else (task, [])


def missing(row: Row, *names: str) -> bool:
    """Note a fault for each of these columns that is absent or null; whether there was one."""
    absent = [n for n in names if row.data.get(n) is None]
    for name in absent:
        there = ", ".join(sorted(str(n) for n in row.data if row.data[n] is not None))
        row.fault(name, f"is missing; the row has {in_line(there, 200)}")
    return bool(absent)


def first_text(row: Row, *names: str) -> str:
    """The first of these text columns that is not blank; else the empty text."""
    return next((text for n in names if (text := row.text(n)) and text.strip()), "")


def json_column(row: Row, name: str) -> Any:
    """A column that holds data, as such or as JSON text; None where it is blank or a fault."""
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


def seconds(row: Row, name: str, default: float) -> float:
    """A time limit: "2.0 seconds", ``{"seconds": 2, "nanos": 0}``, or a number of seconds;
    ``default`` where there is none."""
    return _limit(row, name, TIME, "s", default)


def mebibytes(row: Row, name: str, default: float, unit: str = "mb") -> int:
    """A memory limit: "256.0 megabytes", or a number of ``unit``; ``default`` where there is
    none."""
    return max(1, round(_limit(row, name, MEMORY, unit, default)))


def _limit(row: Row, name: str, field: str, unit: str, default: float) -> float:
    try:
        value = limit(field, row.data.get(name), unit)
    except ValueError as error:
        row.fault(name, str(error))
        return default
    if value is None:
        return default
    most = MAX_SECONDS if field == TIME else 1 << 20
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= most:
        row.fault(name, f"is {in_line(repr(row.data[name]), 60)}, which is no limit")
        return default
    return float(value)


def cases(row: Row, name: str, inputs: object, outputs: object) -> list[tuple[Any, Any]]:
    """Pairs of two lists that belong together; empty with a fault where they do not."""
    if not isinstance(inputs, (list, tuple)) or not isinstance(outputs, (list, tuple)):
        row.fault(name, "must hold a list of inputs and a list of outputs")
        return []
    if len(inputs) != len(outputs):
        row.fault(name, f"has {len(inputs)} inputs and {len(outputs)} outputs")
        return []
    return list(zip(inputs, outputs, strict=True))


def stdin_tests(row: Row, name: str, pairs: Sequence[tuple[Any, Any]]) -> tuple[Test, ...]:
    """Tests on standard input: texts, or lists of lines; none with a fault where one is neither."""
    found = []
    for number, pair in enumerate(pairs):
        texts = [_lines(one) for one in pair]
        if texts[0] is None or texts[1] is None:
            row.fault(name, f"test {number}: input and output must be texts or lists of lines")
            return ()
        found.append(Test(texts[0], texts[1], Kind.STDIN))
    return tuple(found)


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


def entry_point(row: Row, name: str, value: str) -> str | None:
    """A function's name, or ``Class.method`` also where it is written ``Class().method``; None
    with a fault where it is neither."""
    found = re.sub(r"\A(\w+)\(\)\.", r"\1.", value.strip())
    if fault := entry_point_fault(found):
        row.fault(name, fault)
        return None
    return found


STARTER = "\n\nWrite it by completing this code:\n```python\n{starter}\n```"
"""What follows a statement that has starter code."""


def with_starter(statement: str, starter: str) -> str:
    """The statement, with the code that a program has to complete if there is any."""
    return statement + STARTER.format(starter=starter.strip()) if starter.strip() else statement


def naming(statement: str, name: str, declaration: str | None = None) -> str:
    """The statement, with the function's declaration or name where it does not speak of it."""
    if re.search(rf"\b{re.escape(name)}\b", statement):
        return statement
    return f"{statement.strip()}\n\nThe function: `{(declaration or name).strip()}`"
