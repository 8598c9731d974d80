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
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np
import torch

from sparring.config import Recipe
from sparring.errors import RunError
from sparring.evaluate import Evaluation, evaluate, evaluation_record, summary_record
from sparring.learning.model import load_weights, save_model
from sparring.learning.samples import Group, Sample
from sparring.pipelines.bout import Judged, infra_share, judge
from sparring.pipelines.record import pool_records, rollout_record
from sparring.ring import Ring
from sparring.runs.curves import plot_curves
from sparring.runs.directory import RunDir
from sparring.runs.progress import Progress
from sparring.schema import ParseFailure, Response, Role, StopReason
from sparring.scoring.advantages import Advantages, advantages, shuffled
from sparring.scoring.rewards import coder_rewards, tester_rewards


class Interrupted(RunError):
    """The user asked to stop; the run can be resumed."""

    exit_code = 130


def train(recipe: Recipe, run: RunDir, progress: Progress, resume: bool = False) -> dict[str, Any]:
    """Run a recipe to its end and return its summary."""
    started = time.monotonic()
    with Ring(recipe) as ring, _stopping() as stop, progress:
        run.write_json("environment.json", ring.environment())
        counts = _restore(ring, run) if resume else {"step": 0, "tokens": 0, "seconds": 0.0}
        first = _start(ring, run, progress)
        newest = first
        step = int(counts["step"])
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
                _save(ring, run, counts)
            if stop() and not last:
                raise Interrupted(
                    f"stopped after step {step}; go on with --resume --run-dir {run.path}"
                )
            if last or step % recipe.evaluation.every == 0:
                newest = _evaluate(ring, run, progress, step, first)
        if newest is first:
            newest = _evaluate(ring, run, progress, step, first)
        summary = summary_record(first, newest, counts, time.monotonic() - started)
        run.write_json("summary.json", summary)
        plot_curves(run.lines("evaluations.jsonl"), run.lines("metrics.jsonl"), run.path / "curves")
        return summary


def one_step(
    ring: Ring, step: int, progress: Progress
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Sample, run, score, learn. Returns the step's metrics and its rollouts."""
    recipe = ring.recipe
    clock = _Clock()
    tasks = ring.batch(step)

    progress.phase("sampling")
    coder = ring.sampler.sample(ring.prompts(tasks, Role.CODER, step), recipe.sampling.programs)
    tester = ring.sampler.sample(ring.prompts(tasks, Role.TESTER, step), recipe.sampling.tests)
    clock.lap("sampling")

    progress.phase("running programs")
    runs_before = ring.sandbox.stats.runs_executed
    judged = judge(ring.sandbox, tasks, coder, tester, ring.limits)
    lost = infra_share(judged)
    if lost > recipe.sandbox.max_infra_share:
        raise RunError(
            f"step {step}: {lost:.0%} of the runs failed for reasons of our own; look at the "
            "machine (memory, processes), then --resume"
        )
    clock.lap("running")

    groups: list[Group] = []
    rollouts: list[dict[str, Any]] = []
    dropped: dict[Role, dict[str, int]] = {role: {} for role in Role}
    for j in judged:
        coder_reward = coder_rewards(j.matrix, ring.rewards)
        terms = tester_rewards(j.matrix, j.valid_U, ring.rewards)
        rewards = {Role.CODER: coder_reward, Role.TESTER: terms.reward}
        if recipe.reward.shuffle:
            rng = np.random.default_rng([recipe.training.seed, step, len(rollouts)])
            rewards = {role: shuffled(reward, rng) for role, reward in rewards.items()}
        found = {
            role: advantages(reward, recipe.reward.normalisation)
            for role, reward in rewards.items()
        }
        for role, responses in ((Role.CODER, j.coder), (Role.TESTER, j.tester)):
            if (reason := found[role].dropped) is not None:
                dropped[role][reason] = dropped[role].get(reason, 0) + 1
            else:
                groups.append(_group(ring, role, responses, found[role]))
        rollouts.append(
            rollout_record(step, j, coder_reward, terms, found[Role.CODER], found[Role.TESTER])
        )
    clock.lap("scoring")

    progress.phase("learning")
    ring.set_learning_rate(step)
    stats = ring.learner.update(groups)
    clock.lap("learning")

    tokens = sum(len(r.token_ids) for group in (*coder, *tester) for r in group)
    count = sum(len(group) for group in (*coder, *tester))
    executed = ring.sandbox.stats.runs_executed - runs_before
    seconds = sum(clock.laps.values())
    record: dict[str, Any] = {
        "step": step,
        "seconds": seconds,
        "phases": clock.laps,
        "tokens": tokens,
        "tokens_per_s": tokens / seconds,
        "responses_per_s": count / seconds,
        "runs_per_s": executed / max(clock.laps["running"], 1e-9),
        "one_shot": float(np.mean([j.matrix.correct_P.mean() for j in judged])),
        "tests_right": float(np.mean([j.right_U.mean() for j in judged])),
        "tests_invalid": float(np.mean([1 - j.valid_U.mean() for j in judged])),
        "groups_dropped": sum(sum(d.values()) for d in dropped.values()) / (2 * len(judged)),
        "infra_share": lost,
        "input_size": float(np.nanmean(np.concatenate([j.size_U for j in judged]))),
    }
    for role, sampled in ((Role.CODER, coder), (Role.TESTER, tester)):
        s = stats[role]
        every = [r for group in sampled for r in group]
        record[role] = {
            "loss": s.loss,
            "kl": s.kl,
            "clip_share": s.clip_share,
            "grad_norm": s.grad_norm,
            "entropy": s.entropy,
            "largest_ratio": s.largest_ratio,
            "logprob_gap": s.logprob_gap,
            "logprob_gap_max": s.logprob_gap_max,
            "tokens_trained": s.tokens,
            "groups_trained": s.groups,
            "optimizer_steps": s.optimizer_steps,
            "mean_length": float(np.mean([len(r.token_ids) for r in every])),
            "truncated_share": float(np.mean([r.stop is StopReason.LENGTH for r in every])),
            "parse_failures": _failures(judged, role),
            "dropped": dropped[role],
        }
    return record, rollouts


def _group(ring: Ring, role: Role, rs: Sequence[Response], found: Advantages) -> Group:
    """The responses of a group that carry a label, with their advantages."""
    return Group(
        role,
        rs[0].prompt_ids,
        ring.temperature(role),
        tuple(
            Sample(r.token_ids, r.logprobs, float(a))
            for r, a in zip(rs, found.value, strict=True)
            if a != 0.0 or ring.recipe.learning.kl > 0
        ),
    )


def _failures(judged: list[Judged], role: Role) -> dict[str, int]:
    """How often each parse failure occurred."""
    parsed = [p for j in judged for p in (j.programs if role is Role.CODER else j.tests)]
    names = [p.failure for p in parsed if p.failure is not None]
    return {str(name): names.count(name) for name in ParseFailure if name in names}


def _start(ring: Ring, run: RunDir, progress: Progress) -> Evaluation:
    """The evaluation before training, whose programs are the fixed pool of all later ones.

    On a resume it is made again from the start model: it costs seconds, and
    paired differences need its values by task.
    """
    progress.phase("evaluating the start model")
    sampler = ring.start_sampler()
    first = evaluate(ring.plan, sampler, ring.sandbox)
    known = {r["step"] for r in run.lines("evaluations.jsonl")}
    if 0 not in known:
        _log_evaluation(run, progress, 0, first, first)
        run.write_lines("pool.jsonl.gz", pool_records(first.judged))
        for heat in ring.recipe.evaluation.start_temperatures:
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
        return {"step": 0, "tokens": 0, "seconds": 0.0}
    load_weights(ring.model, newest)
    ring.learner.load_state(torch.load(newest / "optimizer.pt", weights_only=True))
    counts: dict[str, Any] = run.read_json(f"checkpoints/{newest.name}/state.json")
    run.rewind(int(counts["step"]))
    return counts


class _Clock:
    """Seconds per phase of a step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = now - self._last
        self._last = now


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C into a wish that the loop asks about; the second stops at once."""
    wished = False

    def wish(number: int, frame: FrameType | None) -> None:
        nonlocal wished
        if wished:
            raise KeyboardInterrupt
        wished = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = signal.signal(signal.SIGINT, wish)
    try:
        yield lambda: wished
    finally:
        signal.signal(signal.SIGINT, previous)
