"""Make test scripts that import numpy only to compare numbers run without numpy.

- EvalPlus's suites on the hub, and others that follow them, import numpy only for ``allclose`` and
  similar functions.
- In such a script a stand-in with a few functions (`rules.closeness`) replaces numpy. The script
  still makes its own comparison.
- A script that uses anything else of numpy is left as it is. Such a script needs numpy in the
  sandbox, and `imports` reports this need.
"""

from __future__ import annotations

import ast

from sparring.tasks.checkers.rules.closeness import OFFERED, stand_in
from sparring.tasks.suites.statements import is_future, is_text

_NAME = "_stand_in_for_numpy"


def without_numpy(source: str) -> str:
    """Return the script with the stand-in.

    A script that does not import numpy, or needs more of numpy, is returned unchanged.
    """
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
    """Replaces imports of numpy by assignments, and collects numpy's names in the script."""

    def __init__(self) -> None:
        self.aliases: set[str] = set()
        self.taken: list[str] = []
        self.found, self.plain = False, True

    def visit_Import(self, node: ast.Import) -> ast.stmt | list[ast.stmt]:
        kept: list[ast.stmt] = []
        for alias in node.names:
            top, _, rest = alias.name.partition(".")
            if top != "numpy":
                kept.append(ast.Import([alias]))
                continue
            self.found = True
            if rest and (alias.asname or rest != "testing"):
                self.plain = False
            self.aliases.add(alias.asname or "numpy")
            kept.append(_assign(alias.asname or "numpy", _NAME))
        return kept

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt | list[ast.stmt]:
        top, _, rest = (node.module or "").partition(".")
        if top != "numpy" or node.level:
            return node
        self.found = True
        if any(alias.name == "*" for alias in node.names):
            self.plain = False
            return node
        kept: list[ast.stmt] = []
        for alias in node.names:
            name = f"{rest}.{alias.name}" if rest else alias.name
            self.taken.append(name)
            kept.append(_assign(alias.asname or alias.name, f"{_NAME}.{name}"))
        return kept


def _assign(name: str, value: str) -> ast.stmt:
    return ast.parse(f"{name} = {value}").body[0]


def _used(tree: ast.Module, aliases: set[str]) -> set[str]:
    """Return the dotted names of numpy that are used; "" stands for the module as a value."""
    used: set[str] = set()
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):  # the outermost attribute first
        if node in inside or not isinstance(node, (ast.Attribute, ast.Name)):
            continue
        parts: list[str] = []
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            parts.insert(0, root.attr)
            root = root.value
            inside.add(root)
        if isinstance(root, ast.Name) and root.id in aliases and isinstance(root.ctx, ast.Load):
            used.add(".".join(parts))
    return used
