"""Turn a suite of assertions on one function into tests: calls if possible, else one script.

- A suite of nothing but assertions that `asserts` can read (alone, or in functions ``test…`` and
  ``check``) becomes call tests. The assertion states the rule that compares each call.
- Any other suite (with loops, helpers, a round trip, a computed tolerance) becomes one script.
  Nothing is left out or approximated.
- A suite that cannot run, or in which no assertion is reached, is refused (``runnable``).
- A script runs apart from the program. So the lines of the program's head that the script uses
  are put before it (``needed_lines``).
- A script that uses a module of the standard library without an import gets the import. Published
  rewritings of MBPP have lost ``test_imports``, and without the import no program would pass.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from sparring.schema import Test, TestKind
from sparring.tasks.suites.asserts import parse_asserts
from sparring.tasks.suites.called import CallTest
from sparring.tasks.suites.needed_lines import needed_lines
from sparring.tasks.suites.reached import reached
from sparring.tasks.suites.runnable import suite_fault
from sparring.tasks.suites.statements import is_future
from sparring.testnames import CHECK, is_programs, tested_names


class Noting(Protocol):
    """A row being read, which collects its faults."""

    def fault(self, name: str, text: str) -> None:
        """Note a fault of a field."""


def read_suite(
    row: Noting, name: str, parts: Sequence[str], entry_point: str, program: ast.Module | None
) -> tuple[Test, ...]:
    """Return the tests of a suite: calls if possible, else scripts; none, with a fault noted.

    ``program`` is the reference solution, or its head, if it is Python.
    """
    source = "\n".join(_distinct(part for part in parts if part.strip())) + "\n"
    tree = parsed(source)
    if tree is None:
        row.fault(name, "is not Python")
        return ()
    if fault := suite_fault(tree, entry_point, program):
        row.fault(name, fault)
        return ()
    calls = _calls(tree, entry_point)
    if calls:
        return tuple(Test(c.input, c.output, TestKind.CALL, c.checker) for c in calls)
    scripts = _separate_scripts(parts, entry_point) or [source]
    return tuple(
        Test(_script(script, entry_point, program), "", TestKind.SCRIPT) for script in scripts
    )


def _script(source: str, entry_point: str, program: ast.Module | None) -> str:
    """Return a suite with the lines that it needs from the program's head before it, ``__future__``
    first."""
    tree = ast.parse(source)
    future = [node for node in tree.body if is_future(node)]
    lines = source.split("\n")
    for node in future:
        # Blank lines stay in place of the import, so that line numbers do not change.
        for at in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[at] = ""
    lines_before = [*map(ast.unparse, future), *needed_lines(tree, entry_point, program)]
    return "".join(f"{line}\n" for line in lines_before) + ("\n".join(lines) if future else source)


def _separate_scripts(parts: Sequence[str], entry_point: str) -> list[str]:
    """Return a script for each asserting part if two parts define the same name; otherwise none.

    In one module, the later definition would replace the earlier definition. Each script begins
    with the parts that assert nothing.
    """
    trees = [(part, parsed(part)) for part in _distinct(p for p in parts if p.strip())]
    seen: set[str] = set()
    clash = False
    for _, tree in trees:
        if tree is None:
            return []
        names = {name for node in tree.body for name in _bound_names(node)}
        clash |= bool(names & seen)
        seen |= names
    if not clash:
        return []
    tested = tested_names(entry_point)
    asserting = [tree is not None and reached(tree, tested).asserts for _, tree in trees]
    common = [part for (part, _), asserts in zip(trees, asserting, strict=True) if not asserts]
    chosen = [part for (part, _), asserts in zip(trees, asserting, strict=True) if asserts]
    return ["\n".join([*common, part]) + "\n" for part in chosen] if len(chosen) > 1 else []


def _bound_names(node: ast.stmt) -> list[str]:
    """Return the names that a definition or an assignment binds."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not _loads(n)]
    return []


def _loads(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _distinct(parts: Iterable[str]) -> Iterator[str]:
    """Yield the parts; a test with an earlier test's name is renamed, so that both run."""
    seen: set[str] = set()
    for number, part in enumerate(parts):
        tree = parsed(part)
        lines = re.split("(?<=\n)", part)  # `splitlines` also splits where Python ends no line
        for node in tree.body if tree else ():
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith(
                "test"
            ):
                if node.name in seen:
                    old = f"def {node.name}"
                    new = f"{old}_{number + 1}"
                    lines[node.lineno - 1] = lines[node.lineno - 1].replace(old, new, 1)
                seen.add(node.name)
        yield "".join(lines)


def _calls(tree: ast.Module, entry_point: str) -> list[CallTest] | None:
    """Return the suite as call tests; None if any part of it is not a call test."""
    asserted: list[ast.Assert] = []
    names = [entry_point, *_imported_names(tree, entry_point)]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and _is_test(node):
            arguments = node.args
            least = 1 if node.name == CHECK else 0
            if node.decorator_list or not least <= len(arguments.args) <= 1 or arguments.vararg:
                return None
            names += [each.arg for each in arguments.args]
            inside = node.body
        else:
            inside = [node]
        for statement in inside:
            if isinstance(statement, ast.Assert):
                if not (isinstance(statement.test, ast.Constant) and statement.test.value):
                    asserted.append(statement)  # a constant such as `assert True` is left out
            elif not _says_nothing(statement, top=statement is node):
                return None
    try:
        text = "\n".join(ast.unparse(ast.Assert(statement.test)) for statement in asserted)
    except (ValueError, RecursionError):
        return None
    assertions = parse_asserts(text, names)
    calls = [statement for statement in assertions if isinstance(statement, CallTest)]
    return calls if len(calls) == len(assertions) else None


def _imported_names(tree: ast.Module, entry_point: str) -> Iterator[str]:
    """Yield the names under which the suite imports the function from the program."""
    tested = tested_names(entry_point)
    for node in tree.body:
        if not (isinstance(node, ast.ImportFrom) and node.module):
            continue
        if is_programs(node.module, [a.name for a in node.names], tested, ()):
            aliases = [a.asname for a in node.names if a.name == entry_point]
            yield from (alias for alias in aliases if alias)


def _is_test(node: ast.FunctionDef) -> bool:
    return node.name == CHECK or node.name.startswith("test")


def _says_nothing(node: ast.stmt, *, top: bool) -> bool:
    """Return True if a statement beside the assertions has no effect on them."""
    if isinstance(node, (ast.Pass, ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    # Example: HumanEval's METADATA. An assertion that used the name would not be read as a call.
    return top and isinstance(node, ast.Assign) and _literal(node.value)


def _literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def parsed(source: str) -> ast.Module | None:
    """Return the syntax tree of a source; None if it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
