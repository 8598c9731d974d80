"""Checks of each update: notes to the user, and errors that end the run."""

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
from sparring.training.monitoring.alarms import alarms_after, new_alarms
from sparring.training.state.trainer import Trainer


def check_update(trainer: Trainer, run: RunDir, record: Mapping[str, Any]) -> Iterator[str]:
    """Yield notes on the update of the step of ``record``.

    Raises `RunError` for weights that are not finite, and for the second refused gradient.
    """
    step, recipe = record["step"], trainer.recipe
    if trainer.learner.damaged():
        raise RunError(
            f"step {step}: the update left weights that are not numbers; the update was not saved. "
            f"{_see_again(run)}"
        )
    # Asynchronous rollouts come from older weights than the trainer's, so a gap is expected.
    limit = math.inf if recipe.training.max_async_level and step > 1 else recipe.gap_alarm
    for role in Role:
        gap = record[role]["logprob_gap"]
        if gap is not None and gap > limit:
            yield (
                f"step {step}: sampler and trainer do not compute the same model: the {role}'s "
                f"log-probs differ by {gap:.3g} on average, more than learning.gap_alarm"
            )
    if record["refused"]:
        trainer.refused.append(step)
        if len(trainer.refused) > 1:
            raise RunError(
                f"step {step}: the gradient is not finite or its norm exceeds "
                f"learning.skip_grad_norm, for the second time (first in step "
                f"{trainer.refused[0]}). {_see_again(run)}"
            )
        yield (
            f"step {step}: the gradient is not finite or its norm exceeds learning.skip_grad_norm; "
            "it was not applied. A second such gradient ends the run."
        )


def with_alarms(
    recipe: Recipe, earlier: Sequence[Mapping[str, Any]], record: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the record in the form written to disk, with its alarms, and a note for each alarm
    that the step before did not have."""
    cleaned: dict[str, Any] = clean(record)
    learning = [role for role in Role if recipe.learning.learns(role)]
    asynchronous = bool(recipe.training.max_async_level)
    cleaned["alarms"] = alarms_after(recipe.monitors, earlier, cleaned, learning, asynchronous)
    notes = [
        f"step {record['step']}: alarm {new['monitor']}: {visible(new['reason'])}"
        for new in new_alarms(cleaned["alarms"], earlier)
    ]
    return cleaned, notes


def _see_again(run: RunDir) -> str:
    newest = run.newest_checkpoint()
    start = f" --from-step {int(newest.name[5:])}" if newest else ""
    return (
        f"The step's rollouts are on record; repeat the update with other settings by: sparring "
        f"train --replay {run.path}{start} --run-dir NEW --set learning.learning_rate=…"
    )
