"""Result of one case of a suite."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """Result of one case of a suite."""

    suite: str
    name: str
    held: bool | None
    """True if the case's property holds; None if the case was not tried."""
    why: str = ""
    """Observation behind ``held``."""
