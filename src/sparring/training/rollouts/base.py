"""What every source of rollouts promises: `Rollouts`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sparring.grading.group import GroupResult
from sparring.grading.record import Scored
from sparring.runs.timeline import Timeline


class Rollouts(Protocol):
    """A source of graded groups."""

    def results(self, step: int, timeline: Timeline) -> list[GroupResult]:
        """The graded groups of a step."""
        ...

    def keep(self, step: int, scored: Sequence[Scored]) -> None:
        """Put them on disk; called before anything is learned from them."""
        ...

    def settle(self) -> None:
        """Wait until nothing is under way; called before the model is evaluated."""
        ...
