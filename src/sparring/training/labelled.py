"""Labelled responses of a step, in the form that the learner takes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sparring.config.recipe import Recipe
from sparring.errors import RunError
from sparring.grading.group import GroupResult
from sparring.grading.record import ScoredGroup
from sparring.learner.samples import Sample, SampleGroup
from sparring.metrics.metrics import pass_rate
from sparring.rewards.advantages import Advantages
from sparring.schema import Response, Role
from sparring.training.state.trainer import Trainer


def labelled_groups(trainer: Trainer, scored: Sequence[ScoredGroup]) -> list[SampleGroup]:
    """Return the groups of all roles that learn, without groups that have no label or no signal."""
    return [
        _group(trainer, role, responses, advantages)
        for s in scored
        for role, responses, advantages in (
            (Role.CODER, s.group.coder, s.earned.coder),
            (Role.TESTER, s.group.tester, s.earned.tester),
        )
        if advantages.dropped is None and trainer.learns(role)
    ]


def _group(
    trainer: Trainer, role: Role, rs: Sequence[Response], advantages: Advantages
) -> SampleGroup:
    """Return the labelled responses of a group with their advantages."""
    return SampleGroup(
        role,
        rs[0].prompt_ids,
        trainer.temperature(role),
        tuple(
            learned_from(r, float(a), trainer.recipe)
            for r, a, labelled in zip(rs, advantages.value, advantages.labelled, strict=True)
            if labelled
        ),
    )


def learned_from(response: Response, advantage: float, recipe: Recipe) -> Sample:
    """Return the part of a response that is learned from: all tokens, or the first
    ``learning.max_response_tokens``."""
    limit = recipe.learning.max_response_tokens
    return Sample(response.token_ids[:limit], response.logprobs[:limit], advantage)


def pass_rates(scored: Sequence[ScoredGroup]) -> dict[str, float]:
    """Return the share of correct programs by task id, for the curriculum. Tasks whose programs
    could not be graded are left out."""
    return {
        s.group.task.id: rate
        for s in scored
        if s.rewarded_on is not None and not math.isnan(rate := pass_rate(s.rewarded_on.matrix))
    }


def check_sampled(results: Sequence[GroupResult], step: int, trainer: Trainer) -> None:
    """Raise `RunError` for responses that cannot be learned from: log-probs that are not finite
    (the weights are damaged), or token ids outside the vocabulary (another model's record)."""
    vocabulary = trainer.model.get_input_embeddings().weight.shape[0]
    for result in results:
        for response in (*result.coder, *result.tester):
            ids = (*response.prompt_ids, *response.token_ids)
            if not 0 <= min(ids) <= max(ids) < vocabulary:
                raise RunError(
                    f"step {step}: the rollouts have tokens that the model does not know (its "
                    f"vocabulary has {vocabulary}): they are of another model, or were changed; "
                    "restore the run's own rollouts"
                )
            if not all(map(math.isfinite, response.logprobs)):
                raise RunError(
                    f"step {step}: the model's log-probs are not numbers: an earlier update has "
                    "damaged the weights (learning rate too large?); go back to an earlier "
                    "checkpoint: sparring train --replay RUN --from-step N --run-dir NEW "
                    "--set learning.learning_rate=…"
                )
