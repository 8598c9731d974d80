"""Rows of LiveCodeBench as tasks, in their native kinds: `code_generation`, its `_lite` packing,
and `test_generation`.

Tests of type ``stdin`` are programs' input and output. Tests of type ``functional`` are calls: each
line of the input is one argument in JSON, the output is the value in JSON, ``metadata`` names the
function and the starter code the class around it. Public tests become examples, private ones
ground truth, as CURE has it. A row says nothing of limits: six seconds are those of its own
harness, 1024 MiB those of AtCoder, where most of its programs come from.

A row of `test_generation` is one test of a function whose value its harness asks a model for
(`function_name`, `test`, `test_id`). As a task it is the function, with that test as ground truth:
a tester writes tests of it, and programs are judged by it. Rows of one question stay apart, as
``question_id/test_id``.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sparring import values
from sparring.schema import Task, Test
from sparring.tasks.checkers.checker import Rule
from sparring.tasks.formats.sealed import unseal
from sparring.tasks.rows.calls import call_test
from sparring.tasks.rows.fields import entry_point_fault, read_label
from sparring.tasks.rows.files import read_json
from sparring.tasks.rows.row import Row
from sparring.text import in_line

MARK = "private_test_cases"
"""A field that no other shape has."""
_OF_TESTS = ("question_content", "function_name", "test", "test_id")
"""Fields that only `test_generation` has together."""
_OF_EXECUTION = ("code", "input", "output", "function_name", "contest_id")
"""Fields that only `execution` has together."""
_STARTER = "\n\nWrite it by completing this code:\n```python\n{starter}\n```"


def is_livecodebench(data: Mapping[str, Any]) -> bool:
    """Whether a row is of one of its sets, by its fields."""
    return MARK in data or is_test_generation(data) or _is_execution(data)


def _is_execution(data: Mapping[str, Any]) -> bool:
    return all(name in data for name in _OF_EXECUTION) and "question_content" not in data


def is_test_generation(data: Mapping[str, Any]) -> bool:
    """Whether a row is one of `test_generation`."""
    return all(name in data for name in _OF_TESTS)


def read_livecodebench(
    data: Mapping[str, Any],
    source: str,
    max_tests: int | None,
    time_limit: float = 6.0,
    memory_limit: int = 1024,
) -> tuple[Task | None, list[tuple[str, str]]]:
    """The task of a row, or None and its faults as (field, what is wrong)."""
    row = Row(data)
    if _is_execution(data):
        return None, [("code", "is of LiveCodeBench's execution set: it asks what a program "
                       "returns, not for a program or a test")]  # fmt: skip
    statement = row.text("question_content") or ""
    starter = row.text("starter_code") or ""
    task_id, difficulty = read_label(row, "question_id"), row.text("difficulty")
    if not statement.strip() or not task_id:
        there = in_line(", ".join(map(str, data)), 200)
        row.fault("question_content, question_id", f"are missing or blank; there are {there}")
    kinds: set[str] = set()
    examples: tuple[Test, ...] = ()
    if one := is_test_generation(data):
        function, where, held = _named(row, "function_name"), "function_name", "test"
        task_id = f"{task_id}/{row.number('test_id', 0, -1, 1e9):g}"
        tests = _cases(row, held, kinds)[:max_tests]
    else:
        function, where, held = _function(row), "metadata", MARK
        tests = _cases(row, held, kinds)[:max_tests]
        examples = _cases(row, "public_test_cases", kinds)
    entry = None
    if kinds == {"functional"}:
        entry = _entry_point(function, starter)
        if entry is None:
            field = "" if one else " (func_name)"
            row.fault(where, f"names no function{field}, which functional tests call")
    elif kinds - {"stdin"}:
        row.fault(held, f"has tests of the types {', '.join(sorted(kinds))} in one task")
    if not tests and not row.faults:
        row.fault(held, "has no test")
    if row.faults or task_id is None:
        return None, row.faults
    if entry and starter.strip():
        statement += _STARTER.format(starter=starter.strip())
    return (
        Task(
            id=task_id,
            statement=statement,
            tests=tests,
            examples=examples,
            time_limit=time_limit,
            memory_limit=memory_limit,
            checker=Rule.LIVECODEBENCH_VALUE if entry else Rule.LIVECODEBENCH,
            difficulty=difficulty or None,
            source=source,
            entry_point=entry,
            preamble="livecodebench",
        ),
        [],
    )


def contest_date(data: Mapping[str, Any]) -> date | None:
    """The day of a row's contest: as text, or as `datasets` reads it. None if there is none."""
    value = data.get("contest_date")
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).date()
        except ValueError:
            return None
    return None


def _function(row: Row) -> str | None:
    text = row.text("metadata")
    if not text:
        return None
    try:
        found = read_json(text)
    except ValueError as error:
        row.fault("metadata", str(error))
        return None
    name = found.get("func_name") if isinstance(found, dict) else None
    return name if isinstance(name, str) and not entry_point_fault(name) else None


def _named(row: Row, field: str) -> str | None:
    """The function that a field names."""
    name = (row.text(field) or "").strip()
    return name if name and not entry_point_fault(name) else None


def _entry_point(function: str | None, starter: str) -> str | None:
    """The function, behind the class that the starter code puts it into."""
    if function is None or "." in function:
        return function
    try:
        tree = ast.parse(starter.rstrip() + "\n        pass\n")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # The starter is a class head and a method head, or nothing that can be read.
        return f"Solution.{function}" if "class Solution" in starter else function
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(
            isinstance(part, ast.FunctionDef) and part.name == function for part in node.body
        ):
            return f"{node.name}.{function}"
    return function


def _cases(row: Row, name: str, kinds: set[str]) -> tuple[Test, ...]:
    text = row.text(name)
    if not text:
        if text is None and not any(n == name for n, _ in row.faults):
            row.fault(name, "is missing")
        return ()
    try:
        cases = read_json(unseal(text))
    except ValueError as error:
        row.fault(name, str(error))
        return ()
    if not isinstance(cases, list):
        row.fault(name, "must hold a list of tests")
        return ()
    found = []
    for i, case in enumerate(cases):
        try:
            found.append(_case(case, kinds))
        except ValueError as error:
            row.fault(name, in_line(f"test {i}: {error}", 160))
            return ()
    return tuple(found)


def _case(case: object, kinds: set[str]) -> Test:
    if not isinstance(case, dict):
        raise ValueError("is no object")
    given, wanted, kind = case.get("input"), case.get("output"), case.get("testtype")
    if not (isinstance(given, str) and isinstance(wanted, str)):
        raise ValueError("input and output must be texts")
    for text in (given, wanted):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("holds half a surrogate pair, which is no text") from None
    if kind not in ("stdin", "functional"):
        raise ValueError(f"testtype is {str(kind)[:40]!r}, neither stdin nor functional")
    kinds.add(kind)
    if kind == "stdin":
        return Test(given, wanted)
    # JSON texts hold no bare line break, so lines are arguments.
    arguments = [read_json(line) for line in given.split("\n") if line.strip()]
    try:
        return call_test(arguments, {}, read_json(wanted))
    except values.NotPlain as error:
        raise ValueError(str(error)) from None
