"""Showing untrusted text in a terminal: nothing in it may act."""

from __future__ import annotations

import unicodedata


def visible(text: str) -> str:
    """``text`` with control, bidirectional and unpaired characters written as escapes.

    Line ends and tabs stay. The result still needs `rich.markup.escape` where
    markup is read.
    """
    return "".join(c if c in "\n\t" or _harmless(c) else _escape(c) for c in text)


def _harmless(c: str) -> bool:
    return unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _escape(c: str) -> str:
    return f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}"
