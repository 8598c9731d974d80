"""Tools for syntax trees: kinds of statements, statements at any depth, names they bind."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence

from sparring.tasks.suites.constants import dotted

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
"""Statements that have names of their own."""


def is_text(node: ast.stmt) -> bool:
    """Return True if a statement is a docstring, or another constant that stands alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_future(node: ast.stmt) -> bool:
    """Return True if a statement is an import from ``__future__``, which must come first."""
    return isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level


def statements(body: Sequence[ast.stmt], *, functions: bool = True) -> Iterator[ast.stmt]:
    """Yield every statement at any depth, in order.

    Without ``functions``, statements inside functions and classes are left out.
    """
    # An explicit stack: a long chain of `elif` is as deep as it is long.
    waiting = list(reversed(body))
    while waiting:
        node = waiting.pop()
        yield node
        if not functions and isinstance(node, SCOPES):
            continue
        inside: list[ast.stmt] = []
        for part in (node, *getattr(node, "handlers", []), *getattr(node, "cases", [])):
            for name in ("body", "orelse", "finalbody"):
                inside += getattr(part, name, [])
        waiting += sorted(inside, key=lambda inner: (inner.lineno, inner.col_offset), reverse=True)


def stored_names(body: Sequence[ast.stmt]) -> Counter[str]:
    """Return how often each name is bound in a scope, without inner functions and classes."""
    count: Counter[str] = Counter()
    for node in statements(body, functions=False):
        if isinstance(node, SCOPES):
            count[node.name] += 1
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            count.update(a.asname or a.name.partition(".")[0] for a in node.names)
        else:
            for part in ast.iter_child_nodes(node):
                if not isinstance(part, ast.stmt):
                    count.update(_targets(part))
    return count


def _targets(node: ast.AST) -> Iterator[str]:
    """Yield the names that an expression, a handler or a pattern binds."""
    for part in ast.walk(node):
        if isinstance(part, (ast.Name, ast.Attribute)) and not isinstance(part.ctx, ast.Load):
            yield dotted(part)
        elif isinstance(part, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and part.name:
            yield part.name


def own_attributes(node: ast.AST) -> Iterator[str]:
    """Yield the attributes that a test case sets on itself."""
    for part in ast.walk(node):
        match part:
            case ast.Attribute(value=owner, attr=name, ctx=ast.Store()):
                if dotted(owner) in ("self", "cls"):
                    yield name
