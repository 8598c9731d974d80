"""Looks at each update: what a user is told of it, and what ends the run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sparring.config.recipe import Recipe
from sparring.errors import RunError
from sparring.runs.directory import RunDir
from sparring.runs.lines import clean
from sparring.schema import Role
from sparring.text import visible
from sparring.training.monitoring.alarms import begun, raised
from sparring.training.state.trainer import Trainer


def check_update(trainer: Trainer, run: RunDir, record: Mapping[str, Any]) -> Iterator[str]:
    """What to tell of the update of the step that ``record`` is of.

    Raises `RunError` for weights that are not numbers, and for the second gradient that was
    refused.
    """
    step, recipe = record["step"], trainer.recipe
    if trainer.learner.damaged():
        raise RunError(
            f"step {step}: the update left weights that are not numbers; nothing of it was kept. "
            f"{_see_again(run)}"
        )
    # Where rollouts are made ahead, other weights have sampled: the gap is theirs.
    limit = math.inf if recipe.training.ahead and step > 1 else recipe.gap_alarm
    for role in Role:
        gap = record[role]["logprob_gap"]
        if gap is not None and gap > limit:
            yield (
                f"step {step}: the {role}'s log-probs in training are {gap:.3g} away from those in "
                "sampling (learning.gap_alarm): the two do not compute the same model"
            )
    if record["refused"]:
        trainer.refused.append(step)
        if len(trainer.refused) > 1:
            raise RunError(
                f"step {step}: the gradient is not finite or longer than learning.refuse_norm, for "
                f"the second time (first in step {trainer.refused[0]}). {_see_again(run)}"
            )
        yield (
            f"step {step}: the gradient is not finite or longer than learning.refuse_norm; "
            "it was not applied. A second time ends the run."
        )


def with_alarms(
    recipe: Recipe, earlier: Sequence[Mapping[str, Any]], record: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The record as it goes to disk, with its alarms, and what to tell of those that have begun."""
    cleaned: dict[str, Any] = clean(record)
    learning = [role for role in Role if recipe.learning.learns(role)]
    ahead = bool(recipe.training.ahead)
    cleaned["alarms"] = raised(recipe.monitors, earlier, cleaned, learning, ahead)
    told = [
        f"step {record['step']}: alarm {new['monitor']}: {visible(new['reason'])}"
        for new in begun(cleaned["alarms"], earlier)
    ]
    return cleaned, told


def _see_again(run: RunDir) -> str:
    newest = run.newest_checkpoint()
    start = f" --from-step {int(newest.name[5:])}" if newest else ""
    return (
        f"Its batch is on record; see it again, with other settings, by: sparring train "
        f"--replay {run.path}{start} --run-dir NEW --set learning.learning_rate=…"
    )
