"""Another reward or checker over the recorded outputs of a run: what would have changed?

    sparring rescore RUN --set reward.validity=1 --set checker.rule=lines [--out FILE]

Nothing is sampled or run. Each recorded bout is scored by the run's recipe
and by the changed one; compared are verdicts, rewards and, what learning
goes by, advantages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparring.config.recipe import Recipe
from sparring.grading.record import Scored
from sparring.grading.recorded import result_from
from sparring.runs.reader import RunReader, step_file
from sparring.schema import Role
from sparring.training.scoring import scorer_of

SECTIONS = ("reward", "checker")
"""What can be changed: all else decided how the rollouts were made."""
_SAME = 1e-9


@dataclass(slots=True)
class Tally:
    """What changed for one role, over all steps. ``flipped``: advantages that changed sign."""

    responses: int = 0
    rewards: int = 0
    advantages: int = 0
    flipped: int = 0
    groups: int = 0
    dropped_before: int = 0
    dropped_after: int = 0


@dataclass(slots=True)
class Rescored:
    """The result: tallies per role, changed verdicts, and one record per changed response."""

    steps: int = 0
    cells: int = 0
    verdicts: int = 0
    roles: dict[Role, Tally] = field(default_factory=lambda: {role: Tally() for role in Role})
    changes: list[dict[str, Any]] = field(default_factory=list)


def rescore(run: RunReader, recorded: Recipe, changed: Recipe) -> Rescored:
    """Score every recorded step of ``run`` again. Raises `RunError` if there is none."""
    found = Rescored()
    old, new = scorer_of(recorded), scorer_of(changed)
    for step in run.recorded_steps():
        found.steps += 1
        for index, record in enumerate(run.read_packed(step_file("rollouts", step))):
            before = old.score(result_from(record), step, index)
            after = new.score(result_from(record, changed.checker.rule), step, index)
            _verdicts(found, before, after)
            for role in Role:
                found.changes += _compare(found.roles[role], role, record, step, before, after)
    return found


def _verdicts(found: Rescored, before: Scored, after: Scored) -> None:
    for one, other in zip(before.judged.outcomes_PT, after.judged.outcomes_PT, strict=True):
        found.cells += len(one)
        found.verdicts += sum(a.verdict is not b.verdict for a, b in zip(one, other, strict=True))


def _compare(
    tally: Tally,
    role: Role,
    record: Mapping[str, Any],
    step: int,
    before: Scored,
    after: Scored,
) -> Iterator[dict[str, Any]]:
    """Count the changes of one group and yield those of advantages."""
    reward = [s.earned.rewards(role).value for s in (before, after)]
    gain = [s.earned.advantages(role) for s in (before, after)]
    tally.groups += 1
    tally.dropped_before += gain[0].dropped is not None
    tally.dropped_after += gain[1].dropped is not None
    tally.responses += len(reward[0])
    other_reward = ~np.isclose(reward[0], reward[1], rtol=0, atol=_SAME, equal_nan=True)
    other_gain = np.abs(gain[0].value - gain[1].value) > _SAME
    tally.rewards += int(other_reward.sum())
    tally.advantages += int(other_gain.sum())
    tally.flipped += int((gain[0].value * gain[1].value < 0).sum())
    for i in np.flatnonzero(other_gain):
        yield {
            "step": step,
            "task": record["task"]["id"],
            "role": role,
            "index": int(i),
            "reward": [float(reward[0][i]), float(reward[1][i])],
            "advantage": [float(gain[0].value[i]), float(gain[1].value[i])],
        }
