"""Rows of LeetCodeDataset (newfacade/LeetCodeDataset): methods of a class, tested by assertions.

- The data set's judge runs ``prompt`` (imports, ``inf``, classes of nodes), then the program, then
  ``test``, whose ``check`` asserts calls by name. So ``prompt`` becomes the task's head.
- The statement is ``problem_description`` with the starter code, or ``query``, which holds both.
- ``Solution().f`` is ``Solution.f`` here. Each call gets a new ``Solution``; the judge makes one
  for all calls.
- Refused: linked lists and trees (``list_node``, ``tree_node``). Their nodes are objects of the
  program's own classes, and only plain values go to a program and come back.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from sparring.schema import Task
from sparring.tasks.formats.base import Format, RowSource, entry_point, missing, with_starter
from sparring.tasks.rows.fields import read_id, read_label
from sparring.tasks.rows.row import TaskRow
from sparring.tasks.suites.suite import parsed, read_suite

COLUMNS = (
    "task_id", "prompt", "completion", "entry_point", "test", "problem_description",
    "starter_code", "difficulty", "query", "meta",
)  # fmt: skip
SECONDS, MEMORY_MIB = 3.0, 512
"""CPU seconds of an execution (the judge's limit for the whole ``check``) and MiB of memory,
which the judge does not limit."""
_NODES = {"list_node": "linked lists", "is_same_list": "linked lists",
          "tree_node": "trees", "is_same_tree": "trees"}  # fmt: skip
_NUMBERS = ("inf", "nan")


def read_leetcode(row: TaskRow, source: RowSource) -> Task | None:
    """Return the task of a row, or None with faults noted in ``row``."""
    missing(row, "entry_point", "test")
    head, completion = row.text("prompt") or "", row.text("completion") or ""
    statement, difficulty = _statement(row), _difficulty(row)
    task_id, suite = read_id(row, source.name), row.text("test") or ""
    if row.faults:
        return None
    entry = entry_point(row, "entry_point", row.text("entry_point") or "")
    full = f"{head.rstrip()}\n\n\n{completion}" if head.strip() else completion
    # The sandbox puts the head before a reference solution too. The solution stays without the
    # head, so that deliberate mistakes (`mistakes`) are made in the solution alone.
    solutions = (completion,) if completion.strip() else ()
    program, tree = parsed(full), parsed(suite)
    if not statement.strip():
        row.fault("problem_description", "is missing or blank, and so is query")
    if program is None:
        row.fault("completion", "is not Python after prompt")
    if tree is None:
        row.fault("test", "is not Python")
    if entry is None or row.faults or tree is None:
        return None
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    if nodes := sorted({_NODES[name] for name in names & _NODES.keys()}):
        row.fault("test", f"uses {' and '.join(nodes)}, whose nodes are not plain values")
        return None
    suite = ast.unparse(_Plain().visit(tree)) if names & set(_NUMBERS) else suite
    tests = read_suite(row, "test", [suite], entry, program)
    if not tests:
        return None
    return Task(
        id=task_id,
        statement=statement,
        tests=tests,
        time_limit=SECONDS,
        memory_limit=MEMORY_MIB,
        checker="value",
        solutions=solutions,
        difficulty=difficulty,
        source=source.where,
        entry_point=entry,
        head=head.strip(),
    )


FORMAT = Format("LeetCodeDataset", COLUMNS, read_leetcode)


class _Plain(ast.NodeTransformer):
    """Replaces ``inf`` and ``nan``, which the head defines, by calls that count as constants."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in _NUMBERS and isinstance(node.ctx, ast.Load):
            return ast.parse(f"float('{node.id}')", mode="eval").body
        return node


def _meta(row: TaskRow) -> Mapping[str, Any]:
    """Return the columns of earlier releases, which hold them in ``meta``."""
    meta = row.data.get("meta")
    return meta if isinstance(meta, Mapping) else {}


def _statement(row: TaskRow) -> str:
    description, starter = row.text("problem_description"), row.text("starter_code") or ""
    meta = _meta(row)
    if not (description and description.strip()):
        query = row.text("query") or meta.get("query")
        if isinstance(query, str) and query.strip():
            return query
        description, starter = meta.get("question_title"), str(meta.get("lang_code") or "")
    return with_starter(description.strip(), starter) if isinstance(description, str) else ""


def _difficulty(row: TaskRow) -> str | None:
    label = read_label(row, "difficulty")
    earlier = _meta(row).get("difficulty")
    return label if label is not None else earlier if isinstance(earlier, str) else None
