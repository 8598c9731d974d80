"""Metrics of a training step: a function of recipe and seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparring.grading.grade import infra_share
from sparring.grading.group import GroupResult
from sparring.grading.monitors import monitor_values
from sparring.grading.pseudo_labels import pseudo_label_metrics
from sparring.grading.record import ScoredGroup
from sparring.learner.samples import SampleGroup
from sparring.learner.stats import RoleStats
from sparring.metrics.metrics import pass_rate
from sparring.schema import ParseFailure, Role, StopReason
from sparring.training.state.trainer import Trainer


def tokens_of(results: Sequence[GroupResult]) -> int:
    """Return the number of tokens sampled for these groups."""
    return sum(
        len(r.token_ids) for g in results for r in (*g.coder, *g.tester, *g.initial_policy_programs)
    )


def step_metrics(
    step: int,
    scored: Sequence[ScoredGroup],
    groups: Sequence[SampleGroup],
    stats: Mapping[Role, RoleStats],
    trainer: Trainer,
) -> dict[str, Any]:
    """Return the metrics record of a step.

    ``scored`` are all groups of the step, ``groups`` the samples that were learned from, ``stats``
    the statistics of the update by role. docs/records.md defines each key and its unit.
    """
    dropped = {role: _dropped(scored, role) for role in Role}
    graded = [s.group for s in scored]
    responses = [r for j in graded for r in (*j.coder, *j.tester)]
    record: dict[str, Any] = {
        "step": step,
        "tokens": tokens_of(graded),
        "pass@1": _mean([pass_rate(j.matrix) for j in graded]),
        "tests_right": _mean(
            [j.right_U.mean() for j in graded if j.right_U is not None and len(j.tester)]
        ),
        "tests_invalid": _mean([1 - j.valid_U.mean() for j in graded if len(j.tester)]),
        "groups_dropped": sum(sum(d.values()) for d in dropped.values()) / (2 * len(graded)),
        "infra_share": infra_share(graded),
        "learning_rate": trainer.learner.learning_rate,
        "refused": sum(s.refused for s in stats.values()),
        "input_size": _mean([s for j in graded for s in j.size_U[j.parsed_U]]),
        "monitors": monitor_values(graded),
    }
    if any(j.pseudo_labels for j in graded):
        record["pseudo_labels"] = pseudo_label_metrics(scored)
    for role in Role:
        s = stats[role]
        own = [g for g in groups if g.role is role]
        moving = own if trainer.recipe.learning.learns(role) else []  # a loss's weight may be 0
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
            "parse_failures": _failures(graded, role),
            "dropped": dropped[role],
        }
    return record


def _rewards(scored: Sequence[ScoredGroup], role: Role) -> list[float]:
    """Return the rewards of a role's responses, without responses that have no reward (NaN)."""
    rewards = [s.earned.rewards(role).value for s in scored]
    return [float(r) for group in rewards for r in group if not math.isnan(r)]


def _dropped(scored: Sequence[ScoredGroup], role: Role) -> dict[str, int]:
    """Return the number of a role's groups that were not learned from, by reason."""
    counts: dict[str, int] = {}
    for s in scored:
        reason = s.earned.advantages(role).dropped
        if reason is not None:
            counts[reason] = counts.get(reason, 0) + 1
    return counts


def _failures(groups: Sequence[GroupResult], role: Role) -> dict[str, int]:
    """Return the number of a role's parse failures, by failure."""
    parsed = [p for j in groups for p in (j.programs if role is Role.CODER else j.tests)]
    names = [p.failure for p in parsed if p.failure is not None]
    return {str(name): names.count(name) for name in ParseFailure if name in names}


def _mean(values: Sequence[float]) -> float:
    """Return the mean of the values that are not NaN, or NaN without any."""
    known = [v for v in values if not math.isnan(v)]
    return float(np.mean(known)) if known else float("nan")
