"""Learning again from what another run recorded, without sampling or running anything.

    sparring train --replay RUN [RECIPE] [--set section.key=value]… [--from-step N]

With the recipe of RUN the weights come out as they did, bit for bit. With
another [learning], [reward], [checker] or [training] it answers what these
would have made of the same responses, with other [monitors] when it would have
raised an alarm; from then on the responses are those
of another policy, which the largest ratio and the clip share show. There are
no evaluations, because these would have to sample.
"""

from __future__ import annotations

import time
from typing import Any

from sparring.config.recipe import Recipe
from sparring.errors import ConfigError, RunError, Stopped
from sparring.files import checksum
from sparring.interrupt import stopping
from sparring.learner.distributed.world import World
from sparring.runs.directory import RunDir
from sparring.runs.progress import Progress
from sparring.runs.reader import RunReader
from sparring.runs.timeline import Timeline
from sparring.training.loop import resume, train_step
from sparring.training.monitoring.tracking import Tracking, check_trackers
from sparring.training.rollouts.replayed import ReplayedRollouts
from sparring.training.scoring import scorer_of
from sparring.training.state import checkpoints
from sparring.training.state.inputs import changed_inputs, reward_note
from sparring.training.state.trainer import Trainer

SECTIONS = ("reward", "checker", "learning", "training", "monitors", "tracking")
"""What a replay may change; the rest decided how the rollouts were made."""


def replay_recipe(source: Recipe, other: Recipe | None) -> Recipe:
    """The recipe of a replay: ``other``'s say in `SECTIONS`, the recorded run's in the rest."""
    if other is None:
        return source
    return source.model_copy(update={name: getattr(other, name) for name in SECTIONS})


def refuse_other_changes(wanted: list[str]) -> None:
    """Raise `ConfigError` for keys that a replay cannot change."""
    if bad := [key for key in wanted if key.split(".")[0] not in SECTIONS]:
        raise ConfigError(
            f"--replay: {', '.join(bad)} cannot change: the recorded rollouts were made with it; "
            f"sections that can: {', '.join(SECTIONS)}"
        )


def replay(
    recipe: Recipe,
    source: RunReader,
    run: RunDir,
    progress: Progress,
    from_step: int,
    world: World | None = None,
) -> dict[str, Any]:
    """Replay ``source`` into ``run`` and return a summary.

    Starts from ``source``'s checkpoint of ``from_step``, or from the recipe's
    model at 0; goes to the recipe's last step or the last one on record.
    """
    started = time.monotonic()
    check_trackers(recipe)
    rollouts = ReplayedRollouts(source, run, recipe.checker.rule)
    checkpoint = source.path / "checkpoints" / f"step-{from_step:05d}"
    if from_step and not checkpoint.is_dir():
        there = ", ".join(map(str, source.steps("checkpoints"))) or "none"
        raise RunError(
            f"{source.path}: has no checkpoint of step {from_step}; --from-step is the step of "
            f"a checkpoint, and there are those of: {there}"
        )
    trainer, scorer = Trainer(recipe, world), scorer_of(recipe)
    if from_step:
        checkpoints.restore(trainer, checkpoint)
    before = resume(trainer, run, from_step + 1)
    progress.begin(trainer.step, trainer.tokens, recipe.training.token_budget)
    notes = [*trainer.notes(), *reward_note(run, recipe, trainer.step)]
    if changed := changed_inputs(source, recipe, trainer.revision, ("model",)):
        notes.append(
            f"note: {changed[0]} is not what it was when {source.path} began: this is a replay "
            "with another start model"
        )
    with stopping() as stop, progress, Tracking.of(recipe, run) as tracking:
        for note in notes:
            progress.note(note)
        timeline = Timeline()
        while not trainer.finished():
            if stop():
                raise Stopped(f"stopped; continue with --resume --run-dir {run.path}")
            train_step(trainer, scorer, rollouts, run, progress, timeline, stop)
            tracking.catch_up()
    summary = {
        "replayed": str(source.path),
        "from_step": from_step,
        "steps": trainer.step,
        "tokens": trainer.tokens,
        "wall_seconds": time.monotonic() - started + before,
        "same_weights": _same_weights(source, run, trainer.step),
    }
    run.write_json("summary.json", summary)
    return summary


def _same_weights(source: RunReader, run: RunReader, step: int) -> bool | None:
    """Whether both runs' checkpoints of a step hold the same weights; None if one has none."""
    found = []
    for path in (source.path, run.path):
        checkpoint = path / "checkpoints" / f"step-{step:05d}"
        files = sorted(checkpoint.rglob("*.safetensors"))  # of both roles, where each has its own
        found.append([(str(f.relative_to(checkpoint)), checksum(f)) for f in files])
    return found[0] == found[1] if all(found) else None
