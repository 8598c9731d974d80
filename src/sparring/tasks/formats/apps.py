"""Rows of APPS (codeparrot/apps), and of TACO (BAAI/TACO), which adds columns to APPS's shape.

- ``input_output`` is JSON text with ``inputs``, ``outputs`` and, for calls, ``fn_name``.
- Inputs and outputs of programs on standard input are texts or lists of lines.
- The input of a call is a list of arguments. Its output is the value, mostly wrapped (``[[4]]``
  for 4), so that calls are compared by the rule `unwrapped`.
- JSON has only texts as keys. As in the data sets' harness, a dict that is the first argument or
  the value gets whole numbers as keys if all its keys are whole numbers. Such a dict is then the
  only argument.
- Both harnesses put imports before every program: the preamble ``apps``. They also import numpy,
  which the user gives to the sandbox as a package.
- Left out: sources, tags and URLs. Both harnesses take a program with the function or with
  ``class Solution``; a task here asks for the form of the starter code, or of most solutions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparring import values
from sparring.schema import Task, Test
from sparring.tasks.formats.base import (
    Format,
    RowSource,
    cases,
    entry_point,
    json_column,
    mebibytes,
    missing,
    seconds,
    stdin_tests,
    with_starter,
)
from sparring.tasks.rows.calls import call_test
from sparring.tasks.rows.fields import read_label
from sparring.tasks.rows.row import TaskRow
from sparring.text import in_line

COLUMNS = (
    "question", "input_output", "solutions", "starter_code", "difficulty", "problem_id", "id",
)  # fmt: skip
OF_TACO = {"raw_tags", "skill_types", "time_limit", "memory_limit", "Expected Time Complexity"}
SECONDS = 4.0
"""CPU seconds of an execution, if the row has no limit; both harnesses give each test this time."""
_CLASS = "class Solution"


def read_apps(row: TaskRow, source: RowSource) -> Task | None:
    """Return the task of a row of APPS, or None with faults noted in ``row``."""
    return _read_row(row, source, "apps", SECONDS, 256)


def read_taco(row: TaskRow, source: RowSource) -> Task | None:
    """Return the task of a row of TACO, with the row's own limits, or None with faults noted."""
    limit, memory = seconds(row, "time_limit", SECONDS), mebibytes(row, "memory_limit", 256)
    return _read_row(row, source, "taco", limit, memory)


APPS = Format("APPS", COLUMNS, read_apps)
TACO = Format("TACO", (*COLUMNS, "time_limit", "memory_limit"), read_taco)


def _read_row(row: TaskRow, source: RowSource, rule: str, limit: float, memory: int) -> Task | None:
    missing(row, "question", "input_output")
    statement, starter = row.text("question") or "", row.text("starter_code") or ""
    suite, programs = json_column(row, "input_output"), _solutions(row)
    difficulty, number = read_label(row, "difficulty"), read_label(row, "problem_id")
    number = number if number is not None else read_label(row, "id")
    if row.faults:
        return None
    if not isinstance(suite, dict) or not suite.get("inputs"):
        row.fault("input_output", "has no test; a task without ground-truth tests has no reward")
        return None
    pairs = cases(row, "input_output", suite["inputs"], suite.get("outputs"))
    name, entry = suite.get("fn_name"), None
    if name is None:
        tests = stdin_tests(row, "input_output", pairs)
    else:
        in_class = _CLASS in (starter if starter.strip() else _common_head(programs))
        qualified = f"Solution.{name}" if in_class else str(name)
        entry = entry_point(row, "input_output", qualified)
        tests = _calls(row, pairs)
        programs = tuple(_as_asked(p, str(name), in_class) for p in programs)
        rule = "unwrapped"
    if row.faults:
        return None
    return Task(
        id=number if number is not None else source.name,
        statement=with_starter(statement, starter),
        tests=tests,
        time_limit=limit,
        memory_limit=memory,
        checker=rule,
        solutions=programs,
        difficulty=difficulty,
        source=source.where,
        entry_point=entry,
        preamble="apps",
    )


def _solutions(row: TaskRow) -> tuple[str, ...]:
    programs = json_column(row, "solutions")
    if programs is None:
        return ()
    if not isinstance(programs, (list, tuple)) or not all(
        isinstance(program, str) for program in programs
    ):
        row.fault("solutions", "must be a list of programs, or such a list as JSON text")
        return ()
    return tuple(program for program in programs if program.strip())


def _common_head(programs: Sequence[str]) -> str:
    """Return the head of the class if most programs have the class; otherwise an empty text."""
    classes = sum(_CLASS in p for p in programs)
    return _CLASS if 2 * classes > len(programs) else ""


def _as_asked(program: str, name: str, in_class: bool) -> str:
    """Return a solution in the form that the task asks for; the harness takes both forms."""
    if in_class == (_CLASS in program):
        return program
    if in_class:
        return f"{program}\n\nclass Solution:\n    {name} = staticmethod({name})\n"
    return f"{program}\n\n{name} = Solution().{name}\n"


def _calls(row: TaskRow, pairs: Sequence[tuple[Any, Any]]) -> tuple[Test, ...]:
    tests = []
    for number, (arguments, value) in enumerate(pairs):
        if not isinstance(arguments, list):
            row.fault("input_output", f"test {number}: a call's input must be a list of arguments")
            return ()
        first = arguments[0] if arguments else None
        if (keyed := _whole_keys(first)) is not None:
            arguments = [keyed]
        first = value[0] if isinstance(value, list) and value else value
        if (keyed := _whole_keys(first)) is not None:
            value = [keyed]
        try:
            tests.append(call_test(arguments, {}, value))
        except values.NotPlain as error:
            row.fault("input_output", in_line(f"test {number}: {error}", 160))
            return ()
    return tuple(tests)


def _whole_keys(value: object) -> dict[int, Any] | None:
    """Return a dict with its keys as whole numbers; None if a key is not one, or for no dict."""
    if not isinstance(value, dict):
        return None
    try:
        return {int(key): item for key, item in value.items()}
    except ValueError:
        return None
