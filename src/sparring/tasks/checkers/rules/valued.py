"""Comparison of a call's value with the expected one, as in EvalPlus, APPS and TACO.

- Values are those of `sparring.values.read`: sets and mappings are `Held`, and no value is an
  object of the program's own class.
- Sources: ``evalplus/eval/__init__.py`` of evalplus 0.3.1 and, for `unwrapped`,
  ``eval/testing_util.py`` of hendrycks/apps (5dcfdf2).
"""

from __future__ import annotations

from collections import deque
from typing import Any

from sparring import values
from sparring.tasks.checkers.rules.closeness import allclose
from sparring.values import Held, NotPlain, WorkBudget
from sparring.values.held import ITERATOR, kind_of, refuse_unhashable
from sparring.values.naming import ValueNames

RELATIVE = 1e-7
"""EvalPlus's relative tolerance beside every absolute one."""
_LONGEST_RANGE = 1_000_000
"""Most items of a range; a program can return a range of any length in a few characters."""


def evalplus(actual: Any, expected: Any, absolute: float, work: WorkBudget) -> bool:
    """Return True if EvalPlus accepts a value of a task with a tolerance.

    The values are equal; or they have one type (lists and tuples also one length), and are near by
    numpy's `allclose` with the absolute tolerance ``absolute`` and the relative tolerance 1e-7.
    """
    return values.same(actual, expected, work=work) or _near_alike(actual, expected, absolute)


def near(actual: Any, expected: Any, absolute: float, relative: float, work: WorkBudget) -> bool:
    """Return True if two values are equal, or near by numpy's `allclose`.

    Types do not count: lists and tuples are arrays.
    """
    return values.same(actual, expected, work=work) or _near(actual, expected, absolute, relative)


def members(actual: Any, expected: Any, absolute: float, work: WorkBudget) -> bool:
    """Return True if EvalPlus accepts a value of a task whose answer is a set.

    Both have the same members, in any order and number; or, with a tolerance, the values are near
    as in `evalplus`.
    """
    try:
        mine, its = _members(actual, work), _members(expected, work)
    except NotPlain:
        return False  # EvalPlus's harness raises here
    return mine == its or (absolute > 0 and _near_alike(actual, expected, absolute))


def not_none(actual: Any, expected: Any) -> bool:
    """Return True if EvalPlus accepts a value of a task that asks for a match.

    ``expected`` is True if a match is expected. A truth value must equal ``expected``; of any other
    value, None means no match.
    """
    return expected is (actual if isinstance(actual, bool) else actual is not None)


def any_of(actual: Any, expected: Any, work: WorkBudget) -> bool:
    """Return True if a value equals one of the values in the expected list."""
    return any(values.same(actual, value, work=work) for value in expected)


def unwrapped(actual: Any, expected: Any, work: WorkBudget) -> bool:
    """Return True if the harness of APPS and TACO accepts a value.

    A returned tuple counts as a list. One of these must hold:

    - The value equals the expected one.
    - The value equals the first item of the expected list: the data sets write ``[[4]]`` for
      ``[4]``.
    - The value's first item is a tuple, and the value with all items as lists equals that first
      item.
    """
    value = list(actual) if isinstance(actual, tuple) else actual
    if values.same(value, expected, work=work):
        return True
    if not isinstance(expected, list) or not expected:
        return False
    if values.same(value, expected[0], work=work):
        return True
    if not isinstance(value, (list, deque)) or not value or not isinstance(value[0], tuple):
        return False
    if not all(isinstance(item, (list, tuple, deque, str)) for item in value):
        return False
    return values.same([list(item) for item in value], expected[0], work=work)


def _near_alike(actual: Any, expected: Any, absolute: float) -> bool:
    if kind_of(actual) is not kind_of(expected):
        return False
    if isinstance(expected, (list, tuple)) and len(actual) != len(expected):
        return False
    return _near(actual, expected, absolute, RELATIVE)


def _near(actual: Any, expected: Any, absolute: float, relative: float) -> bool:
    try:
        return allclose(actual, expected, relative, absolute)
    except (TypeError, ValueError, OverflowError):
        return False  # values of which numpy makes no array raise in the harness


def _members(value: Any, work: WorkBudget) -> set[str]:
    """Return the names of the members of ``set(value)``. Raises `NotPlain` where Python raises."""
    if type(value) is Held:
        parts = list(value.parts)
    elif isinstance(value, range) and value != value[:_LONGEST_RANGE]:
        raise NotPlain("a range that is too long")
    elif isinstance(value, (list, tuple, deque, str, bytes, bytearray, range)):
        parts = list(value)
    else:
        raise NotPlain("not a collection")
    if type(value) is not Held or value.kind is ITERATOR:
        refuse_unhashable(parts)
    names = ValueNames(work)
    return {names.of(part) for part in parts}
