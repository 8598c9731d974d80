"""What is no plain value, and how large one may be."""

from __future__ import annotations

MAX_DEPTH = 200
MAX_NODES = 2_000_000


class NotPlain(ValueError):
    """A value or a text that this format has no form for; the message says why."""


class Opaque:
    """Stands for an object of a type that is not plain. Equal to nothing, not even itself."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self.kind}>"
