"""The weights that answer for each role, as they are now or as they were at an earlier step.

Usually one model answers for both roles. An adapter per role is put in force when its role is
asked; a frozen role has the initial weights, as initial-policy programs do.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import PreTrainedModel

from sparring.config.recipe import Recipe
from sparring.learner.distributed.world import World
from sparring.learner.reference import visiting
from sparring.policy.adapters import activate
from sparring.policy.prepared import is_adapted, start_weights
from sparring.policy.saved import save_state
from sparring.schema import Role

_FILE = "behind.pt"
"""In a checkpoint: the weights of the step before, where rollouts are made ahead."""


class BehaviourPolicy(Protocol):
    """What asynchronous rollouts are sampled from, one step behind the trainer: a `Snapshot`, or
    files for servers."""

    step: int
    pass_rates: dict[str, float]

    def begin(self, trainer: Policy) -> None:
        """Be ready for the first step that is sampled, in a run that begins or is resumed."""
        ...

    def follow(self, trainer: Policy) -> None:
        """Take over the trainer's weights and counters."""
        ...

    def keep(self, checkpoint: Path) -> None:
        """Put them into a checkpoint."""
        ...

    def take(self, checkpoint: Path) -> None:
        """Take over what `keep` gave."""
        ...


class Policy:
    """One model in both roles. ``step`` is that of its weights, ``pass_rates`` the share of correct
    programs of every task when it was last met, for the curriculum."""

    def __init__(
        self, recipe: Recipe, world: World, model: PreTrainedModel, tokenizer: Any
    ) -> None:
        self.recipe = recipe
        self.world = world
        self.model = model
        self.tokenizer = tokenizer
        self.step = 0
        self.pass_rates: dict[str, float] = {}
        self.initial: PreTrainedModel | None = None
        """Full weights as they were at the start, for a frozen role and for initial-policy
        programs, where they were kept."""

    def learns(self, role: Role) -> bool:
        """Whether the role learns; a frozen one answers as it did at the start."""
        return not self.recipe.learning.frozen.covers(role)

    def temperature(self, role: Role) -> float:
        """What divides the role's logits in sampling, and so in the log-probs learned from."""
        s = self.recipe.sampling
        return s.coder_temperature if role is Role.CODER else s.tester_temperature

    @contextmanager
    def policy_for(self, role: Role) -> Iterator[PreTrainedModel]:
        """The model on this process's device, with the weights of ``role`` in force."""
        if self.learns(role):
            with visiting(self.full_model(), self.world.device) as model:
                activate(model, [role])
                yield model
        else:
            with self.initial_policy() as model:
                yield model

    @contextmanager
    def initial_policy(self) -> Iterator[PreTrainedModel]:
        """The model with the weights that it began with. Raises `RuntimeError` where they have
        been learned from and nobody has kept them: not even by mistake others in their place."""
        device = self.world.device
        if self.initial is not None:
            with visiting(self.initial, device) as model:
                yield model
        elif is_adapted(self.model):
            with visiting(self.full_model(), device) as model, start_weights(model):
                yield model
        elif self.unchanged():
            with visiting(self.full_model(), device) as model:
                yield model
        else:
            raise RuntimeError(
                f"the start weights are asked for after step {self.step}, but this recipe has no "
                "opponents and no frozen role, so no copy of them was kept"
            )

    def full_model(self) -> PreTrainedModel:
        """The model with all its weights as they are now. Not to be kept."""
        return self.model

    def unchanged(self) -> bool:
        """Whether the weights are still those that the run began with."""
        return self.step == 0


class Snapshot(Policy):
    """A copy of a trainer's weights that does not learn. Weights that never change are shared."""

    def __init__(self, trainer: Policy, learning: frozenset[str]) -> None:
        """``learning`` are the names of the weights that learn."""
        source = trainer.full_model()
        constant = {id(p): p for n, p in source.named_parameters() if n not in learning}
        model = copy.deepcopy(source, constant)
        super().__init__(trainer.recipe, trainer.world, model, trainer.tokenizer)
        self.initial = trainer.initial
        self._learning = learning
        self.follow(trainer)

    def begin(self, trainer: Policy) -> None:
        """See `BehaviourPolicy.begin`."""

    @torch.no_grad()
    def follow(self, trainer: Policy) -> None:
        """See `BehaviourPolicy.follow`."""
        theirs = trainer.full_model().parameters()
        for own, its in zip(self.model.parameters(), theirs, strict=True):
            if own is not its:
                own.copy_(its)
        self.step, self.pass_rates = trainer.step, dict(trainer.pass_rates)

    def keep(self, checkpoint: Path) -> None:
        """Put weights that learn and counters into a checkpoint."""
        learned = {n: p.data.cpu() for n, p in self.model.named_parameters() if n in self._learning}
        state = {"step": self.step, "pass_rates": self.pass_rates, "weights": learned}
        save_state(state, checkpoint / _FILE)

    @torch.no_grad()
    def take(self, checkpoint: Path) -> None:
        """Take over what `keep` gave. Raises OSError, KeyError or RuntimeError for anything
        else."""
        state = torch.load(checkpoint / _FILE, "cpu", weights_only=True)
        for name, own in self.model.named_parameters():
            if name in self._learning:
                own.copy_(state["weights"][name])
        self.step, self.pass_rates = state["step"], state["pass_rates"]
