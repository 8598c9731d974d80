"""How EvalPlus, APPS and TACO compare the value of a call with the expected one.

Values come as `sparring.values.read` gives them: sets and mappings as `Held`, never an object of
the program's own. Written after ``evalplus/eval/__init__.py`` of evalplus 0.3.1 and, for
`unwrapped`, ``eval/testing_util.py`` of hendrycks/apps (5dcfdf2).
"""

from __future__ import annotations

from collections import deque
from typing import Any

from sparring import values
from sparring.tasks.checkers.rules.closeness import allclose
from sparring.values import Held, NotPlain, Work
from sparring.values.held import ITERATOR, kind_of, refuse_unhashable
from sparring.values.naming import Names

RELATIVE = 1e-7
"""EvalPlus's relative tolerance beside every absolute one."""
_LONGEST_RANGE = 1_000_000
"""A program may return a range of any length in a few characters."""


def evalplus(found: Any, wanted: Any, absolute: float, work: Work) -> bool:
    """EvalPlus where a tolerance is allowed: equal; or of one type, for lists and tuples of one
    length, and near by numpy's `allclose` with this absolute and a relative tolerance of 1e-7."""
    return values.same(found, wanted, work=work) or _near_alike(found, wanted, absolute)


def near(found: Any, wanted: Any, absolute: float, relative: float, work: Work) -> bool:
    """Equal, or near by numpy's `allclose`, whatever the types: lists and tuples are arrays."""
    return values.same(found, wanted, work=work) or _near(found, wanted, absolute, relative)


def members(found: Any, wanted: Any, absolute: float, work: Work) -> bool:
    """EvalPlus's sets: the same members, in any order and number; or, with a tolerance, near as
    `evalplus` has it."""
    try:
        mine, its = _members(found, work), _members(wanted, work)
    except NotPlain:
        return False  # where its own harness raises
    return mine == its or (absolute > 0 and _near_alike(found, wanted, absolute))


def not_none(found: Any, wanted: Any) -> bool:
    """EvalPlus's matches: ``wanted`` says whether a value other than None is expected; a truth
    value must be that one."""
    return wanted is (found if isinstance(found, bool) else found is not None)


def any_of(found: Any, wanted: Any, work: Work) -> bool:
    """Equal to one of the expected list's values."""
    return any(values.same(found, one, work=work) for one in wanted)


def unwrapped(found: Any, wanted: Any, work: Work) -> bool:
    """APPS and TACO: equal, a tuple being a list; or equal to the first item of an expected list,
    which is how one of ``[[4]]`` is meant; or, if its first item is a tuple, to that as lists."""
    value = list(found) if isinstance(found, tuple) else found
    if values.same(value, wanted, work=work):
        return True
    if not isinstance(wanted, list) or not wanted:
        return False
    if values.same(value, wanted[0], work=work):
        return True
    if not isinstance(value, (list, deque)) or not value or not isinstance(value[0], tuple):
        return False
    if not all(isinstance(item, (list, tuple, deque, str)) for item in value):
        return False
    return values.same([list(item) for item in value], wanted[0], work=work)


def _near_alike(found: Any, wanted: Any, absolute: float) -> bool:
    if kind_of(found) is not kind_of(wanted):
        return False
    if isinstance(wanted, (list, tuple)) and len(found) != len(wanted):
        return False
    return _near(found, wanted, absolute, RELATIVE)


def _near(found: Any, wanted: Any, absolute: float, relative: float) -> bool:
    try:
        return allclose(found, wanted, relative, absolute)
    except (TypeError, ValueError, OverflowError):
        return False  # what numpy makes no array of raises there


def _members(value: Any, work: Work) -> set[str]:
    """Names of what ``set(value)`` holds. Raises `NotPlain` where Python would raise."""
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
    names = Names(work)
    return {names.of(part) for part in parts}
