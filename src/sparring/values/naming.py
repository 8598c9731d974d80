"""Names of values: equal values have equal names, so that names can be compared instead."""

from __future__ import annotations

from collections import deque
from typing import Any

from sparring.values.held import ITERATOR, Held
from sparring.values.numbers import equal_numbers, is_number, length_of, short_whole
from sparring.values.work import WorkBudget

_STRINGS = {str}
_WHOLE = {int}
_SHORT = 1 << 128
"""Bound below which a whole number is named by its digits, whatever its type."""


class ValueNames:
    """Giver of names: two values have one name if ``==`` holds between them.

    A name is short, however large the value: the name of a tuple is made of the names of its items.
    Names are strings, whose hashes no program can foresee. A value that equals nothing, such as
    NaN, gets a new name each time. An OrderedDict is named as a dict is, whatever its order.
    """

    def __init__(self, work: WorkBudget) -> None:
        self._work = work
        self._names: dict[str, str] = {}
        self._numbers: dict[str, list[tuple[Any, int, str]]] = {}
        self._new = 0

    def of(self, value: Any) -> str:
        """Return the name of a value: a few characters, none of them a comma or a colon."""
        kind = type(value)
        if kind is int and -_SHORT < value < _SHORT:
            return hex(value)
        key = self._key(value)
        # The key of a set is already its name, and so is that of a short whole number, such as 2.0.
        return key if key[0] in "k-0" else self._name_of(key)

    def keys(self, held: Held) -> list[str]:
        """Return the key of each member or mapping key; equal ones have equal keys."""
        kinds = set(map(type, held.parts))
        if kinds == _STRINGS:
            return list(map("s".__add__, held.parts))
        if kinds == _WHOLE and min(held.parts) > -_SHORT and max(held.parts) < _SHORT:
            return list(map(hex, held.parts))
        return list(map(self._key, held.parts))

    def _key(self, value: Any) -> str:
        """Return a text that is equal for equal values, and may be as long as they are."""
        kind = type(value)
        if kind is str:
            return "s" + value  # type: ignore[no-any-return]
        if isinstance(value, tuple):
            return "t" + ",".join(map(self.of, value))
        if value is None:
            return "None"
        held = held_of(value)
        if held is not None:
            return self._held_key(held)
        if is_number(value):
            return self._of_number(value)
        if isinstance(value, (bytes, bytearray)):
            return "b" + value.hex()
        if isinstance(value, range):
            return _of_range(value)
        if isinstance(value, (list, deque)):
            return ("l" if isinstance(value, list) else "q") + ",".join(map(self.of, value))
        return self._new_name()

    def _held_key(self, held: Held) -> str:
        if held.kind is ITERATOR:
            return self._new_name()
        if held.named_by is not self:
            names = map(self.of, held.parts)
            if held.values is None:
                key = "f" + ",".join(sorted(set(names)))
            else:
                pairs = dict(zip(names, held.values, strict=True)).items()
                key = "d" + ",".join(sorted(f"{name}:{self.of(value)}" for name, value in pairs))
            held.name, held.named_by = self._name_of(key), self
        return held.name

    def _name_of(self, key: str) -> str:
        return self._names.setdefault(key, f"k{len(self._names)}")

    def _new_name(self) -> str:
        self._new += 1
        return f"n{self._new}"

    def _of_number(self, value: Any) -> str:
        integer = short_whole(value)
        if integer is not None and -_SHORT < integer < _SHORT:
            return hex(integer)
        kind, length = type(value), length_of(value)
        # A NaN has the hash of its object, and equals nothing.
        alike = self._numbers.setdefault(str(hash(value)), [])
        for other, its_length, name in alike:
            if type(other) is kind:
                self._work.spend(2 + max(length, its_length))
                if other == value:
                    return name
            elif equal_numbers(value, other, self._work):
                return name
        name = self._new_name()
        alike.append((value, length, name))
        return name


def _of_range(value: range) -> str:
    """Return the name of a range. Ranges are equal if they run through the same numbers."""
    if not value:
        return "r"
    first, last = value[0], value[-1]
    return f"r{first:x},{last:x},{value.step if first != last else 0:x}"


def held_of(value: Any) -> Held | None:
    """Return a set, a mapping or an iterator as `Held`; None for any other value."""
    if type(value) is Held:
        return value
    if isinstance(value, dict):
        return Held(type(value), list(value), list(value.values()))
    return Held(type(value), list(value), None) if isinstance(value, (set, frozenset)) else None
