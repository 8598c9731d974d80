"""AST sites: the places of a Python program where another expression or statement may stand.

A site is a node with its parent. The walk gives the same sites for every parse of a source, so
that the index of a site names a change, which is made on a fresh tree (`mutants`). This module
does not know the changes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AstSite:
    """A node, and its position under its parent."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    """Index of the node if the parent's field is a list; otherwise None."""

    def put(self, other: ast.AST) -> None:
        """Replace the node by ``other``, at the same line."""
        ast.copy_location(other, self.node)
        if self.index is None:
            setattr(self.parent, self.field, other)
        else:
            getattr(self.parent, self.field)[self.index] = other


def ast_sites(tree: ast.Module) -> Iterator[AstSite]:
    """Yield every place, in a fixed order.

    Places that cannot change a result are left out: annotations, docstrings, imports and the guard
    of ``__main__``.
    """
    waiting: list[ast.AST] = [tree]
    for parent in waiting:
        for field, value in ast.iter_fields(parent):
            for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, ast.AST) and not _idle(parent, field, index, node):
                    waiting.append(node)
                    yield AstSite(node, parent, field, index)


def is_main_guard(node: ast.AST) -> bool:
    """Return True if a node is the condition ``__name__ == "__main__"``."""
    return (
        isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Name)
        and node.left.id == "__name__"
    )


def _idle(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> bool:
    if field in ("annotation", "returns", "format_spec", "type_params", "decorator_list", "ctx"):
        return True
    if isinstance(node, (ast.Import, ast.ImportFrom)) or is_main_guard(node):
        return True
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and index == 0
    )
