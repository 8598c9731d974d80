"""Who plays whom: a sampler that gives each role the weights it plays with.

Usually one model plays both roles. With an adapter per role, or a frozen
role, the weights differ; prompts say which role they are for, so the loops
and the evaluation ask for responses as ever and get those of the right player.
What samples is this process, or vLLM servers (`served`).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedModel

from sparring.recipe import Recipe
from sparring.sampling.base import Arrived, Prompt, unheeded
from sparring.sampling.local import LocalSampler, end_token_ids
from sparring.schema import Response, Role
from sparring.training.served import Served
from sparring.training.trainer import Trainer


class Cast:
    """A `Sampler` over the trainer's weights, role by role."""

    def __init__(self, trainer: Trainer, max_rows: int) -> None:
        """``max_rows`` responses are sampled at once. Raises `ModelError` if no token ends a
        response."""
        self.trainer = trainer
        self.max_rows = max_rows
        self.end_ids = end_token_ids(trainer.model, trainer.tokenizer)
        self.served: Served | None = None

    @classmethod
    def of(cls, recipe: Recipe, trainer: Trainer, log: Path | None) -> Cast:
        """The recipe's, with servers if it wants them; one that is ours writes to ``log``. Close
        it then."""
        cast = cls(trainer, recipe.sampling.max_rows)
        cast.served = Served.of(recipe, trainer, cast.end_ids, log)
        return cast

    def played_by(self, trainer: Trainer) -> Cast:
        """The same over another trainer's weights; servers are the same ones."""
        other = copy.copy(self)
        other.trainer = trainer
        other.served = self.served and self.served.played_by(trainer)
        return other

    @property
    def repeatable(self) -> bool:
        """Whether the same call gives the same responses, bit for bit."""
        return self.served is None

    def sample(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """See `Sampler.sample`."""
        found: list[list[Response]] = [[] for _ in prompts]
        for role in Role:
            chosen = [i for i, p in enumerate(prompts) if p.role is role]
            if not chosen:
                continue
            own, told = [prompts[i] for i in chosen], _renumbered(arrived, chosen)
            if self.served:
                every = self.served.sample(role, own, n, told)
            else:
                with self.trainer.playing(role) as model:
                    every = self._sampler(model).sample(own, n, told)
            for i, responses in zip(chosen, every, strict=True):
                found[i] = responses
        return found

    def opponents(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """Responses of the start weights, whatever has been learned since."""
        if self.served:
            return self.served.opponents(prompts, n, arrived)
        with self.trainer.at_start() as model:
            return self._sampler(model).sample(prompts, n, arrived)

    def ready(self, role: Role = Role.CODER) -> None:
        """Have servers started, with the weights that play ``role`` now."""
        if self.served:
            self.served.ready(role)

    def rest(self) -> None:
        """Free GPUs that the trainer shares, until the next response is asked for."""
        if self.served:
            self.served.rest()

    def close(self) -> None:
        """End servers of our own."""
        if self.served:
            self.served.close()

    def _sampler(self, model: PreTrainedModel) -> LocalSampler:
        return LocalSampler(
            model,
            self.trainer.tokenizer,
            self.max_rows,
            marks=self.trainer.recipe.prompts.marks,
        )


def _renumbered(arrived: Arrived, numbers: Sequence[int]) -> Arrived:
    """For some of the prompts: told by the numbers that these have among all."""

    def told(number: int, response: Response) -> None:
        arrived(numbers[number], response)

    return told
