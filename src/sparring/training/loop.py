"""Training: evaluate, then for each step rollouts → rewards → advantages → learning → record.

    sparring train [RECIPE] [--set section.key=value]… [--run-dir DIR] [--resume]

A step samples n programs and m tests for each of its tasks, runs every
program on every test, turns the pass matrix into rewards and advantages for
both roles, and updates the one model that plays both roles. The model is
evaluated on held-out tasks before, during and after training, each time with
the same seeds.

After Ctrl-C a run finishes the current step, writes a checkpoint and ends. ``--resume`` continues a
run, whatever the reason for its end. Training restarts from the newest checkpoint, learns again
from the recorded rollouts, bit for bit, and continues the unfinished step where its journal ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from sparring.config.recipe import Recipe
from sparring.errors import Stopped, well_formed
from sparring.evaluation.held_out_records import summary_record
from sparring.grading.scorer import Scorer
from sparring.interrupt import stopping
from sparring.learner.distributed.context import DistributedContext
from sparring.runs.directory import VLLM_LOG, RunDir
from sparring.runs.progress import RunProgress
from sparring.runs.reader import RunReader
from sparring.runs.timeline import Phase, Timeline
from sparring.training.held_out import HeldOut
from sparring.training.labelled import check_sampled, labelled_groups, pass_rates
from sparring.training.monitoring.health import check_update, with_alarms
from sparring.training.monitoring.metrics import step_metrics
from sparring.training.monitoring.speed import speeds, work_in
from sparring.training.monitoring.tracking import Tracking, check_trackers
from sparring.training.notes import environment, notes
from sparring.training.pseudo_labels.by_servers import generate_pseudo_labels
from sparring.training.rollouts.asynchronous import AsyncRollouts
from sparring.training.rollouts.base import Rollouts
from sparring.training.rollouts.context import RolloutContext, rollout_context
from sparring.training.rollouts.online import OnlineRollouts
from sparring.training.scoring import scorer_of
from sparring.training.state import checkpoints
from sparring.training.state.inputs import keep_inputs, reward_note
from sparring.training.state.trainer import Trainer
from sparring.training.weights.behaviour import behaviour_policy


def train(
    recipe: Recipe,
    run: RunDir,
    progress: RunProgress,
    distributed: DistributedContext | None = None,
) -> dict[str, Any]:
    """Train by a recipe to the end, from wherever ``run`` stands, and return the summary record.

    With several processes in the ``distributed`` context, only the first process calls this
    function; the others call `sparring.training.state.follower.follow`.
    """
    started = time.monotonic()
    check_trackers(recipe)
    scorer = scorer_of(recipe)
    with progress, ExitStack() as stack:
        progress.phase("loading the model")
        trainer = Trainer(recipe, distributed)
        log = run.path / VLLM_LOG
        context = stack.enter_context(rollout_context(recipe, trainer, run, progress, log))
        stop = stack.enter_context(stopping())
        before = _prepare(context, trainer, stop)
        held_out = HeldOut(context, trainer.step)
        newest = held_out.first
        tracking = stack.enter_context(Tracking.of(recipe, run))
        tracking.catch_up()
        rollouts: OnlineRollouts | AsyncRollouts = OnlineRollouts(context, trainer.pass_rates)
        if trainer.behaviour:
            rollouts = stack.enter_context(AsyncRollouts(context, trainer, trainer.behaviour))
        # A run that was killed between its checkpoint and its evaluation still owes the evaluation.
        if trainer.step and _due(trainer):
            newest = held_out.evaluate(trainer.step)
        context.timeline.cut()
        while not trainer.finished():
            if stop():
                raise Stopped(_resume_hint(run, trainer.step))
            train_step(trainer, scorer, rollouts, run, progress, context.timeline, stop)
            if _due(trainer):
                rollouts.settle()
                newest = held_out.evaluate(trainer.step)
            tracking.catch_up()
        timing = run.jsonl("timing.jsonl")
        seconds = {
            "wall": time.monotonic() - started + before,
            "train": sum(t["seconds"] for t in timing if "step" in t),
        }
        summary = summary_record(held_out.first, newest, seconds, trainer.tokens)
        run.write_json("summary.json", summary)  # last: a run with this file is complete
        return summary


def train_step(
    trainer: Trainer,
    scorer: Scorer,
    rollouts: Rollouts,
    run: RunDir,
    progress: RunProgress,
    timeline: Timeline,
    stop: Callable[[], bool],
) -> None:
    """Make the next step, record its metrics, and write a checkpoint where one is due.

    Raises `Stopped` after the step if the user has asked to stop, and `RunError` when the gradient
    was refused for the second time.
    """
    step = trainer.step + 1
    progress.start_step(step)
    results = rollouts.results(step, timeline)
    with timeline.during(Phase.SCORING):
        check_sampled(results, step, trainer)
        # Rewards of both roles from the pass matrix, then advantages within the group.
        scored = [scorer.score(r, step, i) for i, r in enumerate(results)]
    with timeline.during(Phase.JOURNALLING):
        rollouts.keep(step, scored)  # on disk before anything is learned from it
    trainer.pass_rates |= pass_rates(scored)
    groups = labelled_groups(trainer, scored)
    progress.phase("learning")
    with timeline.during(Phase.LEARNING):
        stats = trainer.learn(step, groups, progress.learning_pass)
    progress.phase("recording metrics")
    with timeline.during(Phase.METRICS):
        record = step_metrics(step, scored, groups, stats, trainer)
        work = work_in(trainer, groups)
    for note in check_update(trainer, run, record):
        progress.note(note)
    with timeline.during(Phase.METRICS):
        record, alarms = with_alarms(trainer.recipe, run.jsonl("metrics.jsonl"), record)
        for note in alarms:
            progress.note(note)
        run.append("metrics.jsonl", record)
    trainer.step, trainer.tokens = step, trainer.tokens + record["tokens"]
    last = trainer.finished()
    if last or stop() or step % trainer.recipe.training.checkpoint_every == 0:
        progress.phase("writing the checkpoint")
        with timeline.during(Phase.CHECKPOINT):
            checkpoints.save(trainer, run)
    account = timeline.cut()  # the lines below are counted in the next step
    responses = sum(len(r.coder) + len(r.tester) + len(r.initial_policy_programs) for r in results)
    timing = {"step": step, **account.timing(record["tokens"], responses)}
    timing |= speeds(trainer, account.phases(), record["tokens"], work)
    run.append("timing.jsonl", timing)
    run.append("timeline.jsonl", {"step": step, **account.record()})
    progress.step(step, {**record, **timing}, timing["seconds"])
    if stop() and not last:
        raise Stopped(_resume_hint(run, step))


def resume(trainer: Trainer, run: RunDir, first: int = 1) -> float:
    """Restore the run's newest checkpoint into the trainer, if a checkpoint exists.

    ``first`` is the run's first step: from that step on the recorded metrics must be complete.

    Returns the seconds that earlier processes spent on this run.
    """
    if (newest := run.newest_checkpoint()) is not None:
        checkpoints.restore(trainer, newest)
    run.rewind(trainer.step, first=first)
    with well_formed(f"{run.path}: timing.jsonl"):
        return float(sum(t["seconds"] for t in run.jsonl("timing.jsonl")))


def _prepare(context: RolloutContext, trainer: Trainer, stop: Callable[[], bool]) -> float:
    """Check the run's inputs, resume the run, and generate pseudo-labels where servers write them
    before the first step. Returns the seconds that earlier processes spent on this run."""
    recipe, run, progress = context.recipe, context.run, context.progress
    keep_inputs(run, recipe, trainer.revision)
    run.write_json("environment.json", environment(context, trainer) | trainer.distributed.report())
    if recipe.training.max_async_level:
        trainer.behaviour = behaviour_policy(trainer, context.policies.served)
    before = resume(trainer, run)
    if trainer.behaviour:
        trainer.behaviour.prepare(trainer)
    progress.begin(trainer.step, trainer.tokens, run.jsonl("timing.jsonl"), recorded_until(run))
    function_notes = reward_note(run, recipe, trainer.step)
    for note in (*trainer.notes(), *notes(context, trainer), *function_notes):
        progress.note(note)
    if context.pseudo_labels:
        tasks = context.order.upcoming(trainer.step + 1)
        log = run.path / VLLM_LOG
        generate_pseudo_labels(context.pseudo_labels, tasks, progress, context.timeline, log, stop)
    context.timeline.cut()
    return before


def recorded_until(run: RunReader) -> int:
    """Return the last step whose rollouts are on record; 0 without any."""
    return max(run.recorded_steps(), default=0)


def _resume_hint(run: RunDir, step: int) -> str:
    return f"stopped after step {step}; continue with --resume --run-dir {run.path}"


def _due(trainer: Trainer) -> bool:
    """Return True if an evaluation follows the latest step."""
    return trainer.finished() or trainer.step % trainer.recipe.evaluation.every == 0
