"""Rescoring: the effect of another reward or checker on the recorded outputs of a run.

    sparring rescore RUN --set reward.validity_bonus=1 --set checker.rule=lines [--out FILE]

Rescoring samples nothing and runs no program. Each recorded group is scored twice,
by the run's recipe and by the changed recipe. Verdicts, rewards and advantages are
compared; learning uses the advantages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparring.config.recipe import Recipe
from sparring.grading.record import ScoredGroup
from sparring.grading.recorded import results_of_step
from sparring.runs.reader import RunReader
from sparring.schema import Role
from sparring.training.scoring import scorer_of

SECTIONS = ("reward", "checker")
"""Sections that can be changed; all other sections determined the rollouts."""
_SAME = 1e-9
"""Largest difference of two rewards or advantages that count as equal."""


@dataclass(slots=True)
class Tally:
    """Counts of changes for one role, over all steps."""

    responses: int = 0
    rewards: int = 0
    """Responses whose reward changed."""
    advantages: int = 0
    """Responses whose advantage changed."""
    flipped: int = 0
    """Responses whose advantage changed sign."""
    groups: int = 0
    dropped_before: int = 0
    """Groups not learned from by the run's recipe."""
    dropped_after: int = 0
    """Groups not learned from by the changed recipe."""


@dataclass(slots=True)
class Rescored:
    """Comparison of a run with its rescored version."""

    steps: int = 0
    cells: int = 0
    """Cells of all pass matrices."""
    verdicts: int = 0
    """Cells whose verdict changed."""
    roles: dict[Role, Tally] = field(default_factory=lambda: {role: Tally() for role in Role})
    changes: list[dict[str, Any]] = field(default_factory=list)
    """One record for each response whose advantage changed."""


def rescore(run: RunReader, recorded: Recipe, changed: Recipe) -> Rescored:
    """Score every recorded step of ``run`` again. Raises `RunError` if no step is recorded."""
    rescored = Rescored()
    old, new = scorer_of(recorded), scorer_of(changed)
    for step in run.recorded_steps():
        rescored.steps += 1
        groups = (
            results_of_step(run, step, rule, details=scorer.own is not None)
            for scorer, rule in ((old, None), (new, changed.checker.rule))
        )
        for index, (one, other) in enumerate(zip(*groups, strict=True)):
            before, after = old.score(one, step, index), new.score(other, step, index)
            _verdicts(rescored, before, after)
            for role in Role:
                tally = rescored.roles[role]
                rescored.changes += _compare(tally, role, step, before, after)
    return rescored


def _verdicts(rescored: Rescored, before: ScoredGroup, after: ScoredGroup) -> None:
    for old_T, new_T in zip(before.group.outcomes_PT, after.group.outcomes_PT, strict=True):
        rescored.cells += len(old_T)
        rescored.verdicts += sum(
            old.verdict is not new.verdict for old, new in zip(old_T, new_T, strict=True)
        )


def _compare(
    tally: Tally,
    role: Role,
    step: int,
    before: ScoredGroup,
    after: ScoredGroup,
) -> Iterator[dict[str, Any]]:
    """Count the changes of one group, and yield a record for each changed advantage."""
    reward = [s.earned.rewards(role).value for s in (before, after)]
    advantage = [s.earned.advantages(role) for s in (before, after)]
    tally.groups += 1
    tally.dropped_before += advantage[0].dropped is not None
    tally.dropped_after += advantage[1].dropped is not None
    tally.responses += len(reward[0])
    other_reward = ~np.isclose(reward[0], reward[1], rtol=0, atol=_SAME, equal_nan=True)
    other_advantage = np.abs(advantage[0].value - advantage[1].value) > _SAME
    tally.rewards += int(other_reward.sum())
    tally.advantages += int(other_advantage.sum())
    tally.flipped += int((advantage[0].value * advantage[1].value < 0).sum())
    for i in np.flatnonzero(other_advantage):
        yield {
            "step": step,
            "task": before.group.task.id,
            "role": role,
            "index": int(i),
            "reward": [float(reward[0][i]), float(reward[1][i])],
            "advantage": [float(advantage[0].value[i]), float(advantage[1].value[i])],
        }
