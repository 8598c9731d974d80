"""Other column names than ours: which column, or what inside of it, is which field.

    --map question=problem,test_input=tests.*.input,args=cases:json

A path's steps are column names, places in a list (from 0) and ``*`` for every item. A step into a
text takes the text for JSON. A word after a colon says how the cell is written (`forms`); without
one it is taken as it is, because whether ``[1, 2]`` is a list or a text nobody can tell from the
cell.

What a task can be without is absent where the path leads through a null or to nothing. Columns that
are named as a field of ours need no mapping: they are kept, if they hold what the field holds.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring.errors import ConfigError
from sparring.tasks.formats.codeforces import CHECKER
from sparring.tasks.rows.calls import FIELDS as CALL_FIELDS
from sparring.tasks.rows.fields import OPTIONAL, REQUIRED
from sparring.tasks.rows.files import read_json
from sparring.tasks.rows.forms import Form, fits, formed
from sparring.tasks.rows.limits import UNITS, limit
from sparring.tasks.rows.meant import meant
from sparring.text import in_line

FIELDS = tuple(dict.fromkeys((*REQUIRED, *OPTIONAL, *CALL_FIELDS)))
"""All that can be mapped."""
_NEEDED = (*REQUIRED, "tests", "args", "expected")
"""Fields that are no task's to be without: where nothing is, the row is at fault."""
_TESTS = (("test_input", "test_output", "test_kind", "test_checker"), ("tests",),
          ("args", "kwargs", "expected"))  # fmt: skip
"""The ways to give a task its tests, of which it has one."""
_LISTS = ("test_input", "test_output", "example_input", "example_output", "solutions",
          "test_kind", "test_checker", "example_kind", "example_checker")  # fmt: skip
_CALL_LISTS = ("args", "kwargs", "expected", "example_args", "example_expected")
_ARGUMENTS = re.compile(r"\bsys\.argv\b|\bfrom sys import\b.*\bargv\b")
"""In a checker program: it is called with three files, as open-r1's are, and not by a question."""
_PATH = re.compile(r"(?P<path>.+?)(?::(?P<form>\w+))?\Z", re.S)


@dataclass(frozen=True, slots=True)
class Column:
    """A field, the path to it, and how what is there is written."""

    field: str
    path: tuple[str, ...]
    form: Form = Form.PLAIN

    @property
    def whole(self) -> str:
        """The path as it was written."""
        return ".".join(self.path)

    def within(self, row: Mapping[str, Any]) -> str:
        """The column of a row that the path begins in: a name may have dots."""
        return self.whole if self.whole in row else self.path[0]


class NoSuchCell(ValueError):
    """A row has nothing at a path, or not in that form; the message says where it ends."""


class _Nothing(ValueError):
    """A path that leads through a null, or to a name that is not there."""


def parse_mapping(texts: Sequence[str]) -> tuple[Column, ...]:
    """The columns of ``--map`` options. Raises `ConfigError` naming the part that is wrong."""
    found: dict[str, Column] = {}
    for part in (p.strip() for text in texts for p in text.split(",")):
        name, equals, rest = part.partition("=")
        name, match = name.strip(), _PATH.match(rest.strip())
        if not equals or match is None:
            raise ConfigError(f"--map {part!r}: write FIELD=COLUMN, such as question=problem")
        if name not in FIELDS:
            close = difflib.get_close_matches(name, FIELDS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(FIELDS)}"
            raise ConfigError(f"--map {part}: {name!r} is no field; {hint}")
        if name in found:
            raise ConfigError(f"--map: {name} is given twice")
        form = match["form"] or Form.PLAIN
        if form not in list(Form):
            raise ConfigError(f"--map {part}: {form!r} is no form; there are {', '.join(Form)}")
        if not fits(Form(form), name):
            raise ConfigError(f"--map {part}: {form} is a unit of a limit; {name} has none")
        found[name] = Column(name, tuple(match["path"].split(".")), Form(form))
    ways = [names for names in _TESTS if any(name in found for name in names)]
    if len(ways) > 1:
        given = " and ".join(next(n for n in names if n in found) for names in ways)
        raise ConfigError(f"--map: {given}: two ways to give tests; leave one out")
    return tuple(found.values())


def of_calls(fields: Mapping[str, object]) -> bool:
    """Whether these fields are those of a table of calls."""
    return "args" in fields or "expected" in fields


def check_columns(columns: Sequence[Column], row: object) -> None:
    """What a task needs, against the first row. Raises `ConfigError` with the columns there are."""
    if not columns or not isinstance(row, Mapping):
        return
    for column in columns:
        if column.field in _NEEDED and column.within(row) not in row:
            raise _not_there(column, list(row))
    found = {column.field: column for column in columns}
    there = {n for n in (*found, *row) if n in FIELDS}
    if "question" not in there:
        raise ConfigError(f"--map: question is missing: which column holds it? {meant(row)}")
    way = next((names for names in _TESTS if any(n in found for n in names)), None)
    needed = {_TESTS[1]: ("tests",), _TESTS[2]: ("args", "expected", "entry_point")}
    ways = [needed.get(one, _TESTS[0][:2]) for one in _TESTS if way in (None, one)]
    if not any(there.issuperset(one) for one in ways):
        given = f"it goes with {', '.join(found)}; " if way else ""
        lacking = next((n for one in ways for n in one if n not in there), "test_input")
        raise ConfigError(f"--map: {lacking} is missing; {given}{meant(row)}")


def check_found(columns: Sequence[Column], names: Iterable[str], read: Iterable[str]) -> None:
    """What no row needed to have, after all rows: ``names`` are the columns that there were,
    ``read`` the fields that some row had. Raises `ConfigError` for a column that never was."""
    there, had = list(names), set(read)
    for column in columns:
        if column.field not in had and column.whole not in there and column.path[0] not in there:
            raise _not_there(column, there)


def _not_there(column: Column, there: Sequence[object]) -> ConfigError:
    names = [in_line(str(name), 60) for name in there]
    close = difflib.get_close_matches(column.path[0], names, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return ConfigError(
        f"--map {column.field}={column.whole}: there is no column {column.path[0]!r}; "
        f"there are {', '.join(names)}{hint}"
    )


def mapped(columns: Sequence[Column], row: Mapping[str, Any]) -> dict[str, Any]:
    """The row in our field names, without what is absent. Raises `NoSuchCell`."""
    found = {}
    for column in columns:
        try:
            at = column.within(row)
            whole = at == column.whole and at in row
            cell = row[at] if whole else _at(row, column.path)
            if column.field not in _NEEDED and isinstance(cell, str) and not cell.strip():
                continue
            value = formed(column.field, cell, column.form)
        except _Nothing as error:
            if column.field in _NEEDED:
                raise NoSuchCell(f"{column.field}={column.whole}: {error}") from None
            continue
        except (ValueError, MemoryError, RecursionError) as error:
            raise NoSuchCell(f"{column.field}={column.whole}: {error}") from None
        if value is not None:
            found[column.field] = value
    if (program := found.get("checker_program")) is not None:
        found.setdefault("checker", "program")
        if isinstance(program, str) and _ARGUMENTS.search(program):
            found["checker_program"] = CHECKER.replace("SOURCE", repr(program))
    return found


def kept(columns: Sequence[Column], row: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The cells of columns that need no mapping, and the columns without a use, with the reason
    where one has a field's name."""
    mapped_to = {column.field for column in columns}
    used = {column.within(row) for column in columns}
    way = next((names for names in _TESTS if mapped_to.intersection(names)), ())
    others = {name for names in _TESTS if way and names is not way for name in names}
    found, left = {}, []
    for name, cell in row.items():
        if name in used:
            continue
        if name not in FIELDS or name in mapped_to or name in others:
            left.append(in_line(str(name), 60))
        elif cell is None:
            continue
        elif reason := _misfit(name, cell):
            left.append(f"{name}, which {reason}")
        else:
            found[name] = limit(name, cell, None) if name in UNITS else cell
    return found, left


def _misfit(name: str, cell: Any) -> str | None:
    """Why a column is not what the field of its name holds; None if it is."""
    if name in UNITS:
        try:
            value = limit(name, cell, None)
        except ValueError as error:
            return in_line(str(error), 80)
        good = value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
        return None if good else f"says no unit (--map {name}={name}:UNIT)"
    if name in _LISTS or name in _CALL_LISTS or (name == "tests" and not isinstance(cell, str)):
        if isinstance(cell, (list, tuple)):
            return None
        inside = f"{name}:json reads one" if isinstance(cell, str) else f"{name}.NAME is one inside"
        return f"is no list (--map {name}={inside})"
    if name in ("task_id", "difficulty"):
        good = isinstance(cell, (str, int)) and not isinstance(cell, bool)
        return None if good else "is neither a text nor a whole number"
    return None if isinstance(cell, str) else "is no text"


def _at(cell: Any, path: tuple[str, ...], before: tuple[str, ...] = ()) -> Any:
    """What is at a path; ``before`` are the steps that led to the cell, for messages."""
    for i, step in enumerate(path):
        if isinstance(cell, str) and (i or before):
            if not cell.strip():
                raise _Nothing(f"{_place(before, path, i)} is empty")
            cell = read_json(cell)
        if cell is None:
            raise _Nothing(f"{_place(before, path, i)} is null")
        if step == "*":
            if not isinstance(cell, (list, tuple)):
                raise ValueError(f"{_place(before, path, i)} is no list")
            here = (*before, *path[:i])
            return [_each(item, path[i + 1 :], (*here, str(n))) for n, item in enumerate(cell)]
        if isinstance(cell, Mapping):
            if step not in cell:
                names = in_line(", ".join(map(str, cell)), 120)
                has = f"; it has {names}" if cell else ""
                raise _Nothing(f"{_place(before, path, i)} has no {step!r}{has}")
            cell = cell[step]
        elif isinstance(cell, (list, tuple)) and step.isascii() and step.isdecimal():
            if len(step) > 9 or int(step) >= len(cell):
                raise _Nothing(f"{_place(before, path, i)} has {len(cell)} items")
            cell = cell[int(step)]
        else:
            raise ValueError(f"{_place(before, path, i)} has nothing inside")
    return cell


def _each(cell: Any, path: tuple[str, ...], before: tuple[str, ...]) -> Any:
    """What is at a path in an item of a list: one that is missing would put the rest in wrong
    places, so it is never absent."""
    try:
        return _at(cell, path, before)
    except _Nothing as error:
        raise ValueError(str(error)) from None


def _place(before: tuple[str, ...], path: tuple[str, ...], steps: int) -> str:
    return ".".join((*before, *path[:steps])) or "the row"
