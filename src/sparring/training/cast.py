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

from sparring.config.recipe import Recipe
from sparring.policy.base import Arrived, Prompt, unheeded
from sparring.policy.local.sampler import LocalSampler, end_token_ids
from sparring.schema import Response, Role
from sparring.training.behind import FilesBehind
from sparring.training.players import Player, Request
from sparring.training.served import Served
from sparring.training.trainer import Behind, Trainer


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

    def played_by(self, behind: Behind) -> Cast:
        """The same over the weights of one step before: a trainer's copy, or files that go to the
        same servers."""
        other = copy.copy(self)
        if isinstance(behind, Trainer):
            other.trainer = behind
        elif isinstance(behind, FilesBehind):
            other.served = behind.served
        return other

    def sample(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """See `Sampler.sample`. Servers are asked once for both roles."""
        if self.served:
            return self.served.play([Request(Player(p.role), p, n) for p in prompts], arrived)
        found: list[list[Response]] = [[] for _ in prompts]
        for role in Role:
            chosen = [i for i, p in enumerate(prompts) if p.role is role]
            if chosen:
                own, told = [prompts[i] for i in chosen], _renumbered(arrived, chosen)
                every = self.play(Player(role), own, n, told)
                for i, responses in zip(chosen, every, strict=True):
                    found[i] = responses
        return found

    def opponents(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """Responses of the start weights, whatever has been learned since."""
        if self.served:
            return self.served.play([Request(Player.OPPONENTS, p, n) for p in prompts], arrived)
        return self.play(Player.OPPONENTS, prompts, n, arrived)

    def play(
        self, player: Player, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """``n`` responses of a player to each prompt, sampled in this process."""
        start = player is Player.OPPONENTS
        weights = self.trainer.at_start() if start else self.trainer.playing(player.role)
        with weights as model:
            return self._sampler(model).sample(prompts, n, arrived)

    def ready(self) -> None:
        """Have servers started, with the weights that play now."""
        if self.served:
            self.served.bring(self.served.calls([*Player][::2])[0])

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
