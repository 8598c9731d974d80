"""Comparing a program's output with the expected one. Named, and versioned as a whole.

A checker decides every reward, so its name and `VERSION` are part of every
score. Outputs may be large and need not be valid text: all rules are linear
and work on lone surrogates too.
"""

from __future__ import annotations

from enum import StrEnum

VERSION = "1"


class Checker(StrEnum):
    """The rules there are."""

    TOKENS = "tokens"
    """Equal after splitting at white space: CURE's rule."""
    LINES = "lines"
    """Equal line by line, but for white space at line ends and blank lines at the end."""
    EXACT = "exact"
    """Equal to the letter."""


def accepts(checker: str, actual: str, expected: str) -> bool:
    """Whether ``actual`` is an accepted output. Raises ValueError on an unknown checker."""
    match Checker(checker):
        case Checker.TOKENS:
            return actual.split() == expected.split()
        case Checker.LINES:
            return _lines(actual) == _lines(expected)
        case Checker.EXACT:
            return actual == expected


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines
