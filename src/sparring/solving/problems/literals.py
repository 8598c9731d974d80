"""Literals at the beginning of a text: ``[2, 1]`` in ``[2, 1]  # sorted``.

Literals are Python's, and JSON's ``true``, ``false`` and ``null``. Nothing is executed. A text that
goes on in a way that could change the value (``4 + x``, ``1, 2``, ``("a")``) is refused.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

from sparring.tasks.suites.constants import NotConstant, constant

JSON_NAMES = {"true": True, "false": False, "null": None}
_LONGEST = 20_000
"""Most characters of one literal."""
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_ATOM = re.compile(
    r"[-+]?(?:0[xXbBoO][\da-fA-F_]+|(?:\d[\d_]*(?:\.\d+|\.(?=[eE]))?|\.\d+)"
    r"(?:[eE][-+]?\d+)?)(?!\w|\.(?!\s|\Z)|\s*:)"
    r"|(?:True|False|None|true|false|null)\b"
    r"|(?:set|dict|list|tuple|frozenset)\(\s*\)"
    r"|[-+]?float\(\s*['\"][-+]?(?:inf|nan)['\"]\s*\)"
)
"""A full stop behind a number ends a sentence: ``f(3) is 9.``"""
_STRING = re.compile(r"[bB]?(?P<quote>'|\")(?:\\.|(?!(?P=quote))[^\\\n])*(?P=quote)")
_TAIL = re.compile(
    r"\s*(?:\Z|`|\*\*|\"\"\"|'''|#|//|\(|[.;](?=\s|\Z)|,?\s*(?:because|since|as|for|where|and)\b"
    r"|[-–—]+\s+[A-Za-z]|,\s*(?=[A-Za-z_]\w*\(|[A-Za-z]+ ))"
)
"""What may follow a literal without changing its value."""
_GROUPED = re.compile(r"\(\s*(?:'[^']*'|\"[^\"]*\"|[-+\w.]+)\s*\)\Z")
"""A single value in brackets: the value itself, or a tuple that lacks its comma."""


class NotLiteral(ValueError):
    """Raised for a text that does not begin with a literal of its own. The message is a reason."""


def leading_literal(text: str) -> tuple[Any, str]:
    """Return the value of the literal at the beginning of a text, and the text behind it.

    Raises `NotLiteral`.
    """
    text = text.strip()
    end = literal_end(text)
    if end is None:
        raise NotLiteral("no literal")
    source, rest = text[:end], text[end:]
    if not _TAIL.match(rest.split("\n", 1)[0]):
        raise NotLiteral("text behind the value that may belong to it")
    return literal(source), rest


def literal(source: str) -> Any:
    """Return the value of a text that is one literal. Raises `NotLiteral`."""
    if _GROUPED.match(source.strip()):
        raise NotLiteral("one value in brackets, which may be meant as a tuple")
    return folded(source)


def folded(source: str) -> Any:
    """Return the value of an expression of constants (`suites.constants`). Raises `NotLiteral`."""
    try:
        return constant(expression(source), JSON_NAMES)
    except NotConstant as error:
        raise NotLiteral(str(error)) from None


def expression(source: str) -> ast.expr:
    """Return the tree of an expression. Raises `NotLiteral` if the text is not one."""
    if len(source) > _LONGEST:
        raise NotLiteral(f"longer than {_LONGEST:,} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NotLiteral("not a Python or JSON literal") from None


def literal_end(text: str) -> int | None:
    """Return the number of characters of the literal that a text begins with; None without one."""
    if text[:1] in _CLOSING:
        return bracket_end(text, 0)
    match = _STRING.match(text) or _ATOM.match(text)
    return match.end() if match else None


def bracket_end(text: str, start: int) -> int | None:
    """Return the position behind the bracket that closes the one at ``start``; None without one.

    Brackets inside of strings do not count.
    """
    waiting: list[str] = []
    at = start
    last = min(len(text), start + _LONGEST)
    while at < last:
        character = text[at]
        if character in "'\"":
            string = _STRING.match(text, at)
            if string is None:
                return None
            at = string.end()
            continue
        if character in _CLOSING:
            waiting.append(_CLOSING[character])
        elif character in _CLOSING.values():
            if not waiting or waiting.pop() != character:
                return None
            if not waiting:
                return at + 1
        at += 1
    return None
