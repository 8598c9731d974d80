"""Untrusted text for people: whoever wrote it (program, model, data set), nothing in it acts.

Widths of a terminal are `runs.text`'s.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_ERROR_CHARACTERS = 300
_ACTS_IN_MARKDOWN = "\\`*_{}[]<>#|!~&"


def visible(text: str) -> str:
    """``text`` with control, bidirectional and unpaired characters written as escapes.

    Line ends and tabs stay. The result still needs `rich.markup.escape` where
    markup is read.
    """
    return "".join(c if c in "\n\t" or _harmless(c) else _escape(c) for c in text)


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def in_line(text: str, most: int = 400) -> str:
    """``text`` as one printable line of a message; line ends are escapes too."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: 4 * most])
    return shown if len(shown) <= most else f"{shown[:most]}…"


def error_line(error: BaseException) -> str:
    """What a library's error says, on a line; the error's type where it says nothing."""
    return _first_line(error) or type(error).__name__


def typed_error_line(error: BaseException) -> str:
    """The type of a library's error, and what it says, on a line."""
    return f"{type(error).__name__}: {_first_line(error) or 'no reason given'}"


def in_markdown(text: str) -> str:
    """``text`` on one line of Markdown, where nothing of it is markup."""
    line = " ".join(visible(text).split())
    return "".join(f"\\{c}" if c in _ACTS_IN_MARKDOWN else c for c in line)


def _first_line(error: BaseException) -> str:
    """The first line, with the next one where it only announces it."""
    lines = [line for line in map(str.strip, str(error).splitlines()) if line]
    told = " ".join(lines[:2] if lines and lines[0].endswith(":") else lines[:1])
    return in_line(" ".join(told.split()), _ERROR_CHARACTERS)


def _harmless(c: str) -> bool:
    return unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _escape(c: str) -> str:
    return f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}"
