"""All cases, a file for each kind or two."""

from __future__ import annotations

from collections.abc import Iterator

from sparring.graders.case import GraderCase
from sparring.graders.cases import (
    cheats,
    comparison,
    failures,
    harm,
    idioms,
    limits,
    shapes,
    traces,
)

SUITE = "1"
"""Version of the cases. A change that can change a card makes a new one."""


def all_cases() -> Iterator[GraderCase]:
    """Yield every case. The plain interpreter of this host gives the outputs of the idioms."""
    for module in (idioms, shapes, comparison, cheats, limits, harm, traces, failures):
        yield from module.cases()
