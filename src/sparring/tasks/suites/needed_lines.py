"""Find the lines of a program's head that a suite needs: imports, constants and their helpers.

- A script runs apart from the program. So the lines that define names of the head, or of the
  reference solution, have to go before the suite that uses these names.
- Examples: ``from math import inf`` if the head imports everything from math; ``LIMIT = 10``;
  ``GRID = [[0] * N for _ in range(N)]`` together with ``N``, and with a function that makes it.
- A function that the suite itself calls is left out: it belongs to the program under test.
- Nothing of the program is executed. Modules of the standard library are imported to learn the
  names that they define.
"""

from __future__ import annotations

import ast
import importlib
import sys
import warnings
from collections.abc import Iterator, Sequence

from sparring.tasks.suites.statements import is_text
from sparring.testnames import CANDIDATE, tested_names

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_NOT_ASKED = frozenset(("antigravity", "this", "idlelib", "turtledemo", "__main__"))
"""Modules whose import has side effects."""
_NO_CONSTANTS = frozenset(("input", "__name__"))


def needed_lines(suite: ast.Module, entry_point: str, program: ast.Module | None) -> list[str]:
    """Return the lines that must go before a suite on this function."""
    nodes = list(ast.walk(suite))
    used = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    used -= {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    used -= {n.arg for n in nodes if isinstance(n, ast.arg)}
    used -= {a for n in nodes for a in _defined(n)}
    own = {*tested_names(entry_point), CANDIDATE}
    used -= own
    body = [_without_star(node) for node in (program.body if program else ())]
    lines = [ast.unparse(node) for node in _needed(body, used, own, _looked_into(nodes))]
    used -= {name for node in body for name in _binds(node)}
    spoken_of = (n.value for n in nodes if isinstance(n, ast.Attribute))
    modules = {n.id for n in spoken_of if isinstance(n, ast.Name)} & used
    return lines + [f"import {name}" for name in sorted(modules & sys.stdlib_module_names)]


def _looked_into(nodes: Sequence[ast.AST]) -> set[str]:
    """Return the names that a suite uses only to read their attributes."""
    values = [n.value for n in nodes if isinstance(n, ast.Attribute)]
    names = [n.id for n in values if isinstance(n, ast.Name)]
    return {name for name in names if names.count(name) == _loads(nodes, name)}


def _loads(nodes: Sequence[ast.AST], name: str) -> int:
    return sum(isinstance(n, ast.Name) and n.id == name for n in nodes)


def _needed(
    body: Sequence[ast.stmt], used: set[str], own: set[str], looked_into: set[str]
) -> Iterator[ast.stmt]:
    """Yield the statements of a program that define the used names, in the program's order."""
    functions = {n.name for n in body if isinstance(n, _Definition)}
    # A class counts as a constant if the suite reads only its attributes. Objects of another class
    # may be compared with the program's own, so that the class must stay the program's.
    plain = {n.name for n in body if isinstance(n, ast.ClassDef) and not n.bases}
    functions -= plain & looked_into
    needed_names = {name for name in used if name not in functions}
    chosen: set[int] = set()
    grown = True
    while grown:
        grown = False
        for at, node in enumerate(body):
            if at in chosen or not _binds_or_changes(node, needed_names, functions):
                continue
            needs = _reads(node)
            if needs & (own | _NO_CONSTANTS) or (_binds(node) & own and not _is_import(node)):
                continue  # belongs to the program under test
            chosen.add(at)
            needed_names |= needs
            grown = True
    for at, node in enumerate(body):
        if at in chosen:
            yield _without_program(node, needed_names, own) if _is_import(node) else node


def _binds_or_changes(node: ast.stmt, names: set[str], functions: set[str]) -> bool:
    """Return True if a statement binds one of the names, or changes the object bound to it."""
    if _binds(node) & names:
        return True
    if isinstance(node, (_Definition, ast.Import, ast.ImportFrom)) or is_text(node):
        return False
    changed = (n.value for n in ast.walk(node) if isinstance(n, (ast.Attribute, ast.Subscript)))
    return any(isinstance(n, ast.Name) and n.id in names - functions for n in changed)


def _without_program(node: ast.stmt, names: set[str], own: set[str]) -> ast.stmt:
    """Return an import without the names that stand for the program."""
    if isinstance(node, (ast.Import, ast.ImportFrom)) and set(_defined(node)) & own:
        kept = [a for a in node.names if (a.asname or a.name) in names - own]
        if isinstance(node, ast.ImportFrom):
            return ast.ImportFrom(node.module, kept, node.level)
        return ast.Import(kept)
    return node


def _without_star(node: ast.stmt) -> ast.stmt:
    """Return ``from math import *`` with the names written out; any other statement as it is."""
    if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and not node.level:
        names = _offered(node.module or "")
        if names:
            return ast.ImportFrom(node.module, [ast.alias(name) for name in names], 0)
    return node


def _offered(module: str) -> list[str]:
    """Return the names that ``*`` imports from a module of the standard library; else none."""
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names or top in _NOT_ASKED:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            library = importlib.import_module(module)
    except ImportError:  # a module that needs a display, or another operating system
        return []
    public = [n for n in vars(library) if not n.startswith("_")]
    names = getattr(library, "__all__", None) or public
    return sorted(names)


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def _reads(node: ast.stmt) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _binds(node: ast.stmt) -> set[str]:
    """Return the names that a statement binds at the top level, as far as its syntax tells."""
    names: set[str] = set()
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        names.update(_defined(part))
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names.add(part.id)
        if isinstance(part, (*_Definition.__args__, ast.Lambda, ast.comprehension)):
            continue  # the names that these bind are local to them
        waiting += ast.iter_child_nodes(part)
    return names


def _defined(node: ast.AST) -> list[str]:
    """Return the names that an import or a definition binds."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [a.asname or a.name.partition(".")[0] for a in node.names]
    return [node.name] if isinstance(node, _Definition) else []
