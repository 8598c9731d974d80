"""The part of a statement that is Python and stands before the function that it asks for.

HumanEval's prompts are Python: imports, at times helpers (`poly`, `encode_cyclic`) or constants,
then the function's head. Their harness runs the prompt and then the answer, so an answer may use
what stands there without repeating it. As `Task.head` it stands before every program here too.
"""

from __future__ import annotations

import ast
import re
import warnings


def head_of(prompt: str, entry_point: str) -> str:
    """What stands in the prompt before the function, or before its class; all of the prompt where
    neither is in it. Empty where that is no Python, or nothing but text."""
    tree = _parsed(f"{prompt.rstrip()}\n    pass\n") or _parsed(prompt)
    if tree is None:
        return ""
    own = entry_point.partition(".")[0]
    before = tree.body
    for place, node in enumerate(tree.body):
        if getattr(node, "name", None) == own:
            before = tree.body[:place]
    if all(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in before):
        return ""
    lines = re.split("(?<=\n)", prompt)  # `splitlines` knows ends that are none to Python
    source = "".join(lines[: before[-1].end_lineno]).rstrip() + "\n"
    # An unfinished function of another name at its end has been given a body for the parser alone.
    return source if is_python(source) else ""


def is_python(source: str) -> bool:
    """Whether it compiles: what stands before every program has to."""
    tree = _parsed(source)
    if tree is None:
        return False
    # Taken out as before a program, where they may follow a judge's imports (`sandbox.preamble`).
    tree.body = [n for n in tree.body if getattr(n, "module", None) != "__future__"]
    try:
        compile(tree, "<head>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _parsed(source: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
