"""Comparison of printed text as in the harnesses of APPS, TACO and CodeContests.

- `apps` and `taco` accept the same words in other lines and orders, and numbers that agree to
  three decimals: far more than the writer of a task would call right. Published results on these
  data sets count passes by these rules.
- Sources: ``eval/testing_util.py`` of hendrycks/apps (commit 5dcfdf2), ``metrics/testing_util.py``
  of FlagOpen/TACO (2ba6235) and ``execution/tester_sandboxer.cc`` of
  google-deepmind/code_contests (8d1341a).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from sparring.tasks.checkers.rules.closeness import allclose

_LONGEST_NUMBER = 1000
"""Most characters of a number; reading takes more than linear time, so that a longer word is not
read as a number."""
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|infinity|nan)\Z", re.A)
_PRECISION = 1e-5
_SPACE = re.compile(r"[ \n\t\r\v]+")


def apps(actual: str, expected: str) -> bool:
    """Return True if APPS's harness accepts a printed text.

    One of these must hold:

    - The texts are equal apart from white space around the text or around lines.
    - Both have equally many lines of one number each, which are near by numpy's default.
    - Both are the same set of lines, each line a set of words; words are compared as texts, or as
      numbers rounded to three decimals.
    """
    lines = actual.splitlines()
    expected_lines = [line.strip() for line in expected.split("\n") if line]
    if _stripped_equal("\n".join(lines), expected):
        return True
    if _stripped_equal("\n".join(line.strip() for line in lines), expected):
        return True
    filled = [line for line in lines if line]
    if (
        lines in ([expected], expected_lines)
        or filled == expected_lines
        or _near(filled, expected_lines)
    ):
        return True
    words = [line.split() for line in filled]
    return _same_sets([w for w in words if w], [line.split() for line in expected_lines])


def taco(actual: str, expected: str) -> bool:
    """Return True if TACO's harness accepts a printed text.

    The texts are equal apart from white space around them. Otherwise the harness takes the printed
    text, which is one string, for a list of lines, so that it compares characters: of the whole
    text as in the second rule of `apps`, of each word as in the third.
    """
    if _stripped_equal(actual, expected):
        return True
    lines = [line.strip() for line in expected.split("\n") if line]
    if _near(list(actual), lines):
        return True
    return _same_sets([list(word) for word in actual.split()], [line.split() for line in lines])


def codecontests(actual: str, expected: str) -> bool:
    """Return True if the tester of CodeContests accepts a printed text.

    Both texts have equally many words. Each pair of words is equal apart from the case of ASCII
    letters, or both are numbers that differ by less than 1e-5.
    """
    mine, its = _words(actual), _words(expected)
    if mine == its:
        return True
    return len(mine) == len(its) and all(map(_same_word, mine, its))


def _stripped_equal(a: str, b: str) -> bool:
    return a.strip() == b.strip()


def _number(text: str) -> float:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("too long a number")
    return float(text)


def _near(actual: list[str], expected: list[str]) -> bool:
    """Return True if both are equally many numbers, near each other."""
    if len(actual) != len(expected):
        return False
    try:
        return allclose([_number(t) for t in actual], [_number(t) for t in expected])
    except ValueError:
        return False


def _same_sets(actual: list[list[str]], expected: list[list[str]]) -> bool:
    """Return True if two lists of lists are the same set of sets, as texts or rounded numbers."""
    if _set_of_sets(actual) == _set_of_sets(expected):
        return True
    try:
        mine = [[round(_number(t), 3) for t in line] for line in actual]
        its = [[round(_number(t), 3) for t in line] for line in expected]
    except ValueError:
        return False
    if any(math.isnan(n) for lines in (mine, its) for line in lines for n in line):
        return False  # a NaN equals nothing
    return _set_of_sets(mine) == _set_of_sets(its)


def _set_of_sets(lists: Iterable[list[Any]]) -> list[Any]:
    """Return a set of sets as sorted lists.

    A hash table would let a program slow the comparison down by colliding words.
    """
    return _unique([_unique(items) for items in lists])


def _unique(items: Iterable[Any]) -> list[Any]:
    unique: list[Any] = []
    for item in sorted(items):
        if not unique or unique[-1] != item:
            unique.append(item)
    return unique


def _words(text: str) -> list[str]:
    lower = "".join(c.lower() if c.isascii() else c for c in text)
    return [word for word in _SPACE.split(lower) if word]


def _same_word(actual: str, expected: str) -> bool:
    if max(len(actual), len(expected)) > _LONGEST_NUMBER:
        return actual == expected
    if not (_NUMBER.match(actual) and _NUMBER.match(expected)):
        return actual == expected
    return abs(float(actual) - float(expected)) < _PRECISION
