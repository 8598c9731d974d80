"""One training step: sample, run, score, learn, and say what happened."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparring.errors import RunError
from sparring.learning.samples import Group, Sample
from sparring.pipelines.bout import Judged, infra_share, judge
from sparring.pipelines.record import rollout_record
from sparring.ring import Ring
from sparring.runs.progress import Progress
from sparring.schema import ParseFailure, Response, Role, StopReason
from sparring.scoring.advantages import Advantages, advantages, shuffled
from sparring.scoring.rewards import coder_rewards, tester_rewards


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
        "tests_right": _mean([j.right_U.mean() for j in judged if j.has_reference]),
        "tests_invalid": float(np.mean([1 - j.valid_U.mean() for j in judged])),
        "groups_dropped": sum(sum(d.values()) for d in dropped.values()) / (2 * len(judged)),
        "infra_share": lost,
        "input_size": _mean([s for j in judged for s in j.size_U[j.parsed_U]]),
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
            for r, a, labelled in zip(rs, found.value, found.labelled, strict=True)
            if labelled
        ),
    )


def _failures(judged: list[Judged], role: Role) -> dict[str, int]:
    """How often each parse failure occurred."""
    parsed = [p for j in judged for p in (j.programs if role is Role.CODER else j.tests)]
    names = [p.failure for p in parsed if p.failure is not None]
    return {str(name): names.count(name) for name in ParseFailure if name in names}


def _mean(values: Sequence[float]) -> float:
    """The mean, or NaN of nothing."""
    return float(np.mean(values)) if values else float("nan")


class _Clock:
    """Seconds per phase of a step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = now - self._last
        self._last = now
