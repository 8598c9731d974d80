"""Packages that test scripts import and Python has not: without them no program can pass."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterable

from sparring.schema import Kind, Task
from sparring.tasks.suites import parsed


def packages(tasks: Iterable[Task]) -> Counter[str]:
    """How many of these tasks have a test script that imports each package."""
    found: Counter[str] = Counter()
    for task in tasks:
        names: set[str] = set()
        for test in task.ground_truth:
            if test.kind is Kind.SCRIPT and "import" in test.input:
                names |= _imported(test.input)
        found.update(names)
    return found


def _imported(source: str) -> set[str]:
    """The packages outside the standard library that a source imports."""
    tree = parsed(source)
    names: set[str] = set()
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names
