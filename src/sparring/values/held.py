"""Sets, mappings and iterators of a text, kept as lists."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

from sparring.values.plain import NotPlain, Opaque

ITERATOR = type(iter([]))
_NEVER = (list, deque, bytearray, Opaque)
_CHANGING = (set, dict, OrderedDict, defaultdict, Counter)
_WHY = "a member of a set, or a key, that cannot be hashed"


class Held:
    """A set, a mapping or an iterator as the list of its members, or of its (key, value) pairs.

    Members that are equal may stand in it several times: as in Python's own displays the first
    of them counts, and of a mapping its last value.
    """

    __slots__ = ("kind", "parts")

    def __init__(self, kind: type, parts: list[Any]) -> None:
        self.kind = kind
        self.parts = parts

    def __bool__(self) -> bool:
        return self.kind is ITERATOR or bool(self.parts)


def hold(kind: type, parts: list[Any]) -> Held:
    """These parts as that kind. Raises `NotPlain` if Python could not hash a member or a key."""
    if issubclass(kind, dict):
        refuse_unhashable([key for key, _ in parts])
    elif kind is not ITERATOR:
        refuse_unhashable(parts)
    return Held(kind, parts)


def refuse_unhashable(items: Any) -> None:
    """Raises `NotPlain` if there is anything among these that Python could not hash.

    A frozenset among them has been through here: each part is looked at for one container only.
    """
    kinds = set(map(type, items))
    if not kinds.isdisjoint(_NEVER):
        raise NotPlain(_WHY)
    if tuple in kinds:
        for item in items:
            if type(item) is tuple:
                refuse_unhashable(item)
    if Held in kinds and any(i.kind in _CHANGING for i in items if type(i) is Held):
        raise NotPlain(_WHY)
