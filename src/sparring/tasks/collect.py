"""Rows of any shape there is, as tasks; what is wrong with a row is one line each.

The shape is told by the fields of each row, or given by a column mapping. Columns that no task has
are left out and named. Whether a fault refuses the whole load is one switch (`skip_bad`): without
it a set is as it should be or it is not loaded at all.
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
from sparring.tasks.formats.base import Reference, Source, read_with
from sparring.tasks.formats.livecodebench import contest_date, is_livecodebench, read_livecodebench
from sparring.tasks.formats.natives import is_native, read_native
from sparring.tasks.formats.which import format_of
from sparring.tasks.mapping import (
    FIELDS,
    Column,
    NoSuchCell,
    check_columns,
    check_found,
    kept,
    mapped,
    of_calls,
)
from sparring.tasks.rows.calls import FIELDS as CALL_FIELDS
from sparring.tasks.rows.calls import read_call_row
from sparring.tasks.rows.fields import OPTIONAL, REQUIRED, read_row
from sparring.tasks.rows.files import Fault, Raw
from sparring.tasks.rows.known import Shape
from sparring.text import in_line

SHOWN = 50
"""Faults listed in a refusal; the rest is counted."""
_STDIN_NAMES = ("stdin", "stdio")


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the rows becomes tasks, and how.

    ``since`` and ``until`` are days of a contest, both included; a row that states none is a
    fault then. ``max_rows`` counts rows read, good or bad. Tests of more than ``max_test_size``
    characters, input and output together, are left out before the first ``max_tests`` are taken.
    """

    columns: tuple[Column, ...] = ()
    max_tests: int | None = None
    max_test_size: int | None = None
    max_rows: int | None = None
    since: date | None = None
    until: date | None = None
    prefix: str = ""
    rate: Column | None = None
    """Where a row says how often programs solved it, from 0 to 1."""
    skip_bad: bool = False
    reference: Reference | None = None
    """Who runs reference solutions, for rows without expected values (EvalPlus)."""


@dataclass(slots=True)
class Collected:
    """The tasks of a set, and what was not taken."""

    tasks: list[Task] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    rows: int = 0
    outside: int = 0
    """Rows of contests before ``since`` or after ``until``."""
    large: int = 0
    """Tests that were left out for their size."""
    rates: dict[str, float] = field(default_factory=dict)
    """Pass rates by task id, where ``rate`` was asked for."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Columns without a meaning here, and in how many rows they were."""
    names: dict[str, None] = field(default_factory=dict)
    """Under a mapping, the columns that any row had."""
    read: set[str] = field(default_factory=set)
    """Under a mapping, the fields that any row had."""
    left_tests: Counter[str] = field(default_factory=Counter)
    """Tests that the reader of a data set left out, by the reason."""


def collect(sources: Sequence[Iterable[Raw | Fault]], choice: Choice) -> Collected:
    """The tasks of all sources, in order. Ids are unique over all of them.

    Raises `DataError` with a line per bad row, unless ``choice.skip_bad``; and where there is no
    task at all. Raises `ConfigError` for a mapping that does not fit the first row.
    """
    found = Collected()
    where: dict[str, str] = {}
    for source in sources:
        first = True
        left = None if choice.max_rows is None else choice.max_rows - found.rows
        for raw in islice(source, left):
            found.rows += 1
            if isinstance(raw, Fault):
                found.faults.append(raw)
                continue
            if first:
                check_columns(choice.columns, raw.row)
                first = False
            _take(raw, choice, found, where)
    if found.names:
        check_found(choice.columns, found.names, found.read)
    if found.faults and not choice.skip_bad:
        alike: dict[str, list[Fault]] = {}
        for one in found.faults:
            alike.setdefault(one.text, []).append(one)
        lines = [
            f"{same[0]} ({len(same) - 1:,} more rows alike)" if len(same) > 1 else str(same[0])
            for same in list(alike.values())[:SHOWN]
        ]
        if len(alike) > SHOWN:
            lines.append(f"… and {len(alike) - SHOWN} more")
        lines.append("mend them, or give --skip-bad to leave them out")
        raise DataError("\n".join(lines))
    if not found.tasks:
        if found.faults:
            raise DataError(f"none of {found.rows} rows is a task; the first: {found.faults[0]}")
        why = f", {found.outside} of them outside of the dates" if found.outside else ""
        raise DataError(f"there is no task: {found.rows} rows{why}")
    return found


def shape_of(row: Mapping[str, Any]) -> Shape:
    """What a row looks like, by its fields; the CURE shape unless another is clear."""
    if is_livecodebench(row):
        return Shape.LIVECODEBENCH
    if is_native(row):
        return Shape.NATIVE
    if "args" in row and "expected" in row:
        return Shape.CALLS
    return Shape.CURE


def _take(raw: Raw, choice: Choice, found: Collected, where: dict[str, str]) -> None:
    row = raw.row
    if not isinstance(row, Mapping):
        found.faults.append(Fault(raw.where, "row: must be an object with named fields"))
        return
    if choice.since or choice.until:
        day = contest_date(row)
        if day is None:
            found.faults.append(Fault(raw.where, "contest_date: is missing or no date"))
            return
        if (choice.since and day < choice.since) or (choice.until and day > choice.until):
            found.outside += 1
            return
    try:
        task, faults = _read(raw, row, choice, found)
    except NoSuchCell as error:
        task, faults = None, [("--map", str(error))]
    if task is not None:
        tests = task.tests
        if (most := choice.max_test_size) is not None:
            tests = tuple(t for t in tests if len(t.input) + len(t.output) <= most)
            found.large += len(task.tests) - len(tests)
        task = replace(task, id=choice.prefix + task.id, tests=tests[: choice.max_tests])
        if not tests:
            task, faults = None, [("tests", f"all have more than {most:,} characters")]
    if task is not None:
        if task.id in where:
            faults = [("task_id", f"{task.id!r} was already used at {where[task.id]}")]
        else:
            where[task.id] = raw.where
            found.tasks.append(task)
            if choice.rate is not None and (rate := _rate(row, choice.rate)) is not None:
                found.rates[task.id] = rate
    if faults:
        # One line per row: whoever mends it sees all of it there.
        parts = tuple(in_line(f"{name}: {said}{_how(name, said, choice)}") for name, said in faults)
        found.faults.append(Fault(raw.where, in_line("; ".join(parts)), parts))


def _how(name: str, said: str, choice: Choice) -> str:
    """How a cell that is a text could be read as what it should be; CSV has nothing but texts."""
    forms = {"must be a list of strings, not a string": "json (or :one)",
             "must be a number, not a string": "number"}  # fmt: skip
    if said not in forms or name not in FIELDS:
        return ""
    column = next((".".join(c.path) for c in choice.columns if c.field == name), name)
    return f"; --map {name}={column}:{forms[said]} reads a text as such"


def _rate(row: Mapping[str, Any], column: Column) -> float | None:
    """The share in that column; None where there is none, as in a row of another set."""
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


def _read(
    raw: Raw, row: Mapping[str, Any], choice: Choice, found: Collected
) -> tuple[Task | None, list[tuple[str, str]]]:
    left_out = found.left_out
    if choice.columns:
        found.names |= dict.fromkeys(map(str, row))
        ours, left = kept(choice.columns, row)
        left_out.update(left)
        row = mapped(choice.columns, row)
        found.read |= row.keys()
        row = ours | row
        shape = Shape.CALLS if of_calls(row) else Shape.CURE
    elif (form := format_of(row)) is not None:
        known = _known(row, form.columns, left_out)
        source = Source(raw.name, raw.where, choice.reference, found.left_tests)
        return read_with(form, known, source)
    else:
        shape = shape_of(row)
    if shape is Shape.LIVECODEBENCH:
        return read_livecodebench(row, raw.where, None)
    if shape is Shape.NATIVE:
        return read_native(row, raw.name, raw.where, None)
    if shape is Shape.CALLS:
        row = _known(row, CALL_FIELDS, left_out)
        return read_call_row(row, raw.name, raw.where, None)
    if "question" not in row or not ("tests" in row or set(REQUIRED) <= row.keys()):
        return read_row(row, raw.name, raw.where, None)  # says what the columns may have meant
    known = _known(row, (*REQUIRED, *OPTIONAL), left_out)
    if "test_input" in known and known.pop("tests", None) is not None:
        left_out["tests"] += 1
    if known.get("exe_method") in _STDIN_NAMES and known.get("entry_point") is None:
        known["exe_method"] = "stdin"
    return read_row(known, raw.name, raw.where, None)


def _known(row: Mapping[str, Any], names: Sequence[str], left_out: Counter[str]) -> dict[str, Any]:
    """The row's fields that a task has; a name that is no text is none of them."""
    for name in row:
        if name not in names:
            left_out[in_line(str(name), 60)] += 1
    return {k: v for k, v in row.items() if k in names}
