"""How many responses held nothing that could be read, and why, per role.

Every refusal has its name (`ParseFailure`); names without a case are not
listed. A response that ran into its token limit may still be read, and is
counted by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sparring.metrics.intervals import Linear, ratio
from sparring.schema import ParseFailure, Role


@dataclass(frozen=True, slots=True)
class Reading:
    """Of one task and role: how many responses there were, how many could not be read for each
    reason, and how many ended at the token limit."""

    responses: int
    failures: Mapping[ParseFailure, int] = field(default_factory=dict)
    at_limit: int = 0


def counts(tasks: Sequence[Mapping[Role, Reading]]) -> dict[str, int]:
    """``ROLE.responses``, ``ROLE.failed``, ``ROLE.failed.REASON`` and ``ROLE.at_limit`` over all
    tasks, of the roles that were read."""
    per_task = _per_task(tasks)
    return {name: int(values.sum()) for name, values in per_task.items()}


def shares(tasks: Sequence[Mapping[Role, Reading]]) -> dict[str, Linear]:
    """The same as shares of the role's responses."""
    per_task = _per_task(tasks)
    return {
        name: ratio(values, per_task[f"{name.split('.')[0]}.responses"])
        for name, values in per_task.items()
        if not name.endswith(".responses")
    }


def _per_task(tasks: Sequence[Mapping[Role, Reading]]) -> dict[str, np.ndarray]:
    """Each count by task [tasks]; a task that was not read has 0 responses."""
    found = {}
    for role in Role:
        read = [task.get(role, Reading(0)) for task in tasks]
        if not any(r.responses for r in read):
            continue
        found[f"{role}.responses"] = np.array([r.responses for r in read], dtype=float)
        found[f"{role}.failed"] = np.array([sum(r.failures.values()) for r in read], dtype=float)
        found[f"{role}.at_limit"] = np.array([r.at_limit for r in read], dtype=float)
        for reason in ParseFailure:
            values = np.array([r.failures.get(reason, 0) for r in read], dtype=float)
            if values.any():
                found[f"{role}.failed.{reason}"] = values
    return found
