"""A line of the dry run's report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """A line's name and text. ``warning``: the run would start, and may disappoint."""

    name: str
    found: str
    warning: bool = False
