"""Rows of KodCode (KodCode/KodCode-V1, -Light-RL-10K): a solution and a pytest file about it.

- ``test`` imports the function ``from solution``; ``test_info`` names the function.
- In rows of the style ``online_judge``, ``test`` holds inputs and outputs.
- A test file with anything that `suites` refuses is refused, with the reason.
- Refused too: tests of a class that the program defines, because its instances are not plain
  values.
- Left out: trials of models and their pass rates, conversations, tags.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from sparring.schema import Task, Test
from sparring.tasks.formats.base import (
    Format,
    RowSource,
    cases,
    entry_point,
    first_text,
    missing,
    naming,
    stdin_tests,
)
from sparring.tasks.rows.fields import read_label
from sparring.tasks.rows.row import TaskRow
from sparring.tasks.suites.suite import parsed, read_suite

COLUMNS = ("question_id", "question", "solution", "test", "test_info", "gpt_difficulty", "style")
SECONDS, MEMORY_MIB = 5.0, 256
_MODULE = "solution"


def read_kodcode(row: TaskRow, source: RowSource) -> Task | None:
    """Return the task of a row, or None with faults noted in ``row``."""
    missing(row, "question", "solution", "test")
    statement, solution = first_text(row, "question"), row.text("solution") or ""
    name, difficulty = read_label(row, "question_id"), read_label(row, "gpt_difficulty")
    text = row.data.get("test")
    if not isinstance(text, (str, Mapping)) and not row.faults:
        row.fault("test", "must be the text of a test file, or inputs and outputs")
    if row.faults:
        return None
    declared = _declared(row)
    entry: str | None = None
    tests: tuple[Test, ...] = ()
    if (printed := _printed(text)) is not None:
        tests = stdin_tests(
            row, "test", cases(row, "test", printed["stdin"], printed.get("stdout"))
        )
    else:
        entry = _entry(row, str(text), solution, declared)
        if entry is not None:
            tests = read_suite(row, "test", [str(text)], entry, parsed(solution))
    if not tests and not row.faults:
        row.fault("test", "has no test")
    if row.faults:
        return None
    return Task(
        id=name if name is not None else source.name,
        statement=statement if entry is None else naming(statement, entry, declared.get(entry)),
        tests=tests,
        time_limit=SECONDS,
        memory_limit=MEMORY_MIB,
        checker="tokens" if entry is None else "value",
        solutions=(solution,) if solution.strip() else (),
        difficulty=difficulty,
        source=source.where,
        entry_point=entry,
    )


FORMAT = Format("KodCode", COLUMNS, read_kodcode)


def _printed(value: object) -> dict[str, Any] | None:
    """Return inputs and outputs of a program, from an object or its text; None for a test file."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value.strip())
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None
    return dict(value) if isinstance(value, Mapping) and "stdin" in value else None


def _declared(row: TaskRow) -> dict[str, str | None]:
    """Return the functions that ``test_info`` names, with their declarations."""
    info = row.data.get("test_info")
    if not isinstance(info, (list, tuple)):
        return {}
    entries = [entry for entry in info if isinstance(entry, Mapping)]
    return {
        str(entry["function_name"]): entry.get("function_declaration")
        for entry in entries
        if isinstance(entry.get("function_name"), str)
    }


def _entry(
    row: TaskRow, suite: str, solution: str, declared: Mapping[str, str | None]
) -> str | None:
    """Return the function under test; None, with a fault noted, if no function is."""
    tree, program = parsed(suite), parsed(solution)
    if tree is None:
        row.fault("test", "is not Python")
        return None
    if program is None:
        row.fault("solution", "is not Python")
        return None
    imported = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == _MODULE
        for alias in node.names
    ]
    classes = {n.name for n in program.body if isinstance(n, ast.ClassDef)}
    if used := [name for name in imported if name in classes]:
        row.fault("test", f"tests the class {used[0]}, whose instances are not plain values")
        return None
    every = not imported or "*" in imported
    names = [name for name in declared if every or name in imported]
    names += [name for name in imported if name != "*"]
    if not names:
        row.fault("test", "imports nothing from solution, and test_info names no function")
        return None
    return entry_point(row, "test", names[0])
