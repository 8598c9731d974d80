"""Code that stands beside assertions: can it change what they say?

An assertion is read as if it stood alone, with the constants that its names stand for. That is
what running it would mean only while nothing else replaces the function, a module's attribute or
a part of a list. So whatever could is found here, by its form: nothing is executed.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Set

from sparring.tasks.bindings import of_library
from sparring.tasks.constants import dotted

_BUILTINS = frozenset(
    "abs all any bin bool bytes chr complex dict divmod enumerate filter float format frozenset "
    "hash hex id int isinstance issubclass len list map max min oct ord pow print range repr "
    "reversed round set sorted str sum tuple type zip".split()
) | {n for n, v in vars(builtins).items() if isinstance(v, type) and issubclass(v, BaseException)}
_DOTTED = frozenset(
    "sys.exit sys.path.append sys.path.insert doctest.testmod super().setUp approx pytest.approx "
    "pytest.raises pytest.main pytest.fixture pytest.skip pytest.fail unittest.main unittest.skip "
    "unittest.TestCase TestCase".split()
)
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
        n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))
    }
    own |= {name.partition(".")[0].partition("(")[0] for name in functions}
    bound = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    calls = own | (_BUILTINS - bound)
    for node in nodes:
        if isinstance(node, _EFFECTS):
            return node
        if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
            # What a test case keeps of its own; `bindings` follows it.
            if not (isinstance(node, ast.Attribute) and dotted(node.value) in ("self", "cls")):
                return node
        if isinstance(node, ast.Call) and not _plain(node.func, calls | functions, own):
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


def redefines(tree: ast.AST, name: str) -> bool:
    """Whether a source gives a name another meaning than the function that is tested."""
    return name in set(_bound(tree))


def _bound(tree: ast.AST) -> Iterator[str]:
    methods = {
        id(f) for c in ast.walk(tree) if isinstance(c, ast.ClassDef) for f in c.body
    }
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
                    bound = alias.asname or alias.name
                    if of_library(module or "") or bound != alias.name:
                        yield bound
            case ast.Import(names=aliases):
                yield from (
                    alias.asname or alias.name.partition(".")[0]
                    for alias in aliases
                    if alias.asname or of_library(alias.name)
                )

