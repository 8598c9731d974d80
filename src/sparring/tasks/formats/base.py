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
from sparring.tasks.fields import Row, entry_point_fault
from sparring.tasks.rows import one_line, read_json

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
        row.fault(name, f"is missing; the row has {one_line(there, 200)}")
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
        row.fault(name, one_line(str(error), 200))
        return None


_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(\w*)\s*\Z", re.A)
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3}
_MIB = {"": 1.0, "megabytes": 1.0, "megabyte": 1.0, "mb": 1.0, "mib": 1.0, "gigabytes": 1024.0,
        "gigabyte": 1024.0, "gb": 1024.0, "gib": 1024.0, "kilobytes": 1 / 1024, "kb": 1 / 1024,
        "bytes": 2.0**-20}  # fmt: skip


def seconds(row: Row, name: str, default: float) -> float:
    """A time limit: a number of seconds, or "2.0 seconds"; ``default`` where there is none."""
    return _amount(row, name, default, _SECONDS, "seconds")


def mebibytes(row: Row, name: str, default: float) -> int:
    """A memory limit: a number of megabytes, or "256.0 megabytes"; ``default`` where there is
    none. A megabyte is taken for a MiB."""
    return max(1, round(_amount(row, name, default, _MIB, "megabytes")))


def _amount(row: Row, name: str, default: float, units: Mapping[str, float], usual: str) -> float:
    value = row.data.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return default
    match = _AMOUNT.match(value) if isinstance(value, str) else None
    if match and match[2].lower() in units:
        number = float(match[1]) * units[match[2].lower()]
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    else:
        row.fault(name, f"is {one_line(repr(value), 60)}, no number of {usual}")
        return default
    if not 0 < number < 1e6:
        row.fault(name, f"is {number:g} {usual}, which is no limit")
        return default
    return number


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
