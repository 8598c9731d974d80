"""A row being read: access to its cells by type, and a list of all its faults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class TaskRow:
    """A row being read. ``faults`` are pairs of a field, and its fault with the remedy."""

    data: Mapping[str, Any]
    faults: list[tuple[str, str]] = field(default_factory=list)

    def fault(self, name: str, text: str) -> None:
        """Note a fault of the field ``name``."""
        self.faults.append((name, text))

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a string field; ``default`` if missing, or (with a fault noted) not a string."""
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            self.fault(name, f"must be a string, not {named_kind(value)}")
            return default
        if not is_text(value):
            self.fault(name, "holds half a surrogate pair, which is not text")
            return default
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings; empty if missing or null, or with a fault noted."""
        value = self.data.get(name)
        if value is None:
            return ()
        if not isinstance(value, (list, tuple)):
            self.fault(name, f"must be a list of strings, not {named_kind(value)}")
            return ()
        for i, item in enumerate(value):
            if not isinstance(item, str):
                self.fault(name, f"item {i} must be a string, not {named_kind(item)}")
                return ()
            if not is_text(item):
                self.fault(name, f"item {i} holds half a surrogate pair, which is not text")
                return ()
        return tuple(value)

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """Return a finite number in (least, most]; ``default`` if missing, or a fault is noted."""
        value = self.data.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fault(name, f"must be a number, not {named_kind(value)}")
            return default
        if isinstance(value, int) and abs(value) > most:
            value = math.inf  # the integer may be too large for a float
        if not math.isfinite(value) or not least < value <= most:
            self.fault(name, f"must be above {least:g} and at most {most:g}, not {value}")
            return default
        return float(value)


def is_text(value: str) -> bool:
    """Return True if a string can be written as UTF-8."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def named_kind(value: object) -> str:
    """Return the kind of a value in JSON's words, for messages."""
    names = {str: "a string", bool: "true/false", int: "a number", float: "a number"}
    names |= {list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), type(value).__name__)
