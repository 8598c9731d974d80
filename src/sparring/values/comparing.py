"""Whether two values are equal, compared as data that carries no code."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, deque
from typing import Any

from sparring.values.held import ITERATOR, Held
from sparring.values.naming import Names, held_of
from sparring.values.numbers import equal_numbers, is_nan, is_number
from sparring.values.plain import Opaque
from sparring.values.work import Work

_SEQUENCES = (list, tuple, deque)
_SIMPLE = frozenset({int, str, bool, type(None), bytes})


def same(
    actual: object,
    expected: object,
    *,
    absolute: float = 0.0,
    relative: float = 0.0,
    typed: bool = False,
    work: Work | None = None,
) -> bool:
    """Whether two values are equal as ``==`` compares honest ones: 1, 1.0 and True are, a list and
    a tuple are not, nor are two ordered dicts in another order. Both may have been read or decoded.

    ``absolute`` and ``relative`` (to the expected value) allow that distance where either number
    is a float, but not between members of sets or keys. ``typed``: types must be equal throughout,
    also of members and keys, so that 1 is not 1.0; the type of a zero that a Counter does not
    hold is `int`. Iterators equal nothing, as two of them do.

    Raises `NotPlain` where the comparison takes more than there is of ``work``.
    """
    compared = _Comparison(absolute, relative, typed, Work() if work is None else work)
    return compared.near(actual, expected)


def same_in_any_order(actual: Any, expected: Any, work: Work) -> bool:
    """Whether two sequences hold equal values, each equally often; likewise raises `NotPlain`."""
    names = Names(work)
    return Counter(map(names.of, actual)) == Counter(map(names.of, expected))


class _Comparison:
    """One comparison, with what it has named so far."""

    def __init__(self, absolute: float, relative: float, typed: bool, work: Work) -> None:
        self._absolute = absolute
        self._relative = relative
        self._typed = typed
        self._work = work
        self._names = Names(work)

    def near(self, a: Any, b: Any) -> bool:
        kind = type(a)
        if kind is type(b):
            if kind in _SIMPLE:
                return bool(a == b)
        elif self._typed and _kind(a) is not _kind(b):
            return False
        if isinstance(a, (int, float)) and isinstance(b, (int, float)):
            return a == b or (
                (isinstance(a, float) or isinstance(b, float))
                and _close(a, b, self._absolute, self._relative)
            )
        for sequence in _SEQUENCES:
            if isinstance(a, sequence):
                return isinstance(b, sequence) and self._all_near(a, b)
        held, other = held_of(a), held_of(b)
        if held is not None or other is not None:
            return held is not None and other is not None and self._held_near(held, other)
        if is_number(a) and is_number(b):
            return not (is_nan(a) or is_nan(b)) and (
                a == b if kind is type(b) else equal_numbers(a, b, self._work)
            )
        return type(a) is not Opaque and bool(a == b)

    def _all_near(self, a: Any, b: Any) -> bool:
        if len(a) != len(b):
            return False
        for x, y in zip(a, b, strict=True):  # no generator: values are nested deeply
            if not self.near(x, y):
                return False
        return True

    def _held_near(self, a: Held, b: Held) -> bool:
        if a.kind is ITERATOR or b.kind is ITERATOR:
            return False
        if issubclass(a.kind, dict) != issubclass(b.kind, dict):
            return False
        if self._typed and a.kind is not b.kind:
            return False
        if issubclass(a.kind, dict):
            return self._mappings_near(a, b)
        left, right = self._names.members(a), self._names.members(b)
        return left.keys() == right.keys() and (
            not self._typed or self._all_near(list(left.values()), [right[name] for name in left])
        )

    def _mappings_near(self, a: Held, b: Held) -> bool:
        left, right = self._names.pairs(a), self._names.pairs(b)
        if issubclass(a.kind, Counter) and issubclass(b.kind, Counter):
            # To a Counter what it does not hold is counted 0 times.
            left, right = (
                one | {name: (key, 0) for name, (key, _) in other.items() if name not in one}
                for one, other in ((left, right), (right, left))
            )
        elif issubclass(a.kind, OrderedDict) and issubclass(b.kind, OrderedDict):
            if list(left) != list(right):
                return False
        if left.keys() != right.keys():
            return False
        for name, (key, value) in left.items():
            other, its = right[name]
            if not self.near(value, its) or (self._typed and not self.near(key, other)):
                return False
        return True


def _kind(value: Any) -> type:
    return value.kind if type(value) is Held else type(value)


def _close(a: float, b: float, absolute: float, relative: float) -> bool:
    try:
        distance, size = abs(float(a) - float(b)), abs(float(b))
    except OverflowError:
        return False
    return math.isfinite(distance) and distance <= max(absolute, relative * size)
