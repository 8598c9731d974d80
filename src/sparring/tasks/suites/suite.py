"""A suite of assertions on one function as tests: calls if all of it is, else one script.

A suite of nothing but assertions that `asserts` can read, by themselves or in functions ``test…``
and ``check``, becomes call tests, each compared by the rule that its assertion states. Any other
(loops, helpers, a round trip, a tolerance that is computed) stays whole as one script. Nothing is
left out or approximated. A suite that cannot be run, or in which no assertion is reached, is
refused (``runnable``).

A script runs apart from the program, so what it uses of the program's head is put before it
(``carried``). So is ``import math`` where it writes ``math.isclose`` and nobody imports it:
published rewritings of MBPP have lost the ``test_imports``, and no program would pass. The same
for any other module of the standard library.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from sparring.schema import Kind, Test
from sparring.tasks.suites.asserts import parse_asserts
from sparring.tasks.suites.called import CallTest
from sparring.tasks.suites.carried import carried
from sparring.tasks.suites.reached import reached
from sparring.tasks.suites.runnable import why_not
from sparring.tasks.suites.statements import is_future
from sparring.testnames import CHECK, is_programs, tested_names


class Noting(Protocol):
    """A row that is being read: what is wrong with it is noted."""

    def fault(self, name: str, text: str) -> None:
        """Note a fault of a field."""


def read_suite(
    row: Noting, name: str, parts: Sequence[str], entry_point: str, program: ast.Module | None
) -> tuple[Test, ...]:
    """The tests of a suite: calls if all of it is, else one script; none with a fault noted.
    ``program`` is the reference, or the head of one, as far as it is Python."""
    source = "\n".join(_distinct(part for part in parts if part.strip())) + "\n"
    tree = parsed(source)
    if tree is None:
        row.fault(name, "is not Python")
        return ()
    if fault := why_not(tree, entry_point, program):
        row.fault(name, fault)
        return ()
    calls = _calls(tree, entry_point)
    if calls:
        return tuple(Test(c.input, c.output, Kind.CALL, c.checker) for c in calls)
    scripts = _apart(parts, entry_point) or [source]
    return tuple(Test(_script(one, entry_point, program), "", Kind.SCRIPT) for one in scripts)


def _script(source: str, entry_point: str, program: ast.Module | None) -> str:
    """A suite after what it needs of the program's head, its ``from __future__`` first of all."""
    tree = ast.parse(source)
    future = [node for node in tree.body if is_future(node)]
    lines = source.split("\n")
    for node in future:
        # The lines stay, for their numbers.
        for at in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[at] = ""
    before = [*map(ast.unparse, future), *carried(tree, entry_point, program)]
    return "".join(f"{one}\n" for one in before) + ("\n".join(lines) if future else source)


def _apart(parts: Sequence[str], entry_point: str) -> list[str]:
    """A script for each part that asserts, after those that do not, where two of the parts define
    something under one name: in one module the later would take the place of the earlier."""
    trees = [(part, parsed(part)) for part in _distinct(p for p in parts if p.strip())]
    seen: set[str] = set()
    clash = False
    for _, tree in trees:
        if tree is None:
            return []
        names = {name for node in tree.body for name in _named(node)}
        clash |= bool(names & seen)
        seen |= names
    if not clash:
        return []
    tested = tested_names(entry_point)
    asserting = [tree is not None and reached(tree, tested).asserts for _, tree in trees]
    common = [part for (part, _), asserts in zip(trees, asserting, strict=True) if not asserts]
    chosen = [part for (part, _), asserts in zip(trees, asserting, strict=True) if asserts]
    return ["\n".join([*common, part]) + "\n" for part in chosen] if len(chosen) > 1 else []


def _named(node: ast.stmt) -> list[str]:
    """The names that a definition or an assignment gives."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not _loads(n)]
    return []


def _loads(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _distinct(parts: Iterable[str]) -> Iterator[str]:
    """The parts, with another name for a test of which an earlier part has one: both are run."""
    seen: set[str] = set()
    for number, part in enumerate(parts):
        tree = parsed(part)
        lines = re.split("(?<=\n)", part)  # `splitlines` knows ends that are none to Python
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
    """The suite as calls; None where anything in it is none."""
    asserted: list[ast.Assert] = []
    names = [entry_point, *_other_names(tree, entry_point)]
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
        for one in inside:
            if isinstance(one, ast.Assert):
                if not (isinstance(one.test, ast.Constant) and one.test.value):
                    asserted.append(one)  # `assert True` says nothing
            elif not _says_nothing(one, top=one is node):
                return None
    try:
        text = "\n".join(ast.unparse(ast.Assert(one.test)) for one in asserted)
    except (ValueError, RecursionError):
        return None
    found = parse_asserts(text, names)
    calls = [one for one in found if isinstance(one, CallTest)]
    return calls if len(calls) == len(found) else None


def _other_names(tree: ast.Module, entry_point: str) -> Iterator[str]:
    """What the function is called where the suite imports it from the program."""
    tested = tested_names(entry_point)
    for node in tree.body:
        if not (isinstance(node, ast.ImportFrom) and node.module):
            continue
        if is_programs(node.module, [a.name for a in node.names], tested, ()):
            found = [a.asname for a in node.names if a.name == entry_point]
            yield from (name for name in found if name)


def _is_test(node: ast.FunctionDef) -> bool:
    return node.name == CHECK or node.name.startswith("test")


def _says_nothing(node: ast.stmt, *, top: bool) -> bool:
    """Whether a statement beside the assertions has no part in them."""
    if isinstance(node, (ast.Pass, ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    # HumanEval's METADATA. A name that an assertion used would make it no call.
    return top and isinstance(node, ast.Assign) and _literal(node.value)


def _literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def parsed(source: str) -> ast.Module | None:
    """The syntax tree of a source; None if it is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
