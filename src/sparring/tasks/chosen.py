"""Of the tasks that were collected those that are wanted, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sparring.schema import Task
from sparring.tasks.cleaning.filters import Filters, Removed, filter_tasks
from sparring.tasks.cleaning.overlap import TWINS, Overlap, drop_leaks, drop_twins
from sparring.tasks.collect import Collected
from sparring.tasks.stdio.convert import to_stdio


class Dedupe(StrEnum):
    """Which of several tasks with one statement are left out."""

    NO = "no"
    EXACT = "exact"
    NEAR = "near"
    """Those with similar statements as well."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a task. ``against``: tasks that none may overlap with, by ``overlap``;
    ``stdio``: call tasks become programs on standard input."""

    filters: Filters
    dedupe: Dedupe
    against: Sequence[Task]
    overlap: Overlap
    stdio: bool

    def apply(
        self, tasks: Sequence[Task], rates: Mapping[str, float]
    ) -> tuple[list[Task], list[Removed]]:
        """The tasks that are kept, and the others with the reason. ``rates``: pass rates by id."""
        kept, removed = filter_tasks(tasks, self.filters, rates)
        if self.dedupe is not Dedupe.NO:
            kept, more = drop_twins(kept, TWINS if self.dedupe is Dedupe.NEAR else None)
            removed += more
        if self.against:
            kept, more = drop_leaks(kept, self.against, self.overlap)
            removed += more
        if self.stdio:
            kept, more = to_stdio(kept)
            removed += more
        return kept, removed


def left_out_record(found: Collected, removed: Sequence[Removed], kept: int) -> dict[str, Any]:
    """Everything that was left out, as JSON-able data."""
    return {
        "rows": found.rows,
        "kept": kept,
        "outside_dates": found.outside,
        "large_tests": found.large,
        "tests_left_out": dict(found.left_tests),
        "columns_left_out": dict(found.left_out),
        "bad_rows": [{"where": f.where, "text": f.text} for f in found.faults],
        "removed": [
            {"task_id": r.task_id, "reason": r.reason, "detail": r.detail} for r in removed
        ],
    }
