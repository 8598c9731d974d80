"""How APPS, TACO and CodeContests compare printed text with what is expected.

`apps` and `taco` accept the same words in other lines and orders, and numbers alike to three
digits: far more than an author would call right. They are what published results on these sets
mean by passing. Written after ``eval/testing_util.py`` of hendrycks/apps (commit 5dcfdf2),
``metrics/testing_util.py`` of FlagOpen/TACO (2ba6235) and ``execution/tester_sandboxer.cc`` of
google-deepmind/code_contests (8d1341a).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from sparring.tasks.checkers.rules.closeness import allclose

_LONGEST_NUMBER = 1000
"""Characters; a longer one is read as no number, for reading takes more than its length."""
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|infinity|nan)\Z", re.A)
_PRECISION = 1e-5
_SPACE = re.compile(r"[ \n\t\r\v]+")


def apps(actual: str, expected: str) -> bool:
    """APPS: equal but for white space around the whole or around lines; or as many lines that are
    one number each, near by numpy's default; or the same set of lines, each as a set of words, the
    words as texts or as numbers of three decimals."""
    lines = actual.splitlines()
    wanted = [line.strip() for line in expected.split("\n") if line]
    if _stripped_equal("\n".join(lines), expected):
        return True
    if _stripped_equal("\n".join(line.strip() for line in lines), expected):
        return True
    filled = [line for line in lines if line]
    if lines in ([expected], wanted) or filled == wanted or _near(filled, wanted):
        return True
    words = [line.split() for line in filled]
    return _same_sets([w for w in words if w], [line.split() for line in wanted])


def taco(actual: str, expected: str) -> bool:
    """TACO: equal but for white space around the whole. Beyond that its harness takes the printed
    text for a list of lines, which it is not: where every word is one character, or a line of the
    expected text is the characters of a printed word, the sets of these are compared as in `apps`.
    """
    if _stripped_equal(actual, expected):
        return True
    wanted = [line.strip() for line in expected.split("\n") if line]
    if _near(list(actual), wanted):
        return True
    return _same_sets([list(word) for word in actual.split()], [line.split() for line in wanted])


def codecontests(actual: str, expected: str) -> bool:
    """CodeContests: as many words, each equal but for the case of ASCII letters, or both numbers
    that differ by less than 1e-5."""
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
    """Whether both are as many numbers, near each other."""
    if len(actual) != len(expected):
        return False
    try:
        return allclose([_number(t) for t in actual], [_number(t) for t in expected])
    except ValueError:
        return False


def _same_sets(actual: list[list[str]], expected: list[list[str]]) -> bool:
    """Whether two lists of lists are the same set of sets: of texts, or of rounded numbers."""
    if _set_of_sets(actual) == _set_of_sets(expected):
        return True
    try:
        mine = [[round(_number(t), 3) for t in line] for line in actual]
        its = [[round(_number(t), 3) for t in line] for line in expected]
    except ValueError:
        return False
    if any(math.isnan(n) for lines in (mine, its) for line in lines for n in line):
        return False  # it equals nothing
    return _set_of_sets(mine) == _set_of_sets(its)


def _set_of_sets(lists: Iterable[list[Any]]) -> list[Any]:
    """A set of sets as sorted lists: no hash table for a program to fill slowly."""
    return _unique([_unique(one) for one in lists])


def _unique(items: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for item in sorted(items):
        if not found or found[-1] != item:
            found.append(item)
    return found


def _words(text: str) -> list[str]:
    lower = "".join(c.lower() if c.isascii() else c for c in text)
    return [word for word in _SPACE.split(lower) if word]


def _same_word(actual: str, expected: str) -> bool:
    if max(len(actual), len(expected)) > _LONGEST_NUMBER:
        return actual == expected
    if not (_NUMBER.match(actual) and _NUMBER.match(expected)):
        return actual == expected
    return abs(float(actual) - float(expected)) < _PRECISION
