"""Who plays whom: a sampler that gives each role the weights it plays with.

Usually one model plays both roles. With an adapter per role, or a frozen
role, the weights differ; prompts say which role they are for, so the loops
and the evaluation ask for responses as ever and get those of the right player.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from transformers import PreTrainedModel

from sparring.sampling.base import Arrived, Prompt, unheeded
from sparring.sampling.local import LocalSampler, end_token_ids
from sparring.schema import Response, Role
from sparring.trainer import Trainer


class Cast:
    """A `Sampler` over the trainer's weights, role by role."""

    repeatable = True
    """Whether the same call gives the same responses, bit for bit."""

    def __init__(self, trainer: Trainer, max_rows: int) -> None:
        """``max_rows`` responses are sampled at once. Raises `ModelError` if no token ends a
        response."""
        self.trainer = trainer
        self.max_rows = max_rows
        self.end_ids = end_token_ids(trainer.model, trainer.tokenizer)

    def of(self, trainer: Trainer) -> Cast:
        """The same over another trainer's weights."""
        other = copy.copy(self)
        other.trainer = trainer
        return other

    def sample(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """See `Sampler.sample`."""
        found: list[list[Response]] = [[] for _ in prompts]
        for role in Role:
            chosen = [i for i, p in enumerate(prompts) if p.role is role]
            if not chosen:
                continue
            own = [prompts[i] for i in chosen]
            with self.trainer.playing(role) as model:
                every = self._sampler(model).sample(own, n, _renumbered(arrived, chosen))
            for i, responses in zip(chosen, every, strict=True):
                found[i] = responses
        return found

    def opponents(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """Responses of the start weights, whatever has been learned since."""
        with self.trainer.at_start() as model:
            return self._sampler(model).sample(prompts, n, arrived)

    def _sampler(self, model: PreTrainedModel) -> LocalSampler:
        return LocalSampler(model, self.trainer.tokenizer, self.max_rows, self.trainer.autocast)


def _renumbered(arrived: Arrived, numbers: Sequence[int]) -> Arrived:
    """For some of the prompts: told by the numbers that these have among all."""

    def told(number: int, response: Response) -> None:
        arrived(numbers[number], response)

    return told
