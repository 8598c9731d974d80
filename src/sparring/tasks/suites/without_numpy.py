"""Test scripts that import numpy to compare numbers, made to run without it.

EvalPlus's suites on the hub, and others after them, import numpy for ``allclose`` and its like
alone. Then a stand-in of a few functions (`rules.closeness`) takes numpy's place in the script, and
the comparison stays the script's own. A script that uses anything else of numpy is left as it is:
it needs numpy in the sandbox, and `imports` says so.
"""

from __future__ import annotations

import ast

from sparring.tasks.checkers.rules.closeness import OFFERED, stand_in
from sparring.tasks.suites.statements import is_future, is_text

_NAME = "_stand_in_for_numpy"


def without_numpy(source: str) -> str:
    """The script with the stand-in where that is enough; the same text where it is not, or where
    nothing imports numpy."""
    if "numpy" not in source:
        return source
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    imports = _Imports()
    imports.visit(tree)
    if not imports.found or not imports.plain or not _used(tree, imports.aliases) <= set(OFFERED):
        return source
    if not set(imports.taken) <= set(OFFERED):
        return source
    first = next((n for n in tree.body if not is_future(n) and not is_text(n)), None)
    lines = ast.unparse(tree).splitlines()
    at = 0 if first is None else sum(len(ast.unparse(n).splitlines())
                                     for n in tree.body[: tree.body.index(first)])  # fmt: skip
    head = [*stand_in().splitlines(), f"{_NAME} = {_NAME}()"]
    return "\n".join([*lines[:at], *head, *lines[at:]]) + "\n"


class _Imports(ast.NodeTransformer):
    """Puts assignments in the place of imports of numpy, and remembers its names."""

    def __init__(self) -> None:
        self.aliases: set[str] = set()
        self.taken: list[str] = []
        self.found, self.plain = False, True

    def visit_Import(self, node: ast.Import) -> ast.stmt | list[ast.stmt]:
        left: list[ast.stmt] = []
        for one in node.names:
            top, _, rest = one.name.partition(".")
            if top != "numpy":
                left.append(ast.Import([one]))
                continue
            self.found = True
            if rest and (one.asname or rest != "testing"):
                self.plain = False
            self.aliases.add(one.asname or "numpy")
            left.append(_assign(one.asname or "numpy", _NAME))
        return left

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        top, _, rest = (node.module or "").partition(".")
        if top != "numpy" or node.level:
            return node
        self.found = True
        if any(one.name == "*" for one in node.names):
            self.plain = False
            return node
        left: list[ast.stmt] = []
        for one in node.names:
            name = f"{rest}.{one.name}" if rest else one.name
            self.taken.append(name)
            left.append(_assign(one.asname or one.name, f"{_NAME}.{name}"))
        return left


def _assign(name: str, value: str) -> ast.stmt:
    return ast.parse(f"{name} = {value}").body[0]


def _used(tree: ast.Module, aliases: set[str]) -> set[str]:
    """What of numpy is used under these names, dotted; "" for the module itself, as a value."""
    found: set[str] = set()
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):  # the outermost attribute first
        if node in inside or not isinstance(node, (ast.Attribute, ast.Name)):
            continue
        parts: list[str] = []
        at: ast.expr = node
        while isinstance(at, ast.Attribute):
            parts.insert(0, at.attr)
            at = at.value
            inside.add(at)
        if isinstance(at, ast.Name) and at.id in aliases and isinstance(at.ctx, ast.Load):
            found.add(".".join(parts))
    return found
