"""Turn rows of every known shape into tasks, with one line for each bad row.

- The fields of each row tell its shape, unless a column mapping names the columns.
- Columns that no task has are left out; their names are reported.
- A bad row refuses the whole load, unless ``skip_bad`` is set: then the row is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from typing import Any

from sparring.errors import DataError
from sparring.schema import Task
from sparring.tasks.formats.base import Reference, RowSource, read_with
from sparring.tasks.formats.livecodebench import contest_date, is_livecodebench, read_livecodebench
from sparring.tasks.formats.natives import is_native, read_native
from sparring.tasks.formats.which import format_of
from sparring.tasks.mapping import (
    FIELDS,
    MappedColumn,
    NoSuchCell,
    check_columns,
    check_found,
    is_call_table,
    mapped,
    unmapped_cells,
)
from sparring.tasks.rows.calls import FIELDS as CALL_FIELDS
from sparring.tasks.rows.calls import read_call_row
from sparring.tasks.rows.fields import OPTIONAL, REQUIRED, read_row
from sparring.tasks.rows.files import RawRow, RowFault
from sparring.tasks.rows.registry import RowShape
from sparring.text import in_line

SHOWN = 50
"""Most faults that an error lists; the others are counted."""
_STDIN_NAMES = ("stdin", "stdio")


@dataclass(frozen=True, slots=True)
class RowSelection:
    """Options for turning rows into tasks.

    ``since`` and ``until`` are days of a contest, both included; with either, a row without a
    contest date is a fault. ``max_rows`` counts all rows read, good or bad. Tests of more than
    ``max_test_size`` characters (input and output together) are left out before the first
    ``max_tests`` are taken.
    """

    columns: tuple[MappedColumn, ...] = ()
    max_tests: int | None = None
    max_test_size: int | None = None
    max_rows: int | None = None
    since: date | None = None
    until: date | None = None
    prefix: str = ""
    rate: MappedColumn | None = None
    """The column that holds a task's pass rate, from 0 to 1."""
    skip_bad: bool = False
    reference: Reference | None = None
    """Runner of reference solutions, for rows without expected values (EvalPlus)."""


@dataclass(slots=True)
class CollectedTasks:
    """The tasks of a data set, and counts of the rows, tests and columns that were left out."""

    tasks: list[Task] = field(default_factory=list)
    faults: list[RowFault] = field(default_factory=list)
    rows: int = 0
    outside: int = 0
    """Rows of contests before ``since`` or after ``until``."""
    large: int = 0
    """Number of tests that were left out for their size."""
    rates: dict[str, float] = field(default_factory=dict)
    """Pass rates by task id, if `RowSelection.rate` names a column."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Columns that no task has, and the number of rows with each."""
    names: dict[str, None] = field(default_factory=dict)
    """Under a mapping, the columns that any row had."""
    read: set[str] = field(default_factory=set)
    """Under a mapping, the fields that any row had."""
    left_tests: Counter[str] = field(default_factory=Counter)
    """Number of tests that the reader of a data set left out, by reason."""


def collect(sources: Sequence[Iterable[RawRow | RowFault]], choice: RowSelection) -> CollectedTasks:
    """Return the tasks of all sources, in order; ids are unique over all sources.

    Raises `DataError` with a line per bad row, unless ``choice.skip_bad`` is set, and if no row
    is a task. Raises `ConfigError` for a mapping that does not fit the first row of a source.
    """
    collected = CollectedTasks()
    first_uses: dict[str, str] = {}
    for source in sources:
        first = True
        rows_left = None if choice.max_rows is None else choice.max_rows - collected.rows
        for raw in islice(source, rows_left):
            collected.rows += 1
            if isinstance(raw, RowFault):
                collected.faults.append(raw)
                continue
            if first:
                check_columns(choice.columns, raw.row)
                first = False
            _take(raw, choice, collected, first_uses)
    if collected.names:
        check_found(choice.columns, collected.names, collected.read)
    if collected.faults and not choice.skip_bad:
        alike: dict[str, list[RowFault]] = {}
        for fault in collected.faults:
            alike.setdefault(fault.text, []).append(fault)
        lines = [
            f"{same[0]} ({len(same) - 1:,} more rows with this fault)"
            if len(same) > 1
            else str(same[0])
            for same in list(alike.values())[:SHOWN]
        ]
        if len(alike) > SHOWN:
            lines.append(f"… and {len(alike) - SHOWN} more")
        lines.append("correct these rows, or leave them out with --skip-bad")
        raise DataError("\n".join(lines))
    if not collected.tasks:
        if collected.faults:
            raise DataError(
                f"none of {collected.rows} rows is a task; the first: {collected.faults[0]}"
            )
        why = f", {collected.outside} of them outside the dates" if collected.outside else ""
        raise DataError(f"no task in {collected.rows} rows{why}")
    return collected


def shape_of(row: Mapping[str, Any]) -> RowShape:
    """Return the shape of a row, by its fields; the CURE shape unless another is clear."""
    if is_livecodebench(row):
        return RowShape.LIVECODEBENCH
    if is_native(row):
        return RowShape.NATIVE
    if "args" in row and "expected" in row:
        return RowShape.CALLS
    return RowShape.CURE


def _take(
    raw: RawRow, choice: RowSelection, collected: CollectedTasks, first_uses: dict[str, str]
) -> None:
    row = raw.row
    if not isinstance(row, Mapping):
        collected.faults.append(RowFault(raw.where, "row: must be an object with named fields"))
        return
    if choice.since or choice.until:
        day = contest_date(row)
        if day is None:
            collected.faults.append(RowFault(raw.where, "contest_date: is missing or not a date"))
            return
        if (choice.since and day < choice.since) or (choice.until and day > choice.until):
            collected.outside += 1
            return
    try:
        task, faults = _read_by_shape(raw, row, choice, collected)
    except NoSuchCell as error:
        task, faults = None, [("--map", str(error))]
    if task is not None:
        tests = task.tests
        if (limit := choice.max_test_size) is not None:
            tests = tuple(t for t in tests if len(t.input) + len(t.output) <= limit)
            collected.large += len(task.tests) - len(tests)
        task = replace(task, id=choice.prefix + task.id, tests=tests[: choice.max_tests])
        if not tests:
            task, faults = None, [("tests", f"all have more than {limit:,} characters")]
    if task is not None:
        if task.id in first_uses:
            faults = [("task_id", f"{task.id!r} was already used at {first_uses[task.id]}")]
        else:
            first_uses[task.id] = raw.where
            collected.tasks.append(task)
            if choice.rate is not None and (rate := _rate(row, choice.rate)) is not None:
                collected.rates[task.id] = rate
    if faults:
        # One line per row, with all faults of the row: they are corrected together.
        parts = tuple(
            in_line(f"{name}: {text}{_hint(name, text, choice)}") for name, text in faults
        )
        collected.faults.append(RowFault(raw.where, in_line("; ".join(parts)), parts))


def _hint(name: str, fault: str, choice: RowSelection) -> str:
    """Return the ``--map`` that reads a text as the list or number that the field needs.

    A CSV file holds nothing but texts, so that this is its most common fault.
    """
    forms = {"must be a list of strings, not a string": "json (or :one)",
             "must be a number, not a string": "number"}  # fmt: skip
    if fault not in forms or name not in FIELDS:
        return ""
    column = next((".".join(c.path) for c in choice.columns if c.field == name), name)
    return f"; --map {name}={column}:{forms[fault]} reads a text as one"


def _rate(row: Mapping[str, Any], column: MappedColumn) -> float | None:
    """Return the share in that column; None if the row has no such column, as in another data
    set."""
    try:
        value = mapped((column,), row).get(column.field)
    except NoSuchCell:
        return None
    if isinstance(value, str):  # a cell of CSV
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= 1 else None


def _read_by_shape(
    raw: RawRow, row: Mapping[str, Any], choice: RowSelection, collected: CollectedTasks
) -> tuple[Task | None, list[tuple[str, str]]]:
    left_out = collected.left_out
    if choice.columns:
        collected.names |= dict.fromkeys(map(str, row))
        ours, unused = unmapped_cells(choice.columns, row)
        left_out.update(unused)
        row = mapped(choice.columns, row)
        collected.read |= row.keys()
        row = ours | row
        shape = RowShape.CALLS if is_call_table(row) else RowShape.CURE
    elif (form := format_of(row)) is not None:
        known = _known_fields(row, form.columns, left_out)
        source = RowSource(raw.name, raw.where, choice.reference, collected.left_tests)
        return read_with(form, known, source)
    else:
        shape = shape_of(row)
    if shape is RowShape.LIVECODEBENCH:
        return read_livecodebench(row, raw.where, None)
    if shape is RowShape.NATIVE:
        return read_native(row, raw.name, raw.where, None)
    if shape is RowShape.CALLS:
        row = _known_fields(row, CALL_FIELDS, left_out)
        return read_call_row(row, raw.name, raw.where, None)
    if "question" not in row or not ("tests" in row or set(REQUIRED) <= row.keys()):
        return read_row(row, raw.name, raw.where, None)  # its fault suggests a mapping
    known = _known_fields(row, (*REQUIRED, *OPTIONAL), left_out)
    if "test_input" in known and known.pop("tests", None) is not None:
        left_out["tests"] += 1
    if known.get("exe_method") in _STDIN_NAMES and known.get("entry_point") is None:
        known["exe_method"] = "stdin"
    return read_row(known, raw.name, raw.where, None)


def _known_fields(
    row: Mapping[str, Any], fields: Sequence[str], left_out: Counter[str]
) -> dict[str, Any]:
    """Return the row's fields that a task has; a name that is not a text is never one."""
    for name in row:
        if name not in fields:
            left_out[in_line(str(name), 60)] += 1
    return {k: v for k, v in row.items() if k in fields}
