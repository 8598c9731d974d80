"""Rows of CodeContests (deepmind/code_contests), from the hub or as JSON of its messages.

- Tests are inputs and outputs of programs. Public tests become examples; private and generated
  tests are ground truth. A problem with public tests alone has them as ground truth.
- Outputs are compared by words, by the rule of the data set's own tester.
- Limits are a duration (``seconds`` and ``nanos``, or null) and a number of bytes.
- Refused: problems whose programs read or write a named file.
- Left out: solutions in languages other than Python 3, incorrect solutions, tags and the
  untranslated description.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparring.schema import Task, Test
from sparring.tasks.formats.base import (
    Format,
    RowSource,
    cases,
    mebibytes,
    missing,
    seconds,
    stdin_tests,
)
from sparring.tasks.rows.row import TaskRow

COLUMNS = (
    "name", "description", "public_tests", "private_tests", "generated_tests", "source",
    "difficulty", "solutions", "time_limit", "memory_limit_bytes", "input_file", "output_file",
)  # fmt: skip
SECONDS, MEMORY_MIB = 10.0, 256
"""Limits if the row has none: the defaults of the data set's own tester."""
_SOURCES = ("", "codechef", "codeforces", "hackerearth", "codejam", "", "atcoder", "aizu")
_LEVELS = (None, "easy", "medium", "hard", "harder", "hardest", "external")
_PYTHON3 = (3, "PYTHON3")


def read_codecontests(row: TaskRow, source: RowSource) -> Task | None:
    """Return the task of a row, or None with faults noted in ``row``."""
    missing(row, "name", "description")
    name, statement = row.text("name") or "", row.text("description") or ""
    public = _tests(row, "public_tests")
    hidden = (*_tests(row, "private_tests"), *_tests(row, "generated_tests"))
    limit = seconds(row, "time_limit", SECONDS)
    memory = mebibytes(row, "memory_limit_bytes", MEMORY_MIB, "bytes")
    solutions = tuple(p for language, p in _solutions(row) if language in _PYTHON3 and p.strip())
    for column, verb in (("input_file", "read"), ("output_file", "write")):
        file = row.text(column)
        if file and file.strip() and file.strip() not in ("stdin", "stdout"):
            row.fault(column, f"is {file!r}: programs that {verb} a named file are not supported")
    if not (hidden or public) and not row.faults:
        row.fault("private_tests", "has no test, nor have public_tests and generated_tests")
    if row.faults:
        return None
    site = _number(row, "source", _SOURCES) or ""
    return Task(
        id=f"{site}/{name}" if site else name,
        statement=statement,
        tests=hidden or public,
        examples=public if hidden else (),
        time_limit=limit,
        memory_limit=memory,
        checker="codecontests",
        solutions=solutions,
        difficulty=_number(row, "difficulty", _LEVELS),
        source=source.where,
    )


FORMAT = Format("CodeContests", COLUMNS, read_codecontests)


def _tests(row: TaskRow, name: str) -> tuple[Test, ...]:
    """Return the tests of a column: lists of inputs and outputs, or a list of pairs."""
    cell = row.data.get(name)
    if cell is None:
        return ()
    if isinstance(cell, Mapping):
        inputs, outputs = cell.get("input"), cell.get("output")
    elif isinstance(cell, (list, tuple)) and all(isinstance(pair, Mapping) for pair in cell):
        inputs, outputs = [[pair.get(k) for pair in cell] for k in ("input", "output")]
    else:
        row.fault(name, "must be lists of inputs and outputs, or a list of such pairs")
        return ()
    return stdin_tests(row, name, cases(row, name, inputs, outputs))


def _solutions(row: TaskRow) -> list[tuple[Any, str]]:
    """Return (language, program) for each solution."""
    cell = row.data.get("solutions")
    if cell is None:
        return []
    if isinstance(cell, Mapping):
        pairs = cases(row, "solutions", cell.get("language"), cell.get("solution"))
    elif isinstance(cell, (list, tuple)) and all(isinstance(pair, Mapping) for pair in cell):
        pairs = [(pair.get("language"), pair.get("solution")) for pair in cell]
    else:
        row.fault("solutions", "must be lists of languages and solutions, or a list of such pairs")
        return []
    if not all(isinstance(program, str) for _, program in pairs):
        row.fault("solutions", "holds a solution that is not a text")
        return []
    return pairs


def _number(row: TaskRow, name: str, meanings: tuple[str | None, ...]) -> str | None:
    """Return the meaning of a number of an enumeration; a name stands for itself."""
    value = row.data.get(name)
    if isinstance(value, str):
        return value.lower() or None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    if value < len(meanings):
        return meanings[value] or None
    return chr(ord("A") + value - 7 - (value > 17)) if name == "difficulty" else None
