"""Equality of two values, compared as data that carries no code."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from itertools import chain
from typing import Any

from sparring.values.held import ITERATOR, Held, kind_of
from sparring.values.naming import ValueNames, held_of
from sparring.values.numbers import equal_numbers, is_number
from sparring.values.plain import NotPlain, Opaque
from sparring.values.work import WorkBudget

_SEQUENCES = (list, tuple, deque)
_SIMPLE = frozenset({int, str, bool, type(None), bytes})


def same(
    actual: object,
    expected: object,
    *,
    absolute: float = 0.0,
    relative: float = 0.0,
    typed: bool = False,
    work: WorkBudget | None = None,
) -> bool:
    """Return True if two values are equal as ``==`` compares honest values: 1, 1.0 and True are; a
    list and a tuple are not, nor are two OrderedDicts in another order. Each value may come from
    `read` or from `decode`.

    ``absolute`` and ``relative`` (to the expected value) allow this distance where either number is
    a float, but not between members of sets or keys. ``typed``: types must be equal throughout,
    also of members and keys, so that 1 is not 1.0; the type of a zero that a Counter does not hold
    is `int`. Iterators equal nothing, as in Python.

    Raises `NotPlain` if the comparison takes more than is left of ``work``, or members are nested
    too deeply to be named.
    """
    compared = _Comparison(absolute, relative, typed, WorkBudget() if work is None else work)
    try:
        return compared.near(actual, expected)
    except RecursionError as error:
        raise NotPlain("nested too deeply") from error


def same_in_any_order(actual: Any, expected: Any, work: WorkBudget) -> bool:
    """Return True if two sequences hold equal values, each equally often. Raises `NotPlain` as
    `same` does."""
    names = ValueNames(work)
    try:
        return Counter(map(names.of, actual)) == Counter(map(names.of, expected))
    except RecursionError as error:
        raise NotPlain("nested too deeply") from error


class _Comparison:
    """One comparison, with the names that it has given so far."""

    def __init__(self, absolute: float, relative: float, typed: bool, work: WorkBudget) -> None:
        self._absolute = absolute
        self._relative = relative
        self._typed = typed
        self._work = work
        self._names = ValueNames(work)

    def near(self, actual: Any, expected: Any) -> bool:
        unchecked = [(actual, expected)]
        while unchecked:
            a, b = unchecked.pop()
            if type(a) is type(b) and type(a) in _SEQUENCES and len(a) == len(b):
                pairs: Iterable[tuple[Any, Any]] | None = zip(a, b, strict=True)
            else:
                pairs = self._parts(a, b)
            if pairs is None:
                return False
            for pair in pairs:
                a, b = pair
                if type(a) is type(b) and type(a) in _SIMPLE:
                    if a != b:
                        return False
                else:
                    unchecked.append(pair)
        return True

    def _parts(self, a: Any, b: Any) -> Iterable[tuple[Any, Any]] | None:
        """Return the pairs of parts that must be equal for the two to be equal; None if the two
        cannot be equal."""
        kind = type(a)
        if self._typed and kind_of(a) is not kind_of(b):
            return None
        if isinstance(a, (int, float)) and isinstance(b, (int, float)):
            near = a == b or (
                (isinstance(a, float) or isinstance(b, float))
                and _close(a, b, self._absolute, self._relative)
            )
            return () if near else None
        for (
            sequence
        ) in _SEQUENCES:  # two different kinds, or a subclass (in values not from `read`)
            if isinstance(a, sequence):
                alike = isinstance(b, sequence) and len(a) == len(b)
                return zip(a, b, strict=True) if alike else None
        held, other = held_of(a), held_of(b)
        if held is not None and other is not None:
            return self._held_parts(held, other)
        if held is not None or other is not None or kind is Opaque:
            return None
        if kind is not type(b) and is_number(a) and is_number(b):
            return () if equal_numbers(a, b, self._work) else None
        return () if a == b else None

    def _held_parts(self, a: Held, b: Held) -> Iterable[tuple[Any, Any]] | None:
        mine, its = a.values, b.values
        if ITERATOR in (a.kind, b.kind) or (mine is None) != (its is None):
            return None
        if not a.parts and not b.parts:
            return ()
        ours, theirs = self._names.keys(a), self._names.keys(b)
        if ours == theirs and len(set(ours)) == len(ours):  # the usual case: one order
            values = zip(mine or (), its or (), strict=True)
            return chain(zip(a.parts, b.parts, strict=True), values) if self._typed else values
        places_a, places_b = _places(ours), _places(theirs)
        if places_a.keys() != places_b.keys() and not _both_are(a, b, Counter):
            return None
        if _both_are(a, b, OrderedDict) and list(places_a) != list(places_b):
            return None
        pairs = []
        if self._typed:  # of equal members, Python keeps the first
            first, other = _places(ours[::-1]), _places(theirs[::-1])
            pairs = [(a.parts[~first[k]], b.parts[~other[k]]) for k in first.keys() & other.keys()]
        if mine is not None and its is not None:  # a key that a Counter lacks counts 0
            pairs += [
                (
                    mine[places_a[k]] if k in places_a else 0,
                    its[places_b[k]] if k in places_b else 0,
                )
                for k in places_a | places_b
            ]
        return pairs


def _places(keys: list[str]) -> dict[str, int]:
    """Return the last place of each key, with the keys in the order of their first places."""
    return dict(zip(keys, range(len(keys)), strict=True))


def _both_are(a: Held, b: Held, kind: type) -> bool:
    return issubclass(a.kind, kind) and issubclass(b.kind, kind)


def _close(a: float, b: float, absolute: float, relative: float) -> bool:
    try:
        distance, size = abs(float(a) - float(b)), abs(float(b))
    except OverflowError:
        return False
    return math.isfinite(distance) and distance <= max(absolute, relative * size)
