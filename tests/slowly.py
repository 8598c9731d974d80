"""Equality of values the slow way, pair by pair without a hash, and a count of what calls take."""

from __future__ import annotations

import collections
import sys
from collections.abc import Callable
from typing import Any

from sparring.values import Opaque

_ITERATOR = type(iter([]))


def equal(a: Any, b: Any, typed: bool = False) -> bool:
    """Whether two decoded values are equal, as ``==`` has it, or their types throughout too."""
    if typed and type(a) is not type(b):
        return False
    if any(isinstance(v, (Opaque, _ITERATOR)) for v in (a, b)):
        return False
    for kind in (list, tuple, collections.deque):
        if isinstance(a, kind) or isinstance(b, kind):
            return (
                isinstance(a, kind)
                and isinstance(b, kind)
                and len(a) == len(b)
                and all(equal(x, y, typed) for x, y in zip(a, b, strict=True))
            )
    if isinstance(a, (set, frozenset)) and isinstance(b, (set, frozenset)):
        return len(a) == len(b) and all(any(equal(x, y, typed) for y in b) for x in a)
    if isinstance(a, dict) and isinstance(b, dict):
        return _equal_mappings(a, b, typed)
    return bool(a == b)


def _equal_mappings(a: dict[Any, Any], b: dict[Any, Any], typed: bool) -> bool:
    if isinstance(a, collections.Counter) and isinstance(b, collections.Counter):
        return _counts_found(a, b, typed) and _counts_found(b, a, typed)
    if isinstance(a, collections.OrderedDict) and isinstance(b, collections.OrderedDict):
        return equal(list(a.items()), list(b.items()), typed)
    return len(a) == len(b) and all(
        any(equal(k, other, typed) and equal(v, its, typed) for other, its in b.items())
        for k, v in a.items()
    )


def _counts_found(a: collections.Counter[Any], b: collections.Counter[Any], typed: bool) -> bool:
    for key, count in a.items():
        [(other, its)] = [(k, n) for k, n in b.items() if equal(key, k)] or [(None, 0)]
        if not equal(count, its, typed) or (other is not None and not equal(key, other, typed)):
            return False
    return True


def calls(function: Callable[[], object]) -> int:
    """How many calls, of Python's and of C's functions, it takes: the same on every machine."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count
