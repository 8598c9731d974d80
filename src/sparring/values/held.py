"""Sets, mappings and iterators of a text, kept as lists."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from itertools import chain
from typing import Any

from sparring.values.plain import NotPlain, Opaque

ITERATOR: type = type(iter([]))
_NEVER = (list, deque, bytearray, Opaque)
_CHANGING = (set, dict, OrderedDict, defaultdict, Counter)
_ALWAYS_HASHED = frozenset({str, int, bool, float, bytes, type(None)})


class Held:
    """Set, mapping or iterator as the list of its members or keys, and the list of its values.

    Equal members may be in a list several times. As in Python's own displays, the first of them
    counts and, in a mapping, the last value.
    """

    __slots__ = ("kind", "name", "named_by", "parts", "values")

    def __init__(self, kind: type, parts: list[Any], values: list[Any] | None) -> None:
        self.kind = kind
        self.parts = parts
        self.values = values
        self.name = ""
        self.named_by: object = None
        """Giver of ``name`` (`naming`): a name is computed once, as sets may be nested deeply."""

    def __bool__(self) -> bool:
        return self.kind is ITERATOR or bool(self.parts)


def kind_of(value: Any) -> type:
    """Return the type of a value; of a `Held`, the type that it stands for."""
    return value.kind if type(value) is Held else type(value)


def hold(kind: type, parts: list[Any], values: list[Any] | None) -> Held:
    """Return these parts as a `Held` of that kind. Raises `NotPlain` if Python could not hash a
    member or a key."""
    if kind is not ITERATOR:
        refuse_unhashable(parts)
    return Held(kind, parts, values)


def refuse_unhashable(items: list[Any]) -> None:
    """Raise `NotPlain` if one of these items, or a part of a tuple among them, could not be hashed
    by Python. A frozenset has been checked already, so that each part is looked at for one
    container only."""
    level = items
    while not _ALWAYS_HASHED.issuperset(map(type, level)):
        for item in level:
            kind = type(item)
            if kind in _NEVER or (kind is Held and item.kind in _CHANGING):
                raise NotPlain("a member of a set, or a key, that cannot be hashed")
        level = list(chain.from_iterable(item for item in level if type(item) is tuple))
