"""One training step: bouts, rewards, learning, and what happened."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparring.config.recipe import Recipe
from sparring.errors import RunError
from sparring.grading.grade import infra_share
from sparring.grading.group import GroupResult
from sparring.grading.monitors import monitor_values
from sparring.grading.record import Scored
from sparring.grading.supervised import supervision_metrics
from sparring.learner.samples import Group, Sample
from sparring.learner.stats import RoleStats
from sparring.learner.work import Work
from sparring.metrics.metrics import pass_rate
from sparring.rewards.advantages import Advantages
from sparring.runs.progress import Progress
from sparring.runs.timeline import Phase
from sparring.schema import ParseFailure, Response, Role, StopReason
from sparring.training.reward import Scorer
from sparring.training.rollouts import Rollouts
from sparring.training.speed import work_in
from sparring.training.trainer import Trainer


def one_step(
    trainer: Trainer, scorer: Scorer, rollouts: Rollouts, step: int, progress: Progress
) -> tuple[dict[str, Any], int, Work]:
    """Make step ``step``. Returns its metrics, a function of recipe and seed, how many responses
    were sampled for it, and the work of its update."""
    timeline = progress.timeline
    judged = rollouts.judged(step, timeline)
    with timeline.during(Phase.SCORING):
        _check_sampled(judged, step, trainer)
        scored = [scorer.score(j, step, i) for i, j in enumerate(judged)]
    with timeline.during(Phase.JOURNALLING):
        rollouts.keep(step, scored)
    groups: list[Group] = []
    dropped: dict[Role, dict[str, int]] = {role: {} for role in Role}
    for bout in scored:
        for role, played, found in (
            (Role.CODER, bout.judged.coder, bout.coder),
            (Role.TESTER, bout.judged.tester, bout.tester),
        ):
            if (reason := found.dropped) is not None:
                dropped[role][reason] = dropped[role].get(reason, 0) + 1
            elif trainer.learns(role):
                groups.append(_group(trainer, role, played, found))

    trainer.pass_rates |= {
        s.judged.task.id: rate
        for s in scored
        if s.basis is not None and not math.isnan(rate := pass_rate(s.basis.matrix))
    }
    progress.phase("learning")
    trainer.set_learning_rate(step)
    with timeline.during(Phase.LEARNING):
        stats = trainer.learner.update(groups)
    with timeline.during(Phase.METRICS):
        record = {"step": step, **_metrics(scored, groups, dropped, stats, trainer)}
    responses = sum(len(j.coder) + len(j.tester) + len(j.opponents) for j in judged)
    return record, responses, work_in(trainer, groups)


def tokens_of(judged: Sequence[GroupResult]) -> int:
    """Tokens that were sampled for these bouts."""
    return sum(len(r.token_ids) for j in judged for r in (*j.coder, *j.tester, *j.opponents))


def _metrics(
    scored: Sequence[Scored],
    groups: Sequence[Group],
    dropped: Mapping[Role, Mapping[str, int]],
    stats: Mapping[Role, RoleStats],
    trainer: Trainer,
) -> dict[str, Any]:
    """docs/records.md says of each key what it is over, and in which unit."""
    judged = [s.judged for s in scored]
    responses = [r for j in judged for r in (*j.coder, *j.tester)]
    record: dict[str, Any] = {
        "tokens": tokens_of(judged),
        "one_shot": _mean([pass_rate(j.matrix) for j in judged]),
        "tests_right": _mean(
            [j.right_U.mean() for j in judged if j.right_U is not None and len(j.tester)]
        ),
        "tests_invalid": _mean([1 - j.valid_U.mean() for j in judged if len(j.tester)]),
        "groups_dropped": sum(sum(d.values()) for d in dropped.values()) / (2 * len(judged)),
        "infra_share": infra_share(judged),
        "learning_rate": trainer.learner.learning_rate,
        "refused": sum(s.refused for s in stats.values()),
        "input_size": _mean([s for j in judged for s in j.size_U[j.parsed_U]]),
        "monitors": monitor_values(judged),
    }
    if any(j.supervision for j in judged):
        record["supervision"] = supervision_metrics(scored)
    for role in Role:
        s = stats[role]
        own = [g for g in groups if g.role is role]
        moving = own if trainer.recipe.learning.learns(role) else []  # a loss may weigh nothing
        carrying = sum(len(g.samples) for g in moving)
        reward = _rewards(scored, role)
        every = [r for r in responses if r.role is role]
        record[role] = {
            "loss": s.loss,
            "kl": s.kl,
            "clip_share": s.clip_share,
            "first_clip_share": s.first_clip_share,
            "grad_norm": s.grad_norm,
            "entropy": s.entropy,
            "largest_ratio": s.largest_ratio,
            "smallest_ratio": s.smallest_ratio,
            "kl_max": s.kl_max,
            "logprob_gap": s.logprob_gap,
            "logprob_gap_max": s.logprob_gap_max,
            "response_gap": s.response_gap,
            "response_gap_max": s.response_gap_max,
            "weights_ess": s.weights_ess,
            "tokens_trained": sum(g.tokens for g in own),
            "groups_trained": len(own),
            "optimizer_steps": s.optimizer_steps,
            "gradient_share": carrying / len(every) if every else float("nan"),
            "reward_mean": _mean(reward),
            "reward_std": float(np.std(reward)) if reward else float("nan"),
            "mean_length": _mean([len(r.token_ids) for r in every]),
            "truncated_share": _mean([r.stop is StopReason.LENGTH for r in every]),
            "parse_failures": _failures(judged, role),
            "dropped": dropped[role],
        }
    return record


def _rewards(scored: Sequence[Scored], role: Role) -> list[float]:
    """The rewards of a role's responses that have one."""
    found = [s.coder_reward if role is Role.CODER else s.terms.reward for s in scored]
    return [float(r) for group in found for r in group if not math.isnan(r)]


def _check_sampled(judged: Sequence[GroupResult], step: int, trainer: Trainer) -> None:
    """A model that gives no numbers any more was damaged before: learning on would hide it.
    Recorded tokens that it does not know are another model's."""
    words = trainer.model.get_input_embeddings().weight.shape[0]
    for bout in judged:
        for response in (*bout.coder, *bout.tester):
            ids = (*response.prompt_ids, *response.token_ids)
            if not 0 <= min(ids) <= max(ids) < words:
                raise RunError(
                    f"step {step}: its rollouts have tokens that the model does not know ({words} "
                    "are known); they are of another model, or were changed"
                )
            if not all(map(math.isfinite, response.logprobs)):
                raise RunError(
                    f"step {step}: the model's log-probs are not numbers; its weights were damaged "
                    "before (too large a learning rate?). Go back to an earlier checkpoint: "
                    "sparring train --replay RUN --from-step N --run-dir NEW "
                    "--set learning.learning_rate=…"
                )


def _group(trainer: Trainer, role: Role, rs: Sequence[Response], found: Advantages) -> Group:
    """The responses of a group that carry a label, with their advantages."""
    return Group(
        role,
        rs[0].prompt_ids,
        trainer.temperature(role),
        tuple(
            learned_from(r, float(a), trainer.recipe)
            for r, a, labelled in zip(rs, found.value, found.labelled, strict=True)
            if labelled
        ),
    )


def learned_from(response: Response, advantage: float, recipe: Recipe) -> Sample:
    """What is learned from a response: all of it, or its first tokens."""
    most = recipe.learning.max_response_tokens
    return Sample(response.token_ids[:most], response.logprobs[:most], advantage)


def _failures(judged: Sequence[GroupResult], role: Role) -> dict[str, int]:
    """How often each parse failure occurred."""
    parsed = [p for j in judged for p in (j.programs if role is Role.CODER else j.tests)]
    names = [p.failure for p in parsed if p.failure is not None]
    return {str(name): names.count(name) for name in ParseFailure if name in names}


def _mean(values: Sequence[float]) -> float:
    """The mean, or NaN of nothing."""
    known = [v for v in values if not math.isnan(v)]
    return float(np.mean(known)) if known else float("nan")
