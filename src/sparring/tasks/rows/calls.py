"""Read a row of a table of calls: a statement, a function's name, arguments and values.

- ``args`` has one list of arguments per test, ``expected`` one value per test. The optional
  ``kwargs`` has one object of named arguments per test.
- Values are those of JSON or of Python literals. Without a ``checker``, floating-point values are
  compared as `values.same` does without a tolerance.
- The function's name must be a valid name; no program is searched for its definition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sparring import values
from sparring.schema import Task, Test, TestKind
from sparring.tasks.checkers.checker import parse_checker
from sparring.tasks.rows.column_hints import columns_hint
from sparring.tasks.rows.fields import (
    MAX_SECONDS,
    entry_point_fault,
    read_front,
    read_id,
    read_label,
)
from sparring.tasks.rows.row import TaskRow

FIELDS = (
    "question",
    "entry_point",
    "args",
    "kwargs",
    "expected",
    "example_args",
    "example_expected",
    "task_id",
    "test_time_limit",
    "memory_limit",
    "checker",
    "solutions",
    "difficulty",
    "preamble",
    "head",
)


def read_call_row(
    data: Mapping[str, Any], default_id: str, source: str, max_tests: int | None
) -> tuple[Task | None, list[tuple[str, str]]]:
    """Return the task of a row, or None and the row's faults as (field, fault)."""
    row = TaskRow(data)
    for name in data:
        if name not in FIELDS:
            row.fault(str(name), "is not a field of a table of calls; remove it")
    statement, entry = row.text("question") or "", row.text("entry_point") or ""
    if not statement.strip():
        row.fault("question", f"is missing or blank; {columns_hint(data)}")
    if row.data.get("entry_point") is None:
        row.fault("entry_point", "is missing; name the function that takes the arguments")
    elif fault := entry_point_fault(entry):
        row.fault("entry_point", fault)
    tests = _tests(row, "args", "kwargs", "expected")[:max_tests]
    if not tests and not row.faults:
        row.fault("args", "has no test; a task without ground-truth tests has no reward")
    examples: tuple[Test, ...] = ()
    if data.get("example_args") is not None:
        examples = _tests(row, "example_args", None, "example_expected")
    checker = row.text("checker", "value") or "value"
    try:
        if not parse_checker(checker).of_calls:
            row.fault("checker", f"{checker!r} compares text; calls have values")
    except ValueError as error:
        row.fault("checker", str(error))
    task_id = read_id(row, default_id)
    time_limit = row.number("test_time_limit", 1.0, 0.0, MAX_SECONDS)
    memory = row.number("memory_limit", 256, 0, 1 << 20)
    solutions, difficulty = row.texts("solutions"), read_label(row, "difficulty")
    preamble, head = read_front(row)
    if row.faults:
        return None, row.faults
    task = Task(
        id=task_id,
        statement=statement,
        tests=tests,
        examples=examples,
        time_limit=time_limit,
        memory_limit=max(1, round(memory)),
        checker=checker,
        solutions=solutions,
        difficulty=difficulty,
        source=source,
        entry_point=entry,
        preamble=preamble,
        head=head,
    )
    return task, []


def call_test(arguments: Sequence[Any], keywords: Mapping[str, Any], value: Any) -> Test:
    """Return one call as a test.

    Raises `values.NotPlain` for a value that cannot be encoded, and for an object, because an
    encoded object equals nothing.
    """
    texts = values.encode((list(arguments), dict(keywords))), values.encode(value)
    for text in texts:
        # Matches only the encoder's mark of a type: inside a string the quotes are escaped.
        if match := re.search(r'\{"(?:object|falsy)":([^}]*)\}', text):
            kind = match[1]
            raise values.NotPlain(f"an object of the type {kind} is not a plain value")
    return Test(*texts, TestKind.CALL)


def _tests(row: TaskRow, args: str, kwargs: str | None, expected: str) -> tuple[Test, ...]:
    arguments, expected_values = row.data.get(args), row.data.get(expected)
    for name, cell in ((args, arguments), (expected, expected_values)):
        if not isinstance(cell, (list, tuple)):
            row.fault(name, "must be a list with one entry per test")
            return ()
    assert arguments is not None
    assert expected_values is not None
    keyword_rows = row.data.get(kwargs) if kwargs else None
    if keyword_rows is None:
        keyword_rows = [{}] * len(arguments)
    if not isinstance(keyword_rows, (list, tuple)) or len(keyword_rows) != len(arguments):
        row.fault(str(kwargs), f"must be a list of {len(arguments)} objects, one per test")
        return ()
    if len(expected_values) != len(arguments):
        row.fault(expected, f"has {len(expected_values)} entries, {args} has {len(arguments)}")
        return ()
    tests = []
    for i, (positional, keywords, value) in enumerate(
        zip(arguments, keyword_rows, expected_values, strict=True)
    ):
        if not isinstance(positional, (list, tuple)):
            row.fault(args, f"item {i} must be a list of arguments")
            return ()
        if not isinstance(keywords, Mapping) or not all(isinstance(n, str) for n in keywords):
            row.fault(str(kwargs), f"item {i} must be an object of named arguments")
            return ()
        try:
            tests.append(call_test(positional, keywords, value))
        except values.NotPlain as error:
            row.fault(args, f"item {i}: {error}")
            return ()
    return tuple(tests)
