"""Other column names than ours: which column, or what inside of it, is which field.

    --map question=problem,test_input=tests.*.input,args=cases:json

A path's steps are column names, places in a list (from 0) and ``*`` for every item. A step into a
text takes the text for JSON. A word after a colon says how the cell is written; without one it is
taken as it is, because whether ``[1, 2]`` is a list or a text nobody can tell from the cell.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sparring.errors import ConfigError
from sparring.tasks.rows import read_json

STDIN_FIELDS = (
    "question",
    "test_input",
    "test_output",
    "example_input",
    "example_output",
    "task_id",
    "test_time_limit",
    "memory_limit",
    "checker",
    "solutions",
    "validator",
    "difficulty",
)
CALL_FIELDS = ("entry_point", "args", "kwargs", "expected", "example_args", "example_expected")
_PATH = re.compile(r"(?P<path>.+?)(?::(?P<form>\w+))?\Z", re.S)


class Form(StrEnum):
    """How a cell is written."""

    PLAIN = "plain"
    """As it is: a text is a text, a list a list."""
    JSON = "json"
    """A text that holds JSON."""
    PYTHON = "python"
    """A text that holds a Python literal."""
    NUMBER = "number"
    """A text that holds a number, as in CSV."""
    ONE = "one"
    """One item where the field is a list of them."""


@dataclass(frozen=True, slots=True)
class Column:
    """A field, the path to it, and how what is there is written."""

    field: str
    path: tuple[str, ...]
    form: Form = Form.PLAIN


class NoSuchCell(ValueError):
    """A row has nothing at a path, or not in that form; the message says where it ends."""


def parse_mapping(texts: Sequence[str]) -> tuple[Column, ...]:
    """The columns of ``--map`` options. Raises `ConfigError` naming the part that is wrong."""
    found: dict[str, Column] = {}
    for part in (p.strip() for text in texts for p in text.split(",")):
        name, equals, rest = part.partition("=")
        name, match = name.strip(), _PATH.match(rest.strip())
        if not equals or match is None:
            raise ConfigError(f"--map {part!r}: write FIELD=COLUMN, such as question=problem")
        fields = [*STDIN_FIELDS, *CALL_FIELDS]
        if name not in fields:
            close = difflib.get_close_matches(name, fields, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(fields)}"
            raise ConfigError(f"--map {part}: {name!r} is no field; {hint}")
        if name in found:
            raise ConfigError(f"--map: {name} is given twice")
        form = match["form"] or Form.PLAIN
        if form not in list(Form):
            raise ConfigError(f"--map {part}: {form!r} is no form; there are {', '.join(Form)}")
        found[name] = Column(name, tuple(match["path"].split(".")), Form(form))
    if texts and "question" not in found:
        raise ConfigError("--map: question is missing: which column holds the statement?")
    pairs = ("args", "expected") if of_calls(found) else ("test_input", "test_output")
    for name in (*pairs, *(["entry_point"] if of_calls(found) else [])):
        if texts and name not in found:
            raise ConfigError(f"--map: {name} is missing; it goes with {', '.join(found)}")
    return tuple(found.values())


def of_calls(fields: Mapping[str, object]) -> bool:
    """Whether these fields are those of a table of calls."""
    return any(name in fields for name in CALL_FIELDS)


def check_columns(columns: Sequence[Column], row: object) -> None:
    """The first steps against the first row. Raises `ConfigError` with the columns there are."""
    if not isinstance(row, Mapping):
        return
    for column in columns:
        if column.path[0] not in row and ".".join(column.path) not in row:
            names = ", ".join(str(n) for n in row)
            close = difflib.get_close_matches(column.path[0], [str(n) for n in row], n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(
                f"--map {column.field}={'.'.join(column.path)}: there is no column "
                f"{column.path[0]!r}; there are {names}{hint}"
            )


def mapped(columns: Sequence[Column], row: Mapping[str, Any]) -> dict[str, Any]:
    """The row in our field names. Raises `NoSuchCell`."""
    found = {}
    for column in columns:
        whole = ".".join(column.path)
        try:
            cell = row[whole] if whole in row else _at(row, column.path)
            found[column.field] = _formed(cell, column.form)
        except (ValueError, MemoryError, RecursionError) as error:
            raise NoSuchCell(f"{column.field}={whole}: {error}") from None
    return found


def _at(cell: Any, path: tuple[str, ...], before: tuple[str, ...] = ()) -> Any:
    """What is at a path; ``before`` are the steps that led to the cell, for messages."""
    for i, step in enumerate(path):
        if isinstance(cell, str) and (i or before):
            cell = read_json(cell)
        if step == "*":
            if not isinstance(cell, (list, tuple)):
                raise ValueError(f"{_place(before, path, i)} is no list")
            here = (*before, *path[:i])
            return [_at(item, path[i + 1 :], (*here, str(n))) for n, item in enumerate(cell)]
        if isinstance(cell, Mapping):
            if step not in cell:
                raise ValueError(f"{_place(before, path, i)} has no {step!r}")
            cell = cell[step]
        elif isinstance(cell, (list, tuple)) and step.isascii() and step.isdecimal():
            if len(step) > 9 or int(step) >= len(cell):
                raise ValueError(f"{_place(before, path, i)} has {len(cell)} items")
            cell = cell[int(step)]
        else:
            raise ValueError(f"{_place(before, path, i)} has nothing inside")
    return cell


def _place(before: tuple[str, ...], path: tuple[str, ...], steps: int) -> str:
    return ".".join((*before, *path[:steps])) or "the row"


def _formed(cell: Any, form: Form) -> Any:
    if form is Form.ONE:
        return [cell]
    if form is Form.PLAIN or cell is None:
        return cell
    if not isinstance(cell, str):
        raise ValueError(f"holds no text to be read as {form}")
    if form is Form.JSON:
        return read_json(cell)
    if form is Form.NUMBER:
        try:
            return float(cell)
        except ValueError:
            raise ValueError("is no number") from None
    try:
        return ast.literal_eval(cell.strip())
    except (ValueError, SyntaxError, TypeError):
        raise ValueError("is no Python literal") from None
