"""A suite of assertions on one function as tests: calls if all of it is, else one script.

A suite of nothing but assertions that `asserts` can read becomes call tests, each compared by the
rule that its assertion states. Any other (loops, helpers, a round trip, a tolerance that is
computed) stays whole as one script. Nothing is left out or approximated.

A script runs apart from the program, so imports of the program's that it uses are put before it.
So is ``import math`` where it writes ``math.isclose`` and nobody imports it: published rewritings
of MBPP have lost the ``test_imports``, and no program would pass. The same for any other module of
the standard library.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sparring.schema import Kind, Test
from sparring.tasks.asserts import CallTest, parse_asserts

if TYPE_CHECKING:
    from sparring.tasks.fields import Row


def read_suite(
    row: Row, name: str, parts: Sequence[str], entry_point: str, program: ast.Module | None
) -> tuple[Test, ...]:
    """The tests of a suite: calls if all of it is, else one script; none with a fault noted.
    ``program`` is the reference, or the head of one, as far as it is Python."""
    source = "\n".join(part for part in parts if part.strip()) + "\n"
    tree = parsed(source)
    if tree is None:
        row.fault(name, "is not Python")
        return ()
    if not any(isinstance(n, (ast.Assert, ast.Raise)) for n in ast.walk(tree)):
        row.fault(name, "asserts nothing: every program would pass")
        return ()
    calls = _calls(tree, entry_point)
    if calls:
        return tuple(Test(c.input, c.output, Kind.CALL, c.checker) for c in calls)
    script = "".join(f"{one}\n" for one in _lost_imports(tree, entry_point, program)) + source
    return (Test(script, "", Kind.SCRIPT),)


def _lost_imports(suite: ast.Module, entry_point: str, program: ast.Module | None) -> Iterator[str]:
    """The imports that a suite needs and has not."""
    nodes = list(ast.walk(suite))
    used = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    used -= {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    used -= {n.arg for n in nodes if isinstance(n, ast.arg)}
    used -= {a for n in nodes for a in _bound(n)} | {entry_point}
    body = program.body if program else []
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)) and used.intersection(_bound(node)):
            yield ast.unparse(node)
    used -= {name for node in body for name in _bound(node)}
    spoken_of = (n.value for n in nodes if isinstance(n, ast.Attribute))
    modules = {n.id for n in spoken_of if isinstance(n, ast.Name)} & used
    for name in sorted(modules & sys.stdlib_module_names):
        yield f"import {name}"


def _bound(node: ast.AST) -> list[str]:
    """The names that an import or a definition binds."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [a.asname or a.name.partition(".")[0] for a in node.names]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    return []


def _calls(tree: ast.Module, entry_point: str) -> list[CallTest] | None:
    """The suite as calls; None where anything in it is none."""
    asserted: list[ast.Assert] = []
    names = [entry_point]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "check":
            arguments = node.args
            if node.decorator_list or len(arguments.args) != 1 or arguments.vararg:
                return None
            names.append(arguments.args[0].arg)
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
