"""Untrusted text (of a program, a model, a data set) made safe to show: no character of it
controls the terminal or the page.

`runs.text` handles the width of text on a terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_ERROR_CHARACTERS = 300
_ACTS_IN_MARKDOWN = "\\`*_{}[]<>#|!~&"


def visible(text: str) -> str:
    """Return ``text`` with control, bidirectional and unpaired characters written as escapes.

    Line ends and tabs stay. Where markup is read, the returned text still needs
    `rich.markup.escape`.
    """
    return "".join(c if c in "\n\t" or _harmless(c) else _escape(c) for c in text)


def listed(words: Sequence[str]) -> str:
    """Return the words as ``a, b and c``."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def in_line(text: str, most: int = 400) -> str:
    """Return ``text`` as one printable line of a message, at most ``most`` characters. Line ends
    become escapes."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: 4 * most])
    return shown if len(shown) <= most else f"{shown[:most]}…"


def error_line(error: BaseException) -> str:
    """Return the message of a library's error in one line; the error's type if it is empty."""
    return _first_line(error) or type(error).__name__


def typed_error_line(error: BaseException) -> str:
    """Return the type and the message of a library's error in one line."""
    return f"{type(error).__name__}: {_first_line(error) or 'no reason given'}"


def in_markdown(text: str) -> str:
    """Return ``text`` as one line of Markdown, with its markup characters escaped."""
    line = " ".join(visible(text).split())
    return "".join(f"\\{c}" if c in _ACTS_IN_MARKDOWN else c for c in line)


def _first_line(error: BaseException) -> str:
    """Return the message's first line, with the second one if the first ends in a colon."""
    lines = [line for line in map(str.strip, str(error).splitlines()) if line]
    message = " ".join(lines[:2] if lines and lines[0].endswith(":") else lines[:1])
    return in_line(" ".join(message.split()), _ERROR_CHARACTERS)


def _harmless(c: str) -> bool:
    return unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _escape(c: str) -> str:
    return f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}"
