"""Find the packages beside the standard library that tasks' own code imports.

- The code is a task's suites, solutions, head, checker and validator.
- Only import statements are read. So a data set whose suites import numpy is reported when it is
  loaded, and not by a failure of every program.
- The sandbox gives a suite the program, under any module name that the suite imports, and parts
  of pytest: neither counts as a need.
- The packages that models' answers need are found when the answers are run
  (`grading.missing_packages`).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence

from sparring.schema import Task, TestKind
from sparring.testnames import is_programs, tested_names

Needs = Mapping[str, Mapping[str, list[str]]]
"""Ids of the tasks by package, and by the part of the task that imports the package."""

_SUITE = "the suite"


def needs_of(tasks: Sequence[Task], packages: Collection[str] = ()) -> Needs:
    """Return the packages that these tasks need, except those in ``packages``."""
    needs: dict[str, dict[str, list[str]]] = {}
    for task in tasks:
        for part, sources in _parts(task).items():
            suite_of = task.entry_point if part == _SUITE else None
            for package in sorted({p for s in sources for p in _imported(s, suite_of)}):
                if package not in packages:
                    needs.setdefault(package, {}).setdefault(part, []).append(task.id)
    return dict(sorted(needs.items()))


def needs_lines(needs: Needs) -> list[str]:
    """Return one line for people for each package."""
    lines = []
    for package, parts in needs.items():
        places = ", ".join(
            f"{part} of {len(ids):,} task{'s' if len(ids) > 1 else ''} (such as {ids[0]})"
            for part, ids in parts.items()
        )
        lines.append(f"needs {package}: {places}; --packages {package} gives it to the sandbox")
    return lines


def _parts(task: Task) -> dict[str, list[str]]:
    """Return the task's own programs, by the part of the task."""
    suites = [t.input for t in (*task.ground_truth, *task.examples) if t.kind is TestKind.SCRIPT]
    others = [p for p in (task.checker_program, task.validator) if p]
    every = {_SUITE: suites, "solutions": list(task.solutions)}
    every |= {"the statement's head": [task.head], "checker or validator": others}
    return {part: sources for part, sources in every.items() if any(sources)}


def _imported(source: str, suite_of: str | None) -> Iterator[str]:
    """Yield the modules outside the standard library that a program imports anywhere.

    Imports inside a ``try`` with a handler do not count, because the program may do without them.
    For a suite on the function ``suite_of``, neither pytest nor the program under test counts.
    """
    if "import" not in source:
        return
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    provided = _provided_modules(tree, suite_of) if suite_of else set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        elif not (isinstance(node, ast.Try) and node.handlers):
            waiting.extend(ast.iter_child_nodes(node))
        for name in names:
            top = name.partition(".")[0]
            if top and top not in sys.stdlib_module_names and name not in provided:
                yield top


def _provided_modules(suite: ast.Module, entry_point: str) -> set[str]:
    """Return the modules that the sandbox gives to a suite on this function."""
    nodes = list(ast.walk(suite))
    attributes = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    used: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            used.setdefault(node.module, set()).update(a.name for a in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                used.setdefault(alias.name, set())
    tested = tested_names(entry_point)
    return {"pytest"} | {m for m, n in used.items() if is_programs(m, n, tested, attributes)}
