"""The places of a Python program where another expression or statement may stand.

Shared by what changes programs (`mutants`): a place is a node with its parent, found by the same
walk in every fresh reading of the same source, so that a change can be named by its number, made
on a tree of its own, and forgotten with it. Knows nothing of what is changed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A node, and where it hangs."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    """Where the parent's field is a list."""

    def put(self, other: ast.AST) -> None:
        """Hang `other` there instead, at the same line."""
        ast.copy_location(other, self.node)
        if self.index is None:
            setattr(self.parent, self.field, other)
        else:
            getattr(self.parent, self.field)[self.index] = other


def places(tree: ast.Module) -> Iterator[Place]:
    """Every place in a fixed order, but for those that decide nothing about a result:
    annotations, docstrings, imports and the guard of ``__main__``."""
    waiting: list[ast.AST] = [tree]
    for parent in waiting:
        for field, value in ast.iter_fields(parent):
            for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, ast.AST) and not _idle(parent, field, index, node):
                    waiting.append(node)
                    yield Place(node, parent, field, index)


def is_main_guard(node: ast.AST) -> bool:
    """Whether it is the ``__name__ == "__main__"`` of an `if`."""
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
