"""Training: the whole method, one step after another.

    sparring train [RECIPE] [--set section.key=value]… [--run-dir DIR] [--resume]

A step samples n programs and m tests for each of its tasks, runs every
program on every test, turns the pass matrix into rewards and advantages for
both roles, and updates the one model that plays both. Before, during and
after, the model is evaluated on held-out tasks with the same seeds.

Interrupted (Ctrl-C), a run ends after the current step with a checkpoint.
However it ended, ``--resume`` goes on: from the newest checkpoint it learns
again from the rollouts on record, bit for bit, and takes up the step that
was being made where its journal ends.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from sparring.config.recipe import Recipe
from sparring.errors import RunError, Stopped, well_formed
from sparring.evaluation.held_out import summary_record
from sparring.grading.scorer import Scorer
from sparring.interrupt import stopping
from sparring.learner.distributed.world import World
from sparring.policy.settings import Engine
from sparring.runs.directory import VLLM_LOG, RunDir
from sparring.runs.lines import clean
from sparring.runs.progress import Progress
from sparring.runs.timeline import Phase
from sparring.schema import Role
from sparring.text import visible
from sparring.training.ahead import Ahead
from sparring.training.alarms import begun, raised
from sparring.training.asking import Table
from sparring.training.behind import FilesBehind
from sparring.training.held_out import HeldOut
from sparring.training.inputs import keep_inputs, reward_note
from sparring.training.reward import scorer_of
from sparring.training.ring import Ring
from sparring.training.rollouts import Live, Rollouts
from sparring.training.speed import speeds
from sparring.training.step import one_step
from sparring.training.supervising import write_ahead
from sparring.training.tracking import Tracking, check_trackers
from sparring.training.trainer import Trainer
from sparring.training.written import Written


def train(
    recipe: Recipe, run: RunDir, progress: Progress, world: World | None = None
) -> dict[str, Any]:
    """Run a recipe to its end, from wherever ``run`` stands, and return its summary.

    Where others learn with this process, it is the first in the ``world``; see
    `sparring.training.follow`.
    """
    started = time.monotonic()
    check_trackers(recipe)
    scorer, trainer = scorer_of(recipe), Trainer(recipe, world)
    if recipe.training.ahead and recipe.sampling.engine is Engine.LOCAL:
        trainer.behind = trainer.twin()
    log = run.path / VLLM_LOG
    with Ring(recipe, trainer, log) as ring, stopping() as stop, progress, ExitStack() as stack:
        keep_inputs(run, recipe, trainer.revision)
        run.write_json("environment.json", ring.environment() | trainer.world.report())
        files = None
        if recipe.training.ahead and ring.sampler.served:
            trainer.behind = files = FilesBehind(ring.sampler.served)
        before = take_up(trainer, run)
        if files:
            files.begin(trainer)
        progress.begin(trainer.step, trainer.tokens, recipe.training.token_budget)
        for note in (*trainer.notes(), *ring.notes(), *reward_note(run, recipe, trainer.step)):
            progress.note(note)
        common = table(ring, run, progress)
        if common.written:
            write_ahead(common.written, ring.upcoming(trainer.step + 1), progress, log, stop)
        progress.timeline.cut()
        held_out = HeldOut(ring, run, progress, trainer.step)
        newest = held_out.first
        tracking = stack.enter_context(Tracking.of(recipe, run))
        tracking.catch_up()
        rollouts: Live | Ahead = Live(common, trainer.pass_rates)
        if trainer.behind:
            rollouts = stack.enter_context(Ahead(common, trainer, trainer.behind))
        if trainer.step and _due(trainer):  # cut off before this evaluation
            newest = held_out.evaluate(trainer.step)
        progress.timeline.cut()
        while not trainer.finished():
            if stop():
                raise Stopped(_going_on(run, trainer.step))
            advance(trainer, scorer, rollouts, run, progress, stop)
            if _due(trainer):
                rollouts.settle()
                newest = held_out.evaluate(trainer.step)
            tracking.catch_up()
        timing = run.lines("timing.jsonl")
        seconds = {
            "wall": time.monotonic() - started + before,
            "train": sum(t["seconds"] for t in timing if "step" in t),
        }
        summary = summary_record(held_out.first, newest, seconds, trainer.tokens)
        run.write_json("summary.json", summary)  # last: where it is, the run is complete
        return summary


def table(ring: Ring, run: RunDir, progress: Progress) -> Table:
    """What rollouts are made with."""
    written = Written(ring.supervisor, run) if ring.supervisor else None
    return Table(ring, run, progress, ring.sampler, written)


def take_up(trainer: Trainer, run: RunDir, first: int = 1) -> float:
    """Put the trainer where the run's newest checkpoint left it, or at the start.

    ``first`` is the run's first step: from there on the metrics must be complete.

    Returns the seconds that earlier processes spent on this run.
    """
    if (newest := run.newest_checkpoint()) is not None:
        trainer.restore(newest)
    run.rewind(trainer.step, first=first)
    with well_formed(f"{run.path}: timing.jsonl"):
        return float(sum(t["seconds"] for t in run.lines("timing.jsonl")))


def advance(
    trainer: Trainer,
    scorer: Scorer,
    rollouts: Rollouts,
    run: RunDir,
    progress: Progress,
    stop: Callable[[], bool],
) -> None:
    """Make the next step, write it down, and keep a checkpoint where one is due.

    Raises `Stopped` after the step if the user has asked to stop, and
    `RunError` when a gradient was refused for the second time.
    """
    step = trainer.step + 1
    timeline = progress.timeline
    record, responses, work = one_step(trainer, scorer, rollouts, step, progress)
    if trainer.learner.damaged():
        raise RunError(
            f"step {step}: the update left weights that are not numbers; nothing of it was kept. "
            f"{_see_again(run)}"
        )
    alarm = trainer.recipe.gap_alarm
    if trainer.recipe.training.ahead and step > 1:
        alarm = math.inf  # other weights have sampled: the gap is theirs
    for role in Role:
        gap = record[role]["logprob_gap"]
        if gap is not None and gap > alarm:
            progress.note(
                f"step {step}: the {role}'s log-probs in training are {gap:.3g} away from those in "
                "sampling (learning.gap_alarm): the two do not compute the same model"
            )
    if record["refused"]:
        trainer.refused.append(step)
        if len(trainer.refused) > 1:
            raise RunError(_exploded(run, trainer.refused))
        progress.note(
            f"step {step}: the gradient is not finite or longer than learning.refuse_norm; "
            "it was not applied. A second time ends the run."
        )
    with timeline.during(Phase.METRICS):
        record = clean(record)
        earlier = run.lines("metrics.jsonl")
        recipe = trainer.recipe
        learning = [role for role in Role if recipe.learning.learns(role)]
        ahead = bool(recipe.training.ahead)
        record["alarms"] = raised(recipe.monitors, earlier, record, learning, ahead)
        for new in begun(record["alarms"], earlier):
            progress.note(f"step {step}: alarm {new['monitor']}: {visible(new['reason'])}")
        run.append("metrics.jsonl", record)
    trainer.step, trainer.tokens = step, trainer.tokens + record["tokens"]
    last = trainer.finished()
    if last or stop() or step % trainer.recipe.training.checkpoint_every == 0:
        with timeline.during(Phase.CHECKPOINT):
            trainer.save(run)
    account = timeline.cut()  # what follows is in the next one
    timing = {"step": step, **account.timing(record["tokens"], responses)}
    timing |= speeds(trainer, account.phases(), record["tokens"], work)
    run.append("timing.jsonl", timing)
    run.append("timeline.jsonl", {"step": step, **account.record()})
    progress.step(step, {**record, **timing}, timing["seconds"])
    if stop() and not last:
        raise Stopped(_going_on(run, step))


def _going_on(run: RunDir, step: int) -> str:
    return f"stopped after step {step}; go on with --resume --run-dir {run.path}"


def _exploded(run: RunDir, refused: Sequence[int]) -> str:
    return (
        f"step {refused[-1]}: the gradient is not finite or longer than learning.refuse_norm, for "
        f"the second time (first in step {refused[0]}). {_see_again(run)}"
    )


def _see_again(run: RunDir) -> str:
    newest = run.newest_checkpoint()
    start = f" --from-step {int(newest.name[5:])}" if newest else ""
    return (
        f"Its batch is on record; see it again, with other settings, by: sparring train "
        f"--replay {run.path}{start} --run-dir NEW --set learning.learning_rate=…"
    )


def _due(trainer: Trainer) -> bool:
    """Whether an evaluation follows the step just made."""
    return trainer.finished() or trainer.step % trainer.recipe.evaluation.every == 0
