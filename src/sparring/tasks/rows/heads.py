"""Heads: the Python in a statement that stands before the requested function.

- HumanEval's prompts are Python: imports, sometimes helpers (`poly`, `encode_cyclic`) or
  constants, then the function's signature.
- HumanEval's harness runs the prompt and then the answer, so that an answer may use the prompt's
  imports and helpers without repeating them.
- Here that source is the task's head (`Task.head`), which stands before every program too.
"""

from __future__ import annotations

import ast
import re
import warnings


def head_of(prompt: str, entry_point: str) -> str:
    """Return the Python of a prompt that stands before the function, or before its class.

    A prompt with neither is returned whole. The head is empty if it is not Python, or nothing
    but text.
    """
    tree = prompt_tree(prompt)
    if tree is None:
        return ""
    own = entry_point.partition(".")[0]
    before = tree.body
    for place, node in enumerate(tree.body):
        if getattr(node, "name", None) == own:
            before = tree.body[:place]
    if all(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in before):
        return ""
    lines = re.split("(?<=\n)", prompt)  # `splitlines` also splits where Python ends no line
    source = "".join(lines[: before[-1].end_lineno]).rstrip() + "\n"
    # An unfinished function at the end, of another name, was parsed with a body that the source
    # lacks: such a head is not Python.
    return source if is_python(source) else ""


def is_python(source: str) -> bool:
    """Return True if a source compiles, as every head has to."""
    tree = parsed(source)
    if tree is None:
        return False
    # The sandbox takes `from __future__` out of a head, which may follow a judge's imports
    # (`sandbox.preamble`), so these imports may stand anywhere.
    tree.body = [n for n in tree.body if getattr(n, "module", None) != "__future__"]
    try:
        compile(tree, "<head>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def prompt_tree(prompt: str) -> ast.Module | None:
    """Return the tree of a prompt that ends in a function, with or without a body; None if it is no
    Python."""
    return parsed(f"{prompt.rstrip()}\n    pass\n") or parsed(prompt)


def parsed(source: str) -> ast.Module | None:
    """Return the tree of a source, or None if it is no Python. Prints no warning."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
