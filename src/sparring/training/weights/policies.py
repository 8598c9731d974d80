"""Sampler that picks the weights for each role.

Usually one model answers for both roles. With an adapter per role, or a frozen role, the weights of
the roles differ. Each prompt names its role, so rollouts and evaluation call the sampler as they
call any other. Either this process samples, or vLLM servers do (`served`).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

from sparring.config.recipe import Recipe
from sparring.policy.base import Arrived, Prompt, ignore_response
from sparring.policy.local.sampler import LocalSampler, end_token_ids
from sparring.schema import Response, Role
from sparring.training.state.policy import BehaviourPolicy, Policy
from sparring.training.state.trainer import Trainer
from sparring.training.weights.behaviour import SnapshotFiles
from sparring.training.weights.players import Player, PlayerRequest
from sparring.training.weights.served import ServedPolicies


class RolePolicies:
    """`Sampler` over the trainer's weights, role by role."""

    def __init__(self, policy: Policy, max_batch_size: int) -> None:
        """At most ``max_batch_size`` responses are sampled at once. Raises `ModelError` if no token
        ends a response."""
        self.policy = policy
        self.max_batch_size = max_batch_size
        self.end_ids = end_token_ids(policy.model, policy.tokenizer)
        self.served: ServedPolicies | None = None

    @classmethod
    def of(cls, recipe: Recipe, trainer: Trainer, log: Path | None) -> RolePolicies:
        """Return the recipe's sampler, with servers if the recipe names them; a server that we
        start writes to ``log``. The caller has to close the sampler."""
        policies = cls(trainer, recipe.sampling.max_batch_size)
        policies.served = ServedPolicies.of(recipe, trainer, policies.end_ids, log)
        return policies

    def with_weights(self, behaviour: BehaviourPolicy) -> RolePolicies:
        """Return this sampler over the weights of the step before: a copy in this process, or
        files that the same servers load."""
        other = copy.copy(self)
        if isinstance(behaviour, Policy):
            other.policy = behaviour
        elif isinstance(behaviour, SnapshotFiles):
            other.served = behaviour.served
        return other

    def sample(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = ignore_response
    ) -> list[list[Response]]:
        """See `Sampler.sample`. Servers are asked once for both roles."""
        if self.served:
            return self.served.play([PlayerRequest(Player(p.role), p, n) for p in prompts], arrived)
        groups: list[list[Response]] = [[] for _ in prompts]
        for role in Role:
            chosen = [i for i, p in enumerate(prompts) if p.role is role]
            if chosen:
                own, of_role = [prompts[i] for i in chosen], _renumbered(arrived, chosen)
                sampled = self.play(Player(role), own, n, of_role)
                for i, responses in zip(chosen, sampled, strict=True):
                    groups[i] = responses
        return groups

    def play(
        self, player: Player, prompts: Sequence[Prompt], n: int, arrived: Arrived = ignore_response
    ) -> list[list[Response]]:
        """Sample ``n`` responses of a player to each prompt, in this process."""
        start = player is Player.INITIAL_POLICY
        weights = self.policy.initial_policy() if start else self.policy.policy_for(player.role)
        with weights as model:
            marks = self.policy.recipe.prompts.marks
            sampler = LocalSampler(model, self.policy.tokenizer, self.max_batch_size, marks=marks)
            return sampler.sample(prompts, n, arrived)

    def ready(self) -> None:
        """Start servers, if the recipe has any, and load the current weights."""
        if self.served:
            self.served.bring(self.served.calls([*Player][::2])[0])

    def rest(self) -> None:
        """Free GPUs that servers share with the trainer, until the next request."""
        if self.served:
            self.served.rest()

    def close(self) -> None:
        """End the servers that we started."""
        if self.served:
            self.served.close()


def _renumbered(arrived: Arrived, numbers: Sequence[int]) -> Arrived:
    """Return a callback for some of the prompts that passes on their ``numbers`` among all."""

    def renumbered(number: int, response: Response) -> None:
        arrived(numbers[number], response)

    return renumbered
