"""Training: the whole method, one step after another.

    sparring train [RECIPE] [--set section.key=value]… [--run-dir DIR] [--resume]

A step samples n programs and m tests for each of its tasks, runs every
program on every test, turns the pass matrix into rewards and advantages for
both roles, and updates the one model that plays both. Before, during and
after, the model is evaluated on held-out tasks with the same seeds.

Interrupted (Ctrl-C), a run ends after the current step with a checkpoint;
``--resume`` goes on from the newest one and gives the same weights as a run
that was never interrupted.
"""

from __future__ import annotations

import json
import time
from typing import Any

import torch

from sparring.config import Recipe
from sparring.errors import RunError
from sparring.evaluate import Evaluation, evaluate, evaluation_record, summary_record
from sparring.interrupt import stopping
from sparring.learning.model import load_weights, save_model
from sparring.pipelines.record import pool_records
from sparring.ring import Ring
from sparring.runs.curves import plot_curves
from sparring.runs.directory import RunDir
from sparring.runs.progress import Progress
from sparring.step import one_step

_NOTHING_YET: dict[str, Any] = {"step": 0, "tokens": 0, "seconds": 0.0, "wall": 0.0}
"""Counters of a run, kept in its checkpoints: seconds of steps, and of everything."""


class Interrupted(RunError):
    """The user asked to stop; the run can be resumed."""

    exit_code = 130


def train(recipe: Recipe, run: RunDir, progress: Progress, resume: bool = False) -> dict[str, Any]:
    """Run a recipe to its end and return its summary."""
    started = time.monotonic()
    with Ring(recipe) as ring, stopping() as stop, progress:
        run.write_json("environment.json", ring.environment())
        counts = _restore(ring, run) if resume else dict(_NOTHING_YET)
        started -= counts["wall"]
        first = _start(ring, run, progress)
        newest = first
        step = int(counts["step"])
        if step and _due(recipe, step):  # a run cut off between checkpoint and evaluation
            newest = _evaluate(ring, run, progress, step, first)
        while step < recipe.training.steps:
            step += 1
            before = time.monotonic()
            record, rollouts = one_step(ring, step, progress)
            run.write_rollouts(step, rollouts)
            run.append("metrics.jsonl", record)
            counts["step"], counts["tokens"] = step, counts["tokens"] + record["tokens"]
            counts["seconds"] += time.monotonic() - before
            progress.step(step, record, record["seconds"])
            last = step == recipe.training.steps
            if last or stop() or step % recipe.training.checkpoint_every == 0:
                counts["wall"] = time.monotonic() - started
                _save(ring, run, counts)
            if stop() and not last:
                raise Interrupted(
                    f"stopped after step {step}; go on with --resume --run-dir {run.path}"
                )
            if _due(recipe, step):
                newest = _evaluate(ring, run, progress, step, first)
        summary = summary_record(first, newest, counts, time.monotonic() - started)
        run.write_json("summary.json", summary)
        plot_curves(run.lines("evaluations.jsonl"), run.lines("metrics.jsonl"), run.path / "curves")
        return summary


def _due(recipe: Recipe, step: int) -> bool:
    """Whether an evaluation follows this step."""
    return step == recipe.training.steps or step % recipe.evaluation.every == 0


def _start(ring: Ring, run: RunDir, progress: Progress) -> Evaluation:
    """The evaluation before training, whose programs are the fixed pool of all later ones.

    On a resume it is made again from the start model: it costs seconds, and
    paired differences need its values by task.
    """
    progress.phase("evaluating the start model")
    sampler = ring.start_sampler()
    first = evaluate(ring.plan, sampler, ring.sandbox)
    if not run.lines("evaluations.jsonl"):
        run.write_lines("pool.jsonl.gz", pool_records(first.judged))
        _log_evaluation(run, progress, 0, first, first)
    done = {r["temperature"] for r in run.lines("start.jsonl")}
    for heat in ring.recipe.evaluation.start_temperatures:
        if heat not in done:
            progress.phase(f"evaluating the start model at temperature {heat:g}")
            other = evaluate(ring.plan, sampler, ring.sandbox, first.programs(), temperature=heat)
            run.append("start.jsonl", {"temperature": heat, **evaluation_record(0, other, first)})
    return first


def _evaluate(
    ring: Ring,
    run: RunDir,
    progress: Progress,
    step: int,
    first: Evaluation,
) -> Evaluation:
    progress.phase("evaluating")
    found = evaluate(ring.plan, ring.sampler, ring.sandbox, first.programs())
    if step not in {r["step"] for r in run.lines("evaluations.jsonl")}:
        _log_evaluation(run, progress, step, found, first)
    return found


def _log_evaluation(
    run: RunDir, progress: Progress, step: int, found: Evaluation, first: Evaluation
) -> None:
    run.append("evaluations.jsonl", evaluation_record(step, found, first))
    e = found.summary.estimates
    bon = next(v for k, v in e.items() if k.startswith("bon_"))
    progress.note(
        f"step {step}: held-out programs {e['one_shot'].mean:.1%}, "
        f"tests {e['unit_test_accuracy'].mean:.1%}, Best-of-N {bon.mean:.1%} "
        f"({found.seconds:.0f} s)"
    )


def _save(ring: Ring, run: RunDir, counts: dict[str, Any]) -> None:
    with run.checkpoint(int(counts["step"])) as path:
        save_model(ring.model, ring.tokenizer, path)
        torch.save(ring.learner.state(), path / "optimizer.pt")
        (path / "state.json").write_text(json.dumps(counts), encoding="utf-8")
    run.prune_checkpoints(ring.recipe.training.keep_checkpoints)


def _restore(ring: Ring, run: RunDir) -> dict[str, Any]:
    """Weights, optimiser and counters of the newest checkpoint."""
    newest = run.newest_checkpoint()
    if newest is None:
        run.rewind(-1)
        return dict(_NOTHING_YET)
    load_weights(ring.model, newest)
    ring.learner.load_state(torch.load(newest / "optimizer.pt", weights_only=True))
    counts: dict[str, Any] = run.read_json(f"checkpoints/{newest.name}/state.json")
    run.rewind(int(counts["step"]))
    return counts
