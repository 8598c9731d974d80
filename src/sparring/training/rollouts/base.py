"""`Rollouts`: the interface of every source of a step's groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sparring.grading.group import GroupResult
from sparring.grading.record import ScoredGroup
from sparring.runs.timeline import Timeline


class Rollouts(Protocol):
    """Source of graded groups."""

    def results(self, step: int, timeline: Timeline) -> list[GroupResult]:
        """Return the graded groups of a step."""
        ...

    def keep(self, step: int, scored: Sequence[ScoredGroup]) -> None:
        """Write the scored groups to disk; called before the trainer learns from the groups."""
        ...

    def settle(self) -> None:
        """Wait until no sampling is in progress; called before the model is evaluated."""
        ...
