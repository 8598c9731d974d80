"""Rows of LiveCodeBench: `code_generation`, its `_lite` packing, and `test_generation`.

- Tests of type ``stdin`` are inputs and outputs of programs.
- Tests of type ``functional`` are calls. Each line of the input is one argument in JSON, the
  output is the value in JSON. ``metadata`` names the function, the starter code its class.
- Public tests become examples, private tests ground truth, as in CURE.
- Rows state no limits. A task gets six seconds, as in the data set's own harness, and 1024 MiB,
  as on AtCoder, the source of most programs.
- A row of `test_generation` (`function_name`, `test`, `test_id`) is one test; its harness asks a
  model for the value. The task here asks for the function, with this test as ground truth: a
  tester writes tests for the function, and this test decides about programs.
- Rows of one question are separate tasks, named ``question_id/test_id``.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sparring import values
from sparring.schema import Task, Test
from sparring.tasks.checkers.checker import CheckerRule
from sparring.tasks.formats.livecodebench_tests import unseal
from sparring.tasks.rows.calls import call_test
from sparring.tasks.rows.fields import entry_point_fault, read_label
from sparring.tasks.rows.files import read_json
from sparring.tasks.rows.row import TaskRow
from sparring.text import in_line

MARK = "private_test_cases"
"""Field that no other shape has."""
_OF_TESTS = ("question_content", "function_name", "test", "test_id")
"""Fields that together mark a row of `test_generation`."""
_OF_EXECUTION = ("code", "input", "output", "function_name", "contest_id")
"""Fields that together mark a row of `execution`, which is refused."""
_STARTER = "\n\nWrite it by completing this code:\n```python\n{starter}\n```"


def is_livecodebench(data: Mapping[str, Any]) -> bool:
    """Return True if a row is of one of LiveCodeBench's sets, by its fields."""
    return MARK in data or is_test_generation(data) or _is_execution(data)


def _is_execution(data: Mapping[str, Any]) -> bool:
    return all(name in data for name in _OF_EXECUTION) and "question_content" not in data


def is_test_generation(data: Mapping[str, Any]) -> bool:
    """Return True if a row is of `test_generation`, by its fields."""
    return all(name in data for name in _OF_TESTS)


def read_livecodebench(
    data: Mapping[str, Any],
    source: str,
    max_tests: int | None,
    time_limit: float = 6.0,
    memory_limit: int = 1024,
) -> tuple[Task | None, list[tuple[str, str]]]:
    """Return the task of a row, or None and the row's faults as (field, fault).

    ``time_limit`` is in seconds, ``memory_limit`` in MiB.
    """
    row = TaskRow(data)
    if _is_execution(data):
        return None, [("code", "is of LiveCodeBench's execution set, which asks for a program's "
                       "value, not for a program or a test")]  # fmt: skip
    statement = row.text("question_content") or ""
    starter = row.text("starter_code") or ""
    task_id, difficulty = read_label(row, "question_id"), row.text("difficulty")
    if not statement.strip() or not task_id:
        columns = in_line(", ".join(map(str, data)), 200)
        row.fault("question_content, question_id", f"missing or blank; the row has {columns}")
    kinds: set[str] = set()
    examples: tuple[Test, ...] = ()
    if single := is_test_generation(data):
        function, function_field, column = (
            _function_name(row, "function_name"),
            "function_name",
            "test",
        )
        task_id = f"{task_id}/{row.number('test_id', 0, -1, 1e9):g}"
        tests = _cases(row, column, kinds)[:max_tests]
    else:
        function, function_field, column = _function(row), "metadata", MARK
        tests = _cases(row, column, kinds)[:max_tests]
        examples = _cases(row, "public_test_cases", kinds)
    entry = None
    if kinds == {"functional"}:
        entry = _entry_point(function, starter)
        if entry is None:
            field = "" if single else " (func_name)"
            row.fault(function_field, f"names no function{field}, which functional tests call")
    elif kinds - {"stdin"}:
        row.fault(column, f"has tests of the types {', '.join(sorted(kinds))} in one task")
    if not tests and not row.faults:
        row.fault(column, "has no test")
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
            checker=CheckerRule.LIVECODEBENCH_VALUE if entry else CheckerRule.LIVECODEBENCH,
            difficulty=difficulty or None,
            source=source,
            entry_point=entry,
            preamble="livecodebench",
        ),
        [],
    )


def contest_date(data: Mapping[str, Any]) -> date | None:
    """Return the day of a row's contest, from a text or a date; None if the row has neither."""
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


def _function(row: TaskRow) -> str | None:
    text = row.text("metadata")
    if not text:
        return None
    try:
        metadata = read_json(text)
    except ValueError as error:
        row.fault("metadata", str(error))
        return None
    name = metadata.get("func_name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) and not entry_point_fault(name) else None


def _function_name(row: TaskRow, field: str) -> str | None:
    """Return the function that a field names; None if the field names none."""
    name = (row.text(field) or "").strip()
    return name if name and not entry_point_fault(name) else None


def _entry_point(function: str | None, starter: str) -> str | None:
    """Return the function, or ``Class.function`` if the starter code puts it into a class."""
    if function is None or "." in function:
        return function
    try:
        tree = ast.parse(starter.rstrip() + "\n        pass\n")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # The starter code is not Python, even with a body added, so that its text has to be
        # searched.
        return f"Solution.{function}" if "class Solution" in starter else function
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(
            isinstance(part, ast.FunctionDef) and part.name == function for part in node.body
        ):
            return f"{node.name}.{function}"
    return function


def _cases(row: TaskRow, name: str, kinds: set[str]) -> tuple[Test, ...]:
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
    tests = []
    for i, case in enumerate(cases):
        try:
            tests.append(_case(case, kinds))
        except ValueError as error:
            row.fault(name, in_line(f"test {i}: {error}", 160))
            return ()
    return tuple(tests)


def _case(case: object, kinds: set[str]) -> Test:
    if not isinstance(case, dict):
        raise ValueError("is not an object")
    input_, output, kind = case.get("input"), case.get("output"), case.get("testtype")
    if not (isinstance(input_, str) and isinstance(output, str)):
        raise ValueError("input and output must be texts")
    for text in (input_, output):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("holds half a surrogate pair, which is not text") from None
    if kind not in ("stdin", "functional"):
        raise ValueError(f"testtype is {str(kind)[:40]!r}, neither stdin nor functional")
    kinds.add(kind)
    if kind == "stdin":
        return Test(input_, output)
    # A JSON text holds no bare line break, so each line is one whole argument.
    arguments = [read_json(line) for line in input_.split("\n") if line.strip()]
    try:
        return call_test(arguments, {}, read_json(output))
    except values.NotPlain as error:
        raise ValueError(str(error)) from None
