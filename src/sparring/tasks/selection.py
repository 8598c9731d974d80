"""Selection among collected tasks: filters, duplicates, overlap, and a reason for each removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sparring.schema import Task
from sparring.tasks.cleaning.filters import Filters, Removed, filter_tasks
from sparring.tasks.cleaning.overlap import NEAR_DUPLICATES, Overlap, drop_duplicates, drop_overlap
from sparring.tasks.cleaning.without_examples import without_examples
from sparring.tasks.collect import CollectedTasks
from sparring.tasks.stdio.convert import to_stdio


class Dedupe(StrEnum):
    """Removal of duplicate tasks: the first task of each statement stays."""

    NO = "no"
    EXACT = "exact"
    NEAR = "near"
    """Tasks with similar statements are removed too."""


@dataclass(frozen=True, slots=True)
class TaskSelection:
    """Conditions that a task must meet to be kept.

    ``against`` are tasks that no kept task may overlap with, as ``overlap`` measures. With
    ``bare``, statements lose their worked examples. With ``stdio``, tasks whose tests are calls
    become tasks for programs on standard input.
    """

    filters: Filters
    dedupe: Dedupe
    against: Sequence[Task]
    overlap: Overlap
    stdio: bool
    bare: bool = False

    def apply(
        self, tasks: Sequence[Task], rates: Mapping[str, float]
    ) -> tuple[list[Task], list[Removed]]:
        """Return the kept tasks, and the removed ones with the reason of each.

        ``rates`` are pass rates, from 0 to 1, by task id.
        """
        kept, removed = filter_tasks(tasks, self.filters, rates)
        if self.dedupe is not Dedupe.NO:
            kept, more = drop_duplicates(
                kept, NEAR_DUPLICATES if self.dedupe is Dedupe.NEAR else None
            )
            removed += more
        if self.against:
            kept, more = drop_overlap(kept, self.against, self.overlap)
            removed += more
        if self.bare:  # examples tell statements apart, so they go last
            kept, more = without_examples(kept)
            removed += more
        if self.stdio:
            kept, more = to_stdio(kept)
            removed += more
        return kept, removed


def left_out_record(
    collected: CollectedTasks, removed: Sequence[Removed], kept: int
) -> dict[str, Any]:
    """Return counts of all that was left out, and each removed task and bad row, for JSON."""
    return {
        "rows": collected.rows,
        "kept": kept,
        "outside_dates": collected.outside,
        "large_tests": collected.large,
        "tests_left_out": dict(collected.left_tests),
        "columns_left_out": dict(collected.left_out),
        "bad_rows": [{"where": f.where, "text": f.text} for f in collected.faults],
        "removed": [
            {"task_id": r.task_id, "reason": r.reason, "detail": r.detail} for r in removed
        ],
    }
