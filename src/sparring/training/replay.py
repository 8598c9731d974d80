"""Replay: learn again from another run's recorded rollouts, without sampling or executions.

    sparring train --replay RUN [RECIPE] [--set section.key=value]… [--from-step N]

With the recipe of RUN the replay gives the same weights, bit for bit. With another
[learning], [reward], [checker] or [training] section the replay shows what these
settings would have learned from the same responses; with another [monitors] section,
when they would have raised an alarm. As soon as the weights differ from RUN's, the
responses are off-policy; the largest ratio and the clip share show by how much.

A replay makes no evaluations, because evaluations need sampling.
"""

from __future__ import annotations

import time
from typing import Any

from sparring.config.recipe import Recipe
from sparring.errors import ConfigError, RunError, Stopped
from sparring.files import checksum
from sparring.interrupt import stopping
from sparring.learner.distributed.context import DistributedContext
from sparring.runs.directory import RunDir
from sparring.runs.progress import RunProgress
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
"""Sections that a replay may change; all other sections determined the rollouts."""


def replay_recipe(source: Recipe, other: Recipe | None) -> Recipe:
    """Return the recipe of a replay: `SECTIONS` from ``other``, the rest from the recorded run."""
    if other is None:
        return source
    return source.model_copy(update={name: getattr(other, name) for name in SECTIONS})


def refuse_other_changes(wanted: list[str]) -> None:
    """Raise `ConfigError` for keys that a replay cannot change."""
    if bad := [key for key in wanted if key.split(".")[0] not in SECTIONS]:
        raise ConfigError(
            f"--replay: {', '.join(bad)} cannot change: the recorded rollouts depend on it; "
            f"sections that can: {', '.join(SECTIONS)}"
        )


def replay(
    recipe: Recipe,
    source: RunReader,
    run: RunDir,
    progress: RunProgress,
    from_step: int,
    distributed: DistributedContext | None = None,
) -> dict[str, Any]:
    """Replay ``source`` into ``run`` and return the summary record.

    The replay starts from ``source``'s checkpoint of ``from_step``, or from the recipe's model if
    ``from_step`` is 0. It ends at the recipe's last step or at the last recorded step.
    """
    started = time.monotonic()
    check_trackers(recipe)
    own = recipe.reward.function is not None
    rollouts = ReplayedRollouts(source, run, recipe.checker.rule, details=own)
    checkpoint = source.path / "checkpoints" / f"step-{from_step:05d}"
    if from_step and not checkpoint.is_dir():
        steps = ", ".join(map(str, source.steps("checkpoints"))) or "none"
        raise RunError(
            f"{source.path}: the run has no checkpoint of step {from_step}; give --from-step the "
            f"step of a checkpoint: {steps}"
        )
    scorer = scorer_of(recipe)
    with progress:
        progress.phase("loading the model")
        trainer = Trainer(recipe, distributed)
        if from_step:
            checkpoints.restore(trainer, checkpoint)
        before = resume(trainer, run, from_step + 1)
        progress.begin(trainer.step, trainer.tokens, run.jsonl("timing.jsonl"))
        notes = [*trainer.notes(), *reward_note(run, recipe, trainer.step)]
        if changed := changed_inputs(source, recipe, trainer.revision, ("model",)):
            notes.append(
                f"note: {changed[0]} has changed since {source.path} began: this is a replay with "
                "another initial model"
            )
        with stopping() as stop, Tracking.of(recipe, run) as tracking:
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
    """Return True if both runs' checkpoints of a step hold the same weights, and None if a run has
    no such checkpoint."""
    sums = []
    for path in (source.path, run.path):
        checkpoint = path / "checkpoints" / f"step-{step:05d}"
        files = sorted(checkpoint.rglob("*.safetensors"))  # rglob: each role may have an adapter
        sums.append([(str(f.relative_to(checkpoint)), checksum(f)) for f in files])
    return sums[0] == sums[1] if all(sums) else None
