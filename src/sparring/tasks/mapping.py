"""Column mappings: a path into the row for each field of a task, for rows with other names.

    --map question=problem,test_input=tests.*.input,args=cases:json

- A path's steps are column names, positions in a list (from 0) and ``*`` for every item. A step
  into a text reads the text as JSON.
- A word after a colon names the form of the cell (`forms`). A cell without a form is taken as it
  stands, because ``[1, 2]`` alone may be meant as a text or as a list.
- An optional field is absent if its path leads through a null or to nothing.
- A column with a field's name needs no mapping. The column is kept if it holds what the field
  holds.
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
from sparring.tasks.rows.column_hints import columns_hint
from sparring.tasks.rows.fields import OPTIONAL, REQUIRED
from sparring.tasks.rows.files import read_json
from sparring.tasks.rows.forms import CellForm, fits, formed
from sparring.tasks.rows.limits import UNITS, limit
from sparring.text import in_line

FIELDS = tuple(dict.fromkeys((*REQUIRED, *OPTIONAL, *CALL_FIELDS)))
"""All fields that can be mapped."""
_NEEDED = (*REQUIRED, "tests", "args", "expected")
"""Fields that no task can do without: an empty one is a fault of the row."""
_TESTS = (("test_input", "test_output", "test_kind", "test_checker"), ("tests",),
          ("args", "kwargs", "expected"))  # fmt: skip
"""The ways to give a task its tests; a task uses exactly one."""
_LISTS = ("test_input", "test_output", "example_input", "example_output", "solutions",
          "test_kind", "test_checker", "example_kind", "example_checker")  # fmt: skip
_CALL_LISTS = ("args", "kwargs", "expected", "example_args", "example_expected")
_ARGUMENTS = re.compile(r"\bsys\.argv\b|\bfrom sys import\b.*\bargv\b")
"""Mark of a checker program that is called with three files, as those of open-r1/codeforces."""
_PATH = re.compile(r"(?P<path>.+?)(?::(?P<form>\w+))?\Z", re.S)


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A field, the path to its cell, and the form of the cell."""

    field: str
    path: tuple[str, ...]
    form: CellForm = CellForm.PLAIN

    @property
    def dotted_path(self) -> str:
        """Return the path as it was written."""
        return ".".join(self.path)

    def within(self, row: Mapping[str, Any]) -> str:
        """Return the column of the row that the path begins in; its name may hold dots."""
        return self.dotted_path if self.dotted_path in row else self.path[0]


class NoSuchCell(ValueError):
    """Raised when a row has nothing at a path, or not in the form; the message names the step."""


class _Nothing(ValueError):
    """Raised when a path leads through a null, or to a name that the row lacks."""


def parse_mapping(texts: Sequence[str]) -> tuple[MappedColumn, ...]:
    """Return the columns of ``--map`` options. Raises `ConfigError` that names the wrong part."""
    columns: dict[str, MappedColumn] = {}
    for part in (p.strip() for text in texts for p in text.split(",")):
        name, equals, rest = part.partition("=")
        name, match = name.strip(), _PATH.match(rest.strip())
        if not equals or match is None:
            raise ConfigError(f"--map {part!r}: write FIELD=COLUMN, such as question=problem")
        if name not in FIELDS:
            close = difflib.get_close_matches(name, FIELDS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"the fields are {', '.join(FIELDS)}"
            raise ConfigError(f"--map {part}: {name!r} is not a field; {hint}")
        if name in columns:
            raise ConfigError(f"--map: {name} is given twice; leave one out")
        form = match["form"] or CellForm.PLAIN
        if form not in list(CellForm):
            raise ConfigError(
                f"--map {part}: {form!r} is not a form; the forms are {', '.join(CellForm)}"
            )
        if not fits(CellForm(form), name):
            raise ConfigError(f"--map {part}: {form} is a unit, and {name} has no such unit")
        columns[name] = MappedColumn(name, tuple(match["path"].split(".")), CellForm(form))
    ways = [names for names in _TESTS if any(name in columns for name in names)]
    if len(ways) > 1:
        both = " and ".join(next(n for n in names if n in columns) for names in ways)
        raise ConfigError(f"--map: {both} are two ways to give tests; leave one out")
    return tuple(columns.values())


def is_call_table(fields: Mapping[str, object]) -> bool:
    """Return True if these fields are those of a table of calls."""
    return "args" in fields or "expected" in fields


def check_columns(columns: Sequence[MappedColumn], row: object) -> None:
    """Check that the first row, with the mapping, has what a task needs.

    Raises `ConfigError` that lists the row's columns.
    """
    if not columns or not isinstance(row, Mapping):
        return
    for column in columns:
        if column.field in _NEEDED and column.within(row) not in row:
            raise _missing_column(column, list(row))
    by_field = {column.field: column for column in columns}
    present = {n for n in (*by_field, *row) if n in FIELDS}
    if "question" not in present:
        raise ConfigError(f"--map: question is missing; name its column: {columns_hint(row)}")
    way = next((names for names in _TESTS if any(n in by_field for n in names)), None)
    needed = {_TESTS[1]: ("tests",), _TESTS[2]: ("args", "expected", "entry_point")}
    ways = [needed.get(fields, _TESTS[0][:2]) for fields in _TESTS if way in (None, fields)]
    if not any(present.issuperset(fields) for fields in ways):
        reason = f"{', '.join(by_field)} need it; " if way else ""
        lacking = next((n for fields in ways for n in fields if n not in present), "test_input")
        raise ConfigError(f"--map: {lacking} is missing; {reason}{columns_hint(row)}")


def check_found(columns: Sequence[MappedColumn], names: Iterable[str], read: Iterable[str]) -> None:
    """Check, after all rows, that each mapped column occurred in some row.

    ``names`` are the columns of all rows, ``read`` the fields that some row had. Raises
    `ConfigError` for a column that no row has.
    """
    present, filled = list(names), set(read)
    for column in columns:
        if (
            column.field not in filled
            and column.dotted_path not in present
            and column.path[0] not in present
        ):
            raise _missing_column(column, present)


def _missing_column(column: MappedColumn, present: Sequence[object]) -> ConfigError:
    names = [in_line(str(name), 60) for name in present]
    close = difflib.get_close_matches(column.path[0], names, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return ConfigError(
        f"--map {column.field}={column.dotted_path}: no column {column.path[0]!r}; "
        f"the columns are {', '.join(names)}{hint}"
    )


def mapped(columns: Sequence[MappedColumn], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row in our field names, without the absent fields. Raises `NoSuchCell`."""
    fields = {}
    for column in columns:
        try:
            column_name = column.within(row)
            own_column = column_name == column.dotted_path and column_name in row
            cell = row[column_name] if own_column else _cell_at(row, column.path)
            if column.field not in _NEEDED and isinstance(cell, str) and not cell.strip():
                continue
            value = formed(column.field, cell, column.form)
        except _Nothing as error:
            if column.field in _NEEDED:
                raise NoSuchCell(f"{column.field}={column.dotted_path}: {error}") from None
            continue
        except (ValueError, MemoryError, RecursionError) as error:
            raise NoSuchCell(f"{column.field}={column.dotted_path}: {error}") from None
        if value is not None:
            fields[column.field] = value
    if (program := fields.get("checker_program")) is not None:
        fields.setdefault("checker", "program")
        if isinstance(program, str) and _ARGUMENTS.search(program):
            fields["checker_program"] = CHECKER.replace("SOURCE", repr(program))
    return fields


def unmapped_cells(
    columns: Sequence[MappedColumn], row: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the cells of columns that need no mapping, and the names of unused columns.

    A column that has a field's name but not its content is followed by the reason.
    """
    mapped_to = {column.field for column in columns}
    used = {column.within(row) for column in columns}
    way = next((names for names in _TESTS if mapped_to.intersection(names)), ())
    others = {name for names in _TESTS if way and names is not way for name in names}
    cells, unused = {}, []
    for name, cell in row.items():
        if name in used:
            continue
        if name not in FIELDS or name in mapped_to or name in others:
            unused.append(in_line(str(name), 60))
        elif cell is None:
            continue
        elif reason := _misfit(name, cell):
            unused.append(f"{name}, which {reason}")
        else:
            cells[name] = limit(name, cell, None) if name in UNITS else cell
    return cells, unused


def _misfit(name: str, cell: Any) -> str | None:
    """Return why a cell does not fit the field of the same name; None if it fits."""
    if name in UNITS:
        try:
            value = limit(name, cell, None)
        except ValueError as error:
            return in_line(str(error), 80)
        good = value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
        return None if good else f"names no unit (--map {name}={name}:UNIT)"
    if name in _LISTS or name in _CALL_LISTS or (name == "tests" and not isinstance(cell, str)):
        if isinstance(cell, (list, tuple)):
            return None
        inside = f"{name}:json reads one" if isinstance(cell, str) else f"{name}.NAME is one inside"
        return f"is not a list (--map {name}={inside})"
    if name in ("task_id", "difficulty"):
        good = isinstance(cell, (str, int)) and not isinstance(cell, bool)
        return None if good else "is neither a text nor a whole number"
    return None if isinstance(cell, str) else "is not a text"


def _cell_at(cell: Any, path: tuple[str, ...], before: tuple[str, ...] = ()) -> Any:
    """Return the cell at a path; ``before`` are the steps that led here, for messages."""
    for i, step in enumerate(path):
        if isinstance(cell, str) and (i or before):
            if not cell.strip():
                raise _Nothing(f"{_place(before, path, i)} is empty")
            cell = read_json(cell)
        if cell is None:
            raise _Nothing(f"{_place(before, path, i)} is null")
        if step == "*":
            if not isinstance(cell, (list, tuple)):
                raise ValueError(f"{_place(before, path, i)} is not a list")
            prefix = (*before, *path[:i])
            return [_item_at(item, path[i + 1 :], (*prefix, str(n))) for n, item in enumerate(cell)]
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
            raise ValueError(f"{_place(before, path, i)} is a single value, with nothing inside")
    return cell


def _item_at(cell: Any, path: tuple[str, ...], before: tuple[str, ...]) -> Any:
    """Return the cell at a path in an item of a list.

    An absent cell is an error here: leaving it out would move all later items by one.
    """
    try:
        return _cell_at(cell, path, before)
    except _Nothing as error:
        raise ValueError(str(error)) from None


def _place(before: tuple[str, ...], path: tuple[str, ...], steps: int) -> str:
    return ".".join((*before, *path[:steps])) or "the row"
