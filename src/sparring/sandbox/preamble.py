"""Compiling the preamble of programs, once, on the caller's side.

A preamble is Python source that is executed before a program, in the program's module. Examples are
a judge's imports and the helpers from a prompt's head.
"""

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
"""Module, attribute (None: the module itself, `STAR`: all of them), name that the import binds."""


@lru_cache(256)
def packed(source: str) -> bytes:
    """Return a preamble as marshalled code for a program's process; empty for an empty source.

    The value is (code of the imports at the beginning, those imports, code of the rest). Raises
    `SandboxError` if the source is not Python.
    """
    if not source.strip():
        return b""
    import ast  # here, because workers import this module and need no `ast`

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
        raise SandboxError(f"the preamble is not valid Python: {error}") from None
    return marshal.dumps((imports, tuple(_imports(tree.body[:first])), rest))


def _future(tree: ast.Module) -> int:
    """Take the imports ``from __future__`` out of a module; return them as compiler flags.

    The compiler wants these imports first. A preamble may join two texts (a judge's imports, a
    head), and its parts are compiled apart, so the imports may stand anywhere.
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
            for alias in statement.names:
                yield module, alias.name, alias.asname or alias.name
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                module = alias.name if alias.asname else alias.name.partition(".")[0]
                yield module, None, alias.asname or module
