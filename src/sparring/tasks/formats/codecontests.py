"""Rows of CodeContests (deepmind/code_contests), as the hub has them or as JSON of its messages.

Tests are programs' input and output: public ones become examples, private and generated ones
ground truth; where there are only public ones, they are ground truth. Words are compared by the
rule of its own tester. Limits are a duration (``seconds`` and ``nanos``, or null) and bytes.

Not carried: solutions in other languages than Python 3, incorrect solutions, programs that read
or write a file of a name (refused), tags and the untranslated description.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparring.schema import Task, Test
from sparring.tasks.formats.base import (
    Format,
    Source,
    cases,
    mebibytes,
    missing,
    seconds,
    stdin_tests,
)
from sparring.tasks.rows.row import Row

COLUMNS = (
    "name", "description", "public_tests", "private_tests", "generated_tests", "source",
    "difficulty", "solutions", "time_limit", "memory_limit_bytes", "input_file", "output_file",
)  # fmt: skip
SECONDS, MEMORY_MIB = 10.0, 256
"""Where the row does not say: the defaults of its own tester."""
_SOURCES = ("", "codechef", "codeforces", "hackerearth", "codejam", "", "atcoder", "aizu")
_LEVELS = (None, "easy", "medium", "hard", "harder", "hardest", "external")
_PYTHON3 = (3, "PYTHON3")


def read_codecontests(row: Row, source: Source) -> Task | None:
    """The task of a row."""
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
            row.fault(column, f"is {file!r}: programs must {verb} that file, which is not carried")
    if not (hidden or public) and not row.faults:
        row.fault("private_tests", "there is no test in any of the three columns")
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


def _tests(row: Row, name: str) -> tuple[Test, ...]:
    """The tests of a column: lists of inputs and outputs, or a list of pairs."""
    held = row.data.get(name)
    if held is None:
        return ()
    if isinstance(held, Mapping):
        inputs, outputs = held.get("input"), held.get("output")
    elif isinstance(held, (list, tuple)) and all(isinstance(one, Mapping) for one in held):
        inputs, outputs = [[one.get(k) for one in held] for k in ("input", "output")]
    else:
        row.fault(name, "must be lists of inputs and outputs, or a list of such pairs")
        return ()
    return stdin_tests(row, name, cases(row, name, inputs, outputs))


def _solutions(row: Row) -> list[tuple[Any, str]]:
    """(language, program) of each solution."""
    held = row.data.get("solutions")
    if held is None:
        return []
    if isinstance(held, Mapping):
        pairs = cases(row, "solutions", held.get("language"), held.get("solution"))
    elif isinstance(held, (list, tuple)) and all(isinstance(one, Mapping) for one in held):
        pairs = [(one.get("language"), one.get("solution")) for one in held]
    else:
        row.fault("solutions", "must be lists of languages and solutions, or a list of such pairs")
        return []
    if not all(isinstance(program, str) for _, program in pairs):
        row.fault("solutions", "holds a solution that is no text")
        return []
    return pairs


def _number(row: Row, name: str, meanings: tuple[str | None, ...]) -> str | None:
    """What a number of an enumeration stands for; a name stands for itself."""
    held = row.data.get(name)
    if isinstance(held, str):
        return held.lower() or None
    if isinstance(held, bool) or not isinstance(held, int) or held < 0:
        return None
    if held < len(meanings):
        return meanings[held] or None
    return chr(ord("A") + held - 7 - (held > 17)) if name == "difficulty" else None
