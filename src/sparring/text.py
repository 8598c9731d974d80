"""Untrusted text for people: whoever wrote it (program, model, data set), nothing in it acts.

Widths of a terminal are `runs.text`'s.
"""

from __future__ import annotations

import unicodedata

_ACTS_IN_MARKDOWN = "\\`*_{}[]<>#|!~&"


def visible(text: str) -> str:
    """``text`` with control, bidirectional and unpaired characters written as escapes.

    Line ends and tabs stay. The result still needs `rich.markup.escape` where
    markup is read.
    """
    return "".join(c if c in "\n\t" or _harmless(c) else _escape(c) for c in text)


def in_line(text: str, most: int = 400) -> str:
    """``text`` as one printable line of a message; line ends are escapes too."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: 4 * most])
    return shown if len(shown) <= most else f"{shown[:most]}…"


def in_markdown(text: str) -> str:
    """``text`` on one line of Markdown, where nothing of it is markup."""
    line = " ".join(visible(text).split())
    return "".join(f"\\{c}" if c in _ACTS_IN_MARKDOWN else c for c in line)


def _harmless(c: str) -> bool:
    return unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _escape(c: str) -> str:
    return f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}"
