"""What is no plain value, and how large one may be."""

from __future__ import annotations

MAX_DEPTH = 200
MAX_NODES = 2_000_000


class NotPlain(ValueError):
    """A value or a text that this format has no form for; the message says why."""


class Opaque:
    """Stands for an object of a type that is not plain. Equal to nothing, not even itself.

    It is true or false as the object is. Whether it is *unequal* to something only the object
    could say, for it may be a number of a class of its own: but for `None`, asking raises.
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
