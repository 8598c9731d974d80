"""Policies: the weights that answer for each role, current or of an earlier step.

Usually one model answers for both roles. With an adapter per role, the role's adapter is activated
before the role is sampled. A frozen role is sampled from the initial weights, as initial-policy
programs are.
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
from sparring.learner.distributed.context import DistributedContext
from sparring.learner.reference import visiting
from sparring.policy.adapters import activate
from sparring.policy.prepared import initial_weights, is_adapted
from sparring.policy.saved import save_state
from sparring.schema import Role

_FILE = "behind.pt"
"""File in a checkpoint with the weights of the step before, for asynchronous rollouts."""


class BehaviourPolicy(Protocol):
    """Policy from which asynchronous rollouts are sampled, one step behind the trainer: a
    `Snapshot`, or files for servers."""

    step: int
    """The step of the weights."""
    pass_rates: dict[str, float]
    """Share of correct programs by task id, as of ``step``."""

    def prepare(self, trainer: Policy) -> None:
        """Get ready for the first sampled step of a new or resumed run."""
        ...

    def copy_from(self, trainer: Policy) -> None:
        """Copy the trainer's weights and counters."""
        ...

    def save(self, checkpoint: Path) -> None:
        """Write weights and counters into the directory ``checkpoint``."""
        ...

    def load(self, checkpoint: Path) -> None:
        """Load the weights and counters that `save` has written."""
        ...


class Policy:
    """One model that plays both roles.

    ``step`` is the training step of the weights. ``pass_rates`` holds, for the curriculum, each
    task's share of correct programs when the task was last sampled.
    """

    def __init__(
        self,
        recipe: Recipe,
        distributed: DistributedContext,
        model: PreTrainedModel,
        tokenizer: Any,
    ) -> None:
        self.recipe = recipe
        self.distributed = distributed
        self.model = model
        self.tokenizer = tokenizer
        self.step = 0
        self.pass_rates: dict[str, float] = {}
        self.initial: PreTrainedModel | None = None
        """Copy of the full initial model, kept for a frozen role and for initial-policy programs;
        None where no copy is kept."""

    def learns(self, role: Role) -> bool:
        """Return True if the role learns, and False if the role keeps the initial weights."""
        return not self.recipe.learning.frozen.covers(role)

    def temperature(self, role: Role) -> float:
        """Return the divisor of the role's logits, in sampling and in the log-probs of the loss."""
        s = self.recipe.sampling
        return s.coder_temperature if role is Role.CODER else s.tester_temperature

    @contextmanager
    def policy_for(self, role: Role) -> Iterator[PreTrainedModel]:
        """Yield the model on this process's device, with the weights of ``role`` in force."""
        if self.learns(role):
            with visiting(self.full_model(), self.distributed.device) as model:
                activate(model, [role])
                yield model
        else:
            with self.initial_policy() as model:
                yield model

    @contextmanager
    def initial_policy(self) -> Iterator[PreTrainedModel]:
        """Yield the model with its initial weights.

        Raises `RuntimeError` if the weights have changed and no copy of the initial weights was
        kept: other weights must never pass for the initial weights.
        """
        device = self.distributed.device
        if self.initial is not None:
            with visiting(self.initial, device) as model:
                yield model
        elif is_adapted(self.model):
            with visiting(self.full_model(), device) as model, initial_weights(model):
                yield model
        elif self.unchanged():
            with visiting(self.full_model(), device) as model:
                yield model
        else:
            raise RuntimeError(
                f"the initial weights are needed after step {self.step}, but no copy was kept: "
                "this recipe has no initial-policy programs and no frozen role"
            )

    def full_model(self) -> PreTrainedModel:
        """Return the model with all its current weights. Do not keep a reference to it."""
        return self.model

    def unchanged(self) -> bool:
        """Return True if the weights are still the initial weights."""
        return self.step == 0


class Snapshot(Policy):
    """Copy of a trainer's weights that does not learn. Weights that never change are shared."""

    def __init__(self, trainer: Policy, learning: frozenset[str]) -> None:
        """``learning`` holds the names of the parameters that learn."""
        source = trainer.full_model()
        constant = {id(p): p for n, p in source.named_parameters() if n not in learning}
        model = copy.deepcopy(source, constant)
        super().__init__(trainer.recipe, trainer.distributed, model, trainer.tokenizer)
        self.initial = trainer.initial
        self._learning = learning
        self.copy_from(trainer)

    def prepare(self, trainer: Policy) -> None:
        """See `BehaviourPolicy.prepare`."""

    @torch.no_grad()
    def copy_from(self, trainer: Policy) -> None:
        """See `BehaviourPolicy.copy_from`."""
        source = trainer.full_model().parameters()
        for own, theirs in zip(self.model.parameters(), source, strict=True):
            if own is not theirs:
                own.copy_(theirs)
        self.step, self.pass_rates = trainer.step, dict(trainer.pass_rates)

    def save(self, checkpoint: Path) -> None:
        """Write the learning weights and the counters into a checkpoint."""
        learned = {n: p.data.cpu() for n, p in self.model.named_parameters() if n in self._learning}
        state = {"step": self.step, "pass_rates": self.pass_rates, "weights": learned}
        save_state(state, checkpoint / _FILE)

    @torch.no_grad()
    def load(self, checkpoint: Path) -> None:
        """Load the weights and counters that `save` has written. Raises OSError, KeyError or
        RuntimeError for any other file."""
        state = torch.load(checkpoint / _FILE, "cpu", weights_only=True)
        for name, own in self.model.named_parameters():
            if name in self._learning:
                own.copy_(state["weights"][name])
        self.step, self.pass_rates = state["step"], state["pass_rates"]
