"""Rows of AceCode (TIGER-Lab/AceCode-87K and AceCode-V2-122K): assertions, one test each.

- ``test_cases`` (``tests`` in the second release) is a list of assertions on one function. No
  column names the function: it is the one that most assertions call.
- Each assertion is one test, as AceCode's harness counts. An assertion that is not a plain call
  becomes a script.
- Columns left out: ``context_messages``, and ``inferences`` (programs of models with their pass
  rates, none of them known to be right). So no task has a reference solution.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter

from sparring.schema import Task, Test
from sparring.tasks.formats.base import Format, RowSource, first_text, missing, naming
from sparring.tasks.rows.fields import entry_point_fault, read_label
from sparring.tasks.rows.row import TaskRow
from sparring.tasks.suites.suite import parsed, read_suite
from sparring.text import in_line

COLUMNS = ("id", "question", "test_cases", "tests", "entry_point")
SECONDS, MEMORY_MIB = 2.0, 256


def read_acecode(row: TaskRow, source: RowSource) -> Task | None:
    """Return the task of a row, or None with faults noted in ``row``."""
    missing(row, "question")
    statement, name = first_text(row, "question"), read_label(row, "id")
    column = "test_cases" if row.data.get("test_cases") is not None else "tests"
    texts = row.texts(column)
    if not texts and not row.faults:
        row.fault(column, "has no test; a task without ground-truth tests has no reward")
    trees = [parsed(text) for text in texts]
    for number, tree in enumerate(trees):
        if tree is None:
            row.fault(column, f"item {number} is not Python: {in_line(texts[number], 60)}")
            return None
    entry = row.text("entry_point") or _called([t for t in trees if t is not None])
    if row.faults:
        return None
    if entry is None or entry_point_fault(entry):
        row.fault(column, "no assertion calls a function by its name")
        return None
    tests: list[Test] = []
    for text in texts:
        tests += read_suite(row, column, [text], entry, None)
    if row.faults:
        return None
    return Task(
        id=name if name is not None else source.name,
        statement=naming(statement, entry),
        tests=tuple(tests),
        time_limit=SECONDS,
        memory_limit=MEMORY_MIB,
        checker="value",
        source=source.where,
        entry_point=entry,
    )


FORMAT = Format("AceCode", COLUMNS, read_acecode)


def _called(trees: list[ast.Module]) -> str | None:
    """Return the function that most assertions call, or None.

    Among equals, the function that occurs first wins, outer calls before inner ones.
    """
    counts: Counter[str] = Counter()
    for tree in trees:
        bound = {a.asname or a.name.partition(".")[0] for n in ast.walk(tree)
                 if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names}  # fmt: skip
        names = [
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        candidates = [n for n in names if not hasattr(builtins, n) and n not in bound]
        counts.update(dict.fromkeys(candidates, 1))
    return counts.most_common(1)[0][0] if counts else None
