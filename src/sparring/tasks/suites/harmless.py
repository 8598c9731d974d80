"""Code that stands beside assertions: can it change what they say?

An assertion is read as if it stood alone, with the constants that its names stand for. That is
what running it would mean only while nothing else replaces the function, a module's attribute or
a part of a list. So whatever could is found here, by its form: nothing is executed.
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

from sparring.tasks.suites.bindings import of_library
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
"""What constants and tolerances are told by, and where its meaning is from."""
_STARRED = {m.__name__: m for m in (math, itertools, collections, functools, operator, string)}
"""Modules whose names a test may bind all at once."""
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
    """The first part of a source that may change what an assertion in it says, or None; the
    function that is tested goes by any of `functions`."""
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
                # Attributes of its own that a test case sets are followed by `bindings`.
                if dotted(owner) not in ("self", "cls"):
                    return node
            case ast.Call(func=function) if not _plain(function, calls | functions, own):
                return node
    return None


def _plain(function: ast.expr, calls: Set[str], own: Set[str]) -> bool:
    """Whether a call of this is known to change nothing."""
    name = dotted(function)
    if name in calls or name in _DOTTED or name.startswith(_MODULES):
        return True
    if isinstance(function, ast.Name):
        return function.id.startswith("assert")
    if not isinstance(function, ast.Attribute):
        return False
    if isinstance(function.value, (ast.Constant, ast.JoinedStr)):
        return True  # a method of a text that is written out
    owner = dotted(function.value)
    made = owner.endswith("()") and owner[:-2] in own
    return made or function.attr.startswith("assert") or owner in ("self", "cls")


def ends_here(node: ast.stmt) -> bool:
    """Whether what follows a statement may not be reached, and the test passes all the same: it
    returns, exits or skips; or it raises. What raises under a condition asserts something."""
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
    """The first name that constants are told by, and that a source gives another meaning and
    uses: a list may be called ``list``."""
    nodes = list(ast.walk(tree))
    used = {dotted(n.func) for n in nodes if isinstance(n, ast.Call)}
    used |= {dotted(n.value) for n in nodes if isinstance(n, ast.Attribute)}
    named = (pair for node in nodes for pair in _named(node))
    return next((n for n, whence in named if n in used and _MEANT.get(n, whence) != whence), "")


def _named(node: ast.AST) -> Iterator[tuple[str, str]]:
    """The names that a node binds, and where their meaning is from, if it is an import."""
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
    """Whether a source gives a name another meaning than the function that is tested."""
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
                    if of_library(module or "") or bound != alias.name:
                        yield bound
            case ast.Import(names=aliases):
                yield from (
                    alias.asname or alias.name.partition(".")[0]
                    for alias in aliases
                    if alias.asname or of_library(alias.name)
                )
