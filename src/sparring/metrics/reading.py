"""Counts of responses that could not be read, by role and reason.

Every refusal has its name (`ParseFailure`); reasons that did not occur are left out. A response
that reached its token limit may still be readable, and is counted separately.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sparring.metrics.intervals import Influence, ratio
from sparring.schema import ParseFailure, Role


@dataclass(frozen=True, slots=True)
class ReadingCounts:
    """Counts for one task and role: responses, unreadable responses by reason, and responses that
    ended at the token limit."""

    responses: int
    failures: Mapping[ParseFailure, int] = field(default_factory=dict)
    at_limit: int = 0


def counts(tasks: Sequence[Mapping[Role, ReadingCounts]]) -> dict[str, int]:
    """Return ``ROLE.responses``, ``ROLE.failed``, ``ROLE.failed.REASON`` and ``ROLE.at_limit`` over
    all tasks, for the roles that were read."""
    per_task = _per_task(tasks)
    return {name: int(values.sum()) for name, values in per_task.items()}


def shares(tasks: Sequence[Mapping[Role, ReadingCounts]]) -> dict[str, Influence]:
    """Return the same counts as shares of the role's responses."""
    per_task = _per_task(tasks)
    return {
        name: ratio(values, per_task[f"{name.split('.')[0]}.responses"])
        for name, values in per_task.items()
        if not name.endswith(".responses")
    }


def _per_task(tasks: Sequence[Mapping[Role, ReadingCounts]]) -> dict[str, np.ndarray]:
    """Return each count by task [tasks]; a task that was not read has 0 responses."""
    by_name = {}
    for role in Role:
        read = [task.get(role, ReadingCounts(0)) for task in tasks]
        if not any(r.responses for r in read):
            continue
        by_name[f"{role}.responses"] = np.array([r.responses for r in read], dtype=float)
        by_name[f"{role}.failed"] = np.array([sum(r.failures.values()) for r in read], dtype=float)
        by_name[f"{role}.at_limit"] = np.array([r.at_limit for r in read], dtype=float)
        for reason in ParseFailure:
            values = np.array([r.failures.get(reason, 0) for r in read], dtype=float)
            if values.any():
                by_name[f"{role}.failed.{reason}"] = values
    return by_name
