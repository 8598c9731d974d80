"""Find code beside assertions that may change the assertions' meaning.

- An assertion is read as if it stood alone, with the constants that its names stand for.
- This reading equals an execution only if no other code replaces the function, an attribute of a
  module or a part of a list.
- This module finds such code by its syntax; nothing is executed.
"""

from __future__ import annotations

import ast
import builtins
import collections
import functools
import itertools
import math
import operator
import string
from collections.abc import Iterator, Set

from sparring.tasks.suites.bindings import is_stdlib
from sparring.tasks.suites.constants import TYPES, dotted
from sparring.tasks.suites.statements import statements

_FUNCTIONS = """
abs all any bin bool bytes chr complex dict divmod enumerate filter float format frozenset hash hex
id int isinstance issubclass len list map max min oct ord pow print range repr reversed round set
sorted str sum tuple type zip
"""
_BUILTINS = frozenset(_FUNCTIONS.split()) | {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
_OF_TESTS = """
sys.exit sys.path.append sys.path.insert doctest.testmod super().setUp approx pytest.approx
isclose
pytest.raises pytest.main pytest.fixture pytest.skip pytest.fail unittest.main unittest.skip
unittest.TestCase TestCase
"""
_DOTTED = frozenset(_OF_TESTS.split())
_ENDING = "exit quit sys.exit os._exit pytest.skip pytest.fail pytest.exit self.skipTest self.fail"
_ENDINGS = frozenset(_ENDING.split())
_MEANT = {
    **dict.fromkeys(TYPES, "builtins"),
    "abs": "builtins.abs",
    "math": "math",
    "pytest": "pytest",
    "approx": "pytest.approx",
    "isclose": "math.isclose",
}
"""Names by which constants and tolerances are read, and the origin of each name's meaning."""
_STARRED = {m.__name__: m for m in (math, itertools, collections, functools, operator, string)}
"""Modules from which a test may import ``*``."""
_MODULES = ("math.", "cmath.", "itertools.", "collections.", "copy.", "pytest.mark.")
_EFFECTS = (
    ast.NamedExpr,
    ast.AugAssign,
    ast.Delete,
    ast.Global,
    ast.Nonlocal,
    ast.Await,
    ast.Yield,
    ast.YieldFrom,
)


def disturbing(tree: ast.AST, functions: Set[str]) -> ast.AST | None:
    """Return the first node of a source that may change the meaning of an assertion, or None.

    ``functions`` are the names of the function under test.
    """
    nodes = list(ast.walk(tree))
    own = {
        n.name
        for n in nodes
        if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))
    }
    own |= {name.partition(".")[0].partition("(")[0] for name in functions}
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    calls = own | (_BUILTINS - bound)
    for node in nodes:
        if isinstance(node, _EFFECTS):
            return node
        match node:
            case ast.Subscript(ctx=ast.Store() | ast.Del()):
                return node
            case ast.Attribute(value=owner, ctx=ast.Store() | ast.Del()):
                # `bindings` follows the attributes that a test case sets on itself.
                if dotted(owner) not in ("self", "cls"):
                    return node
            case ast.Call(func=function) if not _is_harmless_call(function, calls | functions, own):
                return node
    return None


def _is_harmless_call(function: ast.expr, calls: Set[str], own: Set[str]) -> bool:
    """Return True if a call of this function is known to change nothing."""
    name = dotted(function)
    if name in calls or name in _DOTTED or name.startswith(_MODULES):
        return True
    if isinstance(function, ast.Name):
        return function.id.startswith("assert")
    if not isinstance(function, ast.Attribute):
        return False
    if isinstance(function.value, (ast.Constant, ast.JoinedStr)):
        return True  # a method of a literal text
    owner = dotted(function.value)
    new_object = owner.endswith("()") and owner[:-2] in own
    return new_object or function.attr.startswith("assert") or owner in ("self", "cls")


def ends_here(node: ast.stmt) -> bool:
    """Return True if a statement may end the test early: it returns, exits, skips or raises.

    A ``raise`` under a condition does not count, because it works as an assertion.
    """
    if isinstance(node, ast.Raise):
        return True
    for part in statements([node], functions=False):
        match part:
            case ast.Return():
                return True
            case ast.Expr(value=ast.Call(func=function)) if dotted(function) in _ENDINGS:
                return True
    return False


def replaced(tree: ast.AST) -> str:
    """Return the first name of `_MEANT` that a source redefines and uses; otherwise "".

    A source that only redefines such a name is harmless: for example, a suite may call a list
    ``list``.
    """
    nodes = list(ast.walk(tree))
    used = {dotted(n.func) for n in nodes if isinstance(n, ast.Call)}
    used |= {dotted(n.value) for n in nodes if isinstance(n, ast.Attribute)}
    named = (pair for node in nodes for pair in _bound_names(node))
    return next((n for n, whence in named if n in used and _MEANT.get(n, whence) != whence), "")


def _bound_names(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the names that a node binds, with the origin of an imported name, else ``"?"``."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name, "?"
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name, "?"
        case ast.Import(names=aliases):
            yield from ((a.asname or a.name.partition(".")[0], a.name) for a in aliases)
        case ast.ImportFrom(module=module, names=aliases):
            yield from ((a.asname or a.name, f"{module}.{a.name}") for a in aliases)


def redefines(tree: ast.AST, name: str) -> bool:
    """Return True if a source gives a name another meaning than the function under test."""
    return name in set(_bound(tree))


def _bound(tree: ast.AST) -> Iterator[str]:
    methods = {id(f) for c in ast.walk(tree) if isinstance(c, ast.ClassDef) for f in c.body}
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if id(node) not in methods:
                    yield name
            case ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name
            case ast.ImportFrom(module=module, names=aliases):
                for alias in aliases:
                    if alias.name == "*" and module in _STARRED:
                        yield from vars(_STARRED[module])
                    bound = alias.asname or alias.name
                    if is_stdlib(module or "") or bound != alias.name:
                        yield bound
            case ast.Import(names=aliases):
                yield from (
                    alias.asname or alias.name.partition(".")[0]
                    for alias in aliases
                    if alias.asname or is_stdlib(alias.name)
                )
