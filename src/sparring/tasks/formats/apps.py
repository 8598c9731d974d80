"""Rows of APPS (codeparrot/apps) and of TACO (BAAI/TACO), which has its shape and more columns.

``input_output`` is JSON text: ``inputs``, ``outputs`` and, for calls, ``fn_name``. Programs on
standard input get texts or lists of lines. Of calls an input is the list of arguments, an output
the value, mostly wrapped (``[[4]]`` for 4): the rule `unwrapped`. JSON has only texts for keys;
as in their harness a dict that is the first argument, or the value, gets whole numbers back where
all of its keys are ones, and then it is the only argument.

Both harnesses put imports before every program (the preamble ``apps``); numpy, which they import as
well, is a package to be given to the sandbox.

Not carried: that a program may define either the function or ``class Solution`` with the method
(here it is the one that the starter code has, or most solutions); sources, tags and URLs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sparring import values
from sparring.schema import Task, Test
from sparring.tasks.formats.base import (
    Format,
    Source,
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
from sparring.tasks.rows.row import Row
from sparring.text import in_line

COLUMNS = (
    "question", "input_output", "solutions", "starter_code", "difficulty", "problem_id", "id",
)  # fmt: skip
OF_TACO = {"raw_tags", "skill_types", "time_limit", "memory_limit", "Expected Time Complexity"}
SECONDS = 4.0
"""Of a run, where the row does not say: both harnesses give that to every test."""
_CLASS = "class Solution"


def read_apps(row: Row, source: Source) -> Task | None:
    """The task of a row of APPS."""
    return _read(row, source, "apps", SECONDS, 256)


def read_taco(row: Row, source: Source) -> Task | None:
    """The task of a row of TACO, under the limits that it states."""
    limit, memory = seconds(row, "time_limit", SECONDS), mebibytes(row, "memory_limit", 256)
    return _read(row, source, "taco", limit, memory)


APPS = Format("APPS", COLUMNS, read_apps)
TACO = Format("TACO", (*COLUMNS, "time_limit", "memory_limit"), read_taco)


def _read(row: Row, source: Source, rule: str, limit: float, memory: int) -> Task | None:
    missing(row, "question", "input_output")
    statement, starter = row.text("question") or "", row.text("starter_code") or ""
    held, programs = json_column(row, "input_output"), _solutions(row)
    difficulty, number = read_label(row, "difficulty"), read_label(row, "problem_id")
    number = number if number is not None else read_label(row, "id")
    if row.faults:
        return None
    if not isinstance(held, dict) or not held.get("inputs"):
        row.fault("input_output", "has no test; a task without ground-truth tests has no reward")
        return None
    pairs = cases(row, "input_output", held["inputs"], held.get("outputs"))
    name, entry = held.get("fn_name"), None
    if name is None:
        tests = stdin_tests(row, "input_output", pairs)
    else:
        in_class = _CLASS in (starter if starter.strip() else _most(programs))
        written = f"Solution.{name}" if in_class else str(name)
        entry = entry_point(row, "input_output", written)
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


def _solutions(row: Row) -> tuple[str, ...]:
    held = json_column(row, "solutions")
    if held is None:
        return ()
    if not isinstance(held, (list, tuple)) or not all(isinstance(one, str) for one in held):
        row.fault("solutions", "must be a list of programs, or one as JSON text")
        return ()
    return tuple(one for one in held if one.strip())


def _most(programs: Sequence[str]) -> str:
    """What most of them have: the class, or the function alone."""
    classes = sum(_CLASS in p for p in programs)
    return _CLASS if 2 * classes > len(programs) else ""


def _as_asked(program: str, name: str, in_class: bool) -> str:
    """A solution that can be called as the task says: the harness takes both forms."""
    if in_class == (_CLASS in program):
        return program
    if in_class:
        return f"{program}\n\nclass Solution:\n    {name} = staticmethod({name})\n"
    return f"{program}\n\n{name} = Solution().{name}\n"


def _calls(row: Row, pairs: Sequence[tuple[Any, Any]]) -> tuple[Test, ...]:
    found = []
    for number, (given, wanted) in enumerate(pairs):
        if not isinstance(given, list):
            row.fault("input_output", f"test {number}: a call's input must be a list of arguments")
            return ()
        first = given[0] if given else None
        if (keyed := _whole_keys(first)) is not None:
            given = [keyed]
        first = wanted[0] if isinstance(wanted, list) and wanted else wanted
        if (keyed := _whole_keys(first)) is not None:
            wanted = [keyed]
        try:
            found.append(call_test(given, {}, wanted))
        except values.NotPlain as error:
            row.fault("input_output", in_line(f"test {number}: {error}", 160))
            return ()
    return tuple(found)


def _whole_keys(value: object) -> dict[int, Any] | None:
    """A dict with whole numbers for keys; None for anything that is none, or has other keys."""
    if not isinstance(value, dict):
        return None
    try:
        return {int(key): held for key, held in value.items()}
    except ValueError:
        return None
