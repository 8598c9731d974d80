"""Compiling what stands before a program, once, on the caller's side."""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from sparring.errors import SandboxError

if TYPE_CHECKING:
    import ast

_FRONT_NAME = "before.py"
STAR = "*"
Import = tuple[str, str | None, str]
"""Module, attribute of it (None: the module itself, `STAR`: all), name that it gets here."""


@lru_cache(256)
def packed(source: str) -> bytes:
    """The source as code for a program's process; empty for an empty source.

    Raises `SandboxError` if it is no Python.
    """
    if not source.strip():
        return b""
    import ast  # not for workers, who have this module too

    try:
        tree = ast.parse(source)
        flags = _future(tree)
        imported = (ast.Import, ast.ImportFrom)
        others = (i for i, s in enumerate(tree.body) if not isinstance(s, imported))
        first = next(others, len(tree.body))
        imports, rest = (
            compile(ast.Module(part, []), _FRONT_NAME, "exec", flags, True) if part else None
            for part in (tree.body[:first], tree.body[first:])
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SandboxError(f"what stands before a program is no Python: {error}") from None
    return marshal.dumps((imports, tuple(_imports(tree.body[:first])), rest))


def _future(tree: ast.Module) -> int:
    """Take the imports ``from __future__`` out of a module; the compiler's flags that they are.

    One text may come after another, as a head after its judge's imports, and its parts are
    compiled apart: where they stand and what follows them is no longer what the compiler asks for.
    """
    import __future__

    import ast

    flags = 0
    for node in [*tree.body]:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level:
            tree.body.remove(node)
            for name in (alias.name for alias in node.names):
                if name not in __future__.all_feature_names:
                    raise SyntaxError(f"future feature {name} is not defined")
                flags |= getattr(__future__, name).compiler_flag
    return flags


def _imports(statements: Sequence[ast.stmt]) -> Iterator[Import]:
    import ast

    for statement in statements:
        if isinstance(statement, ast.ImportFrom):
            module = "." * statement.level + (statement.module or "")
            for one in statement.names:
                yield module, one.name, one.asname or one.name
        elif isinstance(statement, ast.Import):
            for one in statement.names:
                module = one.name if one.asname else one.name.partition(".")[0]
                yield module, None, one.asname or module
