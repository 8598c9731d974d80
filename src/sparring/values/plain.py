"""Limits of plain values, and the stand-in for values that are not plain."""

from __future__ import annotations

MAX_DEPTH = 200
MAX_NODES = 2_000_000


class NotPlain(ValueError):
    """Raised for a value or a text that this format cannot hold. The message has the reason."""


class Opaque:
    """Stand-in for an object of a type that is not plain. It equals nothing, not even itself.

    It is truthy if the object is. Only the object itself could tell what it is *unequal* to, for it
    may be a number of a class of its own: ``!=`` raises, except with `None`.
    """

    def __init__(self, kind: str, *, true: bool = True) -> None:
        self.kind = kind
        self._true = true

    def __bool__(self) -> bool:
        return self._true

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        if other is None:
            return True
        raise TypeError(f"an object of the type {self.kind} cannot be compared here")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self.kind}>"
