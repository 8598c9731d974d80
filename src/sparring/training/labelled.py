"""The responses of a step that carry a label, as the learner takes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sparring.config.recipe import Recipe
from sparring.errors import RunError
from sparring.grading.group import GroupResult
from sparring.grading.record import Scored
from sparring.learner.samples import Group, Sample
from sparring.metrics.metrics import pass_rate
from sparring.rewards.advantages import Advantages
from sparring.schema import Response, Role
from sparring.training.state.trainer import Trainer


def labelled_groups(trainer: Trainer, scored: Sequence[Scored]) -> list[Group]:
    """The groups of the roles that learn, but those without a label and those that teach
    nothing."""
    return [
        _group(trainer, role, responses, advantages)
        for bout in scored
        for role, responses, advantages in (
            (Role.CODER, bout.judged.coder, bout.earned.coder),
            (Role.TESTER, bout.judged.tester, bout.earned.tester),
        )
        if advantages.dropped is None and trainer.learns(role)
    ]


def _group(trainer: Trainer, role: Role, rs: Sequence[Response], advantages: Advantages) -> Group:
    """The responses of a group that carry a label, with their advantages."""
    return Group(
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
    """What is learned from a response: all of it, or its first tokens."""
    most = recipe.learning.max_response_tokens
    return Sample(response.token_ids[:most], response.logprobs[:most], advantage)


def pass_rates(scored: Sequence[Scored]) -> dict[str, float]:
    """The share of correct programs by task, where tests say it, for the curriculum."""
    return {
        s.judged.task.id: rate
        for s in scored
        if s.basis is not None and not math.isnan(rate := pass_rate(s.basis.matrix))
    }


def check_sampled(judged: Sequence[GroupResult], step: int, trainer: Trainer) -> None:
    """Raise `RunError` for responses that cannot be learned from. A model that gives no numbers
    any more was damaged before: learning on would hide it. Recorded tokens that it does not know
    are another model's."""
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
