"""Names for values: equal values have equal names, and names are compared in their place."""

from __future__ import annotations

from collections import deque
from typing import Any

from sparring.values.held import Held
from sparring.values.numbers import equal_numbers, is_nan, is_number, short_whole
from sparring.values.work import Work


_SHORT = 1 << 1328
"""Whole numbers below this, about 10**400, are named by their digits, whatever their type."""


class Names:
    """Gives every value that it is shown a name; two values have one name if ``==`` holds.

    A name is short however large its value: that of a tuple is made of the names of its items.
    Names are strings, whose hashes no program can foresee. What equals nothing, such as NaN, has
    a new name each time. Ordered dicts are named as dicts are, whatever their order.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._names: dict[str, str] = {}
        self._numbers: dict[str, list[tuple[Any, str]]] = {}
        self._new = 0

    def of(self, value: Any) -> str:
        """The name of a value: few characters, none of them a comma or a colon."""
        if type(value) is int and -_SHORT < value < _SHORT:
            return hex(value)
        key = self._key(value)
        return self._names.setdefault(key, f"k{len(self._names)}")

    def members(self, held: Held) -> dict[str, Any]:
        """The members of a set by their keys; of equal ones the first."""
        keys = self._keys(held.parts)
        return dict(zip(reversed(keys), reversed(held.parts), strict=True))

    def pairs(self, held: Held) -> dict[str, tuple[Any, Any]]:
        """The pairs of a mapping by the keys of their keys; of equal ones the first, with the last
        value."""
        keys = self._keys([key for key, _ in held.parts])
        found = dict(zip(keys, held.parts, strict=True))
        if len(found) < len(keys):
            first = dict(zip(reversed(keys), reversed(held.parts), strict=True))
            found = {key: (first[key][0], value) for key, (_, value) in found.items()}
        return found

    def _keys(self, values: list[Any]) -> list[str]:
        kinds = set(map(type, values))
        if kinds == {str}:
            return list(map("s".__add__, values))
        if kinds == {int} and -_SHORT < min(values) and max(values) < _SHORT:
            return list(map(hex, values))
        return list(map(self._key, values))

    def _key(self, value: Any) -> str:
        """What is the same for equal values, and may be as long as they are."""
        kind = type(value)
        if kind is str:
            return "s" + value  # type: ignore[no-any-return]
        if isinstance(value, tuple):
            return "t" + ",".join(map(self.of, value))
        if value is None:
            return "None"
        if is_number(value):
            return self._of_number(value)
        if isinstance(value, (bytes, bytearray)):
            return "b" + value.hex()
        if isinstance(value, range):
            return _of_range(value)
        if isinstance(value, (list, deque)):
            return ("l" if isinstance(value, list) else "q") + ",".join(map(self.of, value))
        held = held_of(value)
        if held is not None and issubclass(held.kind, dict):
            pairs = self.pairs(held).values()
            return "d" + ",".join(sorted(f"{self.of(k)}:{self.of(v)}" for k, v in pairs))
        if held is not None and issubclass(held.kind, (set, frozenset)):
            return "f" + ",".join(sorted(map(self.of, self.members(held).values())))
        return self._fresh()

    def _fresh(self) -> str:
        self._new += 1
        return f"n{self._new}"

    def _of_number(self, value: Any) -> str:
        if is_nan(value):
            return self._fresh()
        whole = short_whole(value)
        if whole is not None and -_SHORT < whole < _SHORT:
            return hex(whole)
        alike = self._numbers.setdefault(str(hash(value)), [])
        for other, name in alike:
            if equal_numbers(value, other, self._work):
                return name
        name = self._fresh()
        alike.append((value, name))
        return name


def _of_range(value: range) -> str:
    """Ranges are equal that run through the same numbers."""
    if not value:
        return "r"
    first, last = value[0], value[-1]
    return f"r{first:x},{last:x},{value.step if first != last else 0:x}"


def held_of(value: Any) -> Held | None:
    """A set, a mapping or an iterator as `Held`; None for anything else."""
    if type(value) is Held:
        return value
    if isinstance(value, (set, frozenset)):
        return Held(type(value), list(value))
    if isinstance(value, dict):
        return Held(type(value), list(value.items()))
    return None
