"""Forward passes over this process's share of an update's groups: what is known before a step.

The trainer's own old log-probs, the reference's, and the KL between policy
and reference that may be taken off the rewards: all without gradient, by the
backend and the micro-batches of the update itself, each process for its share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from transformers import PreTrainedModel

from sparring.learner.balance import idle, rounds
from sparring.learner.distributed.world import World
from sparring.learner.logprobs.backend import attending
from sparring.learner.logprobs.compute import ResponseLogprobs, response_logprobs
from sparring.learner.loss import kl_terms
from sparring.learner.reference import FixedLogprobs, visiting
from sparring.learner.samples import Group
from sparring.learner.settings import Backend, KLPlace, LearningSettings
from sparring.policy.prepared import is_adapted, start_weights
from sparring.schema import Role


@dataclass(slots=True)
class Passes:
    """A model and its reference, asked for log-probs as the settings want them computed."""

    model: PreTrainedModel
    reference: PreTrainedModel | None
    backend: Backend
    settings: LearningSettings
    world: World
    sharded: bool
    fixed: FixedLogprobs = field(default_factory=FixedLogprobs)
    """The reference's log-probs of the update that is being made."""

    old: FixedLogprobs = field(default_factory=FixedLogprobs)
    """The policy's, by which ratios are taken, where the trainer computes them."""

    @torch.no_grad()
    def fix_old(self, parts: Sequence[dict[Role, list[Group]]]) -> list[list[Group]]:
        """Compute the policy's own log-probs, as it is now, of all micro-batches that an update
        will make of ``parts``: in these very micro-batches, because in bfloat16 others would round
        otherwise. Returns this process's."""
        own = [
            (batch, role)
            for part in parts
            for role, groups in part.items()
            for batch in self.batches(groups)
        ]
        with attending(self.model, self.backend):
            for batch, role in own:
                passed = batch or idle(role)
                self.old[passed] = self.logprobs(self.model, passed).logprob
        return [batch for batch, _ in own if batch]

    @torch.no_grad()
    def score(
        self, model: PreTrainedModel, groups: Sequence[Group], start: bool
    ) -> list[tuple[float, ...]]:
        """The log-probs of the tokens of each sample under ``model``; of an adapted one without
        its adapter if the ``start`` is wanted."""

        def values(batches: Sequence[list[Group]]) -> list[torch.Tensor]:
            bare = start and is_adapted(model)
            there = start_weights(model) if bare else visiting(model, self.world.device)
            with there, attending(model, self.backend):
                return [self.logprobs(model, batch).logprob for batch in batches]

        found = self.of_samples(groups, values)
        return [found[id(s)] for g in groups for s in g.samples]

    @torch.no_grad()
    def penalised(self, groups: Sequence[Group]) -> tuple[list[Group], dict[Role, float]]:
        """The groups with the KL to the reference taken off the advantages, which are normalised
        already: β times its sum over a response's tokens, centred over the group, and not divided
        by its deviation. And the KL itself, by role: mean over tokens."""
        if self.reference is None:  # to the policy that sampled: nothing
            return list(groups), {}
        settings = self.settings
        values = self.of_samples(groups, self.of_reference)
        cost: dict[int, float] = {}
        for s in (s for g in groups for s in g.samples):
            sampled, fixed = torch.tensor(s.sampled_logprobs), torch.tensor(values[id(s)])
            kl = kl_terms(sampled, fixed, settings.kl_estimator, settings.kl_bound)
            cost[id(s)] = settings.kl * float(kl.sum())
        total = {id(g): sum(cost[id(s)] for s in g.samples) for g in groups}
        mean = {id(g): total[id(g)] / len(g.samples) for g in groups}
        penalised = [
            replace(
                g,
                samples=tuple(
                    replace(s, advantage=s.advantage - cost[id(s)] + mean[id(g)]) for s in g.samples
                ),
            )
            for g in groups
        ]
        found = {}
        for role in {g.role for g in groups}:
            own = [g for g in groups if g.role is role]
            found[role] = sum(total[id(g)] for g in own) / settings.kl / sum(g.tokens for g in own)
        return penalised, found

    def batches(self, groups: Sequence[Group]) -> list[list[Group]]:
        """This process's micro-batches of one role's groups; some empty where weights are sharded
        and all must make the same number of passes."""
        world, budget = self.world, self.settings.tokens_per_micro_batch
        return rounds(groups, budget, self.backend, world.rank, world.size, in_step=self.sharded)

    def of_samples(
        self,
        groups: Sequence[Group],
        values: Callable[[Sequence[list[Group]]], list[torch.Tensor]],
    ) -> dict[int, tuple[float, ...]]:
        """What ``values`` gives for micro-batches, [tokens] each, by the identity of samples. Each
        process computes its share, and all are given all. Micro-batches are of one role: where
        roles have adapters of their own, a forward pass is of one of them."""
        samples = [s for g in groups for s in g.samples]
        place = {id(s): i for i, s in enumerate(samples)}
        by_role = {role: [g for g in groups if g.role is role] for role in Role}
        batches = [(b, role) for role, own in by_role.items() for b in self.batches(own)]
        found = values([batch or idle(role) for batch, role in batches])
        own: dict[int, tuple[float, ...]] = {}
        for (batch, _), now in zip(batches, found, strict=True):
            if batch:
                own |= {place[i]: v for i, v in _by_sample(batch, now).items()}
        return {id(samples[i]): v for part in self.world.gather(own) for i, v in part.items()}

    def fix_reference(self, parts: Sequence[dict[Role, list[Group]]]) -> None:
        """Compute the reference's log-probs of all micro-batches that an update will make of
        ``parts``, where the loss has a term for them."""
        self.fixed.clear()
        settings = self.settings
        if not settings.needs_reference or settings.kl_place is not KLPlace.LOSS:
            return
        batches = [
            batch or idle(role)
            for part in parts
            for role, own in part.items()
            for batch in self.batches(own)
        ]
        for batch, found in zip(batches, self.of_reference(batches), strict=True):
            self.fixed[batch] = found

    @torch.no_grad()
    def of_reference(self, batches: Sequence[list[Group]]) -> list[torch.Tensor]:
        """The reference's log-probs of the tokens of each micro-batch, [tokens] each."""
        assert self.reference is not None
        if self.reference is self.model:
            there = start_weights(self.model)
        else:
            there = visiting(self.reference, self.model.device)
        with there as reference, attending(reference, self.backend):
            return [self.logprobs(reference, batch).logprob for batch in batches]

    def logprobs(self, model: PreTrainedModel, batch: Sequence[Group]) -> ResponseLogprobs:
        """As the settings want them computed. The model has to be `attending`."""
        return response_logprobs(model, batch, self.backend, self.settings.logprob_chunk)


def _by_sample(batch: Sequence[Group], values: torch.Tensor) -> dict[int, tuple[float, ...]]:
    """Flat values of a batch's tokens, by the identity of their sample."""
    samples = [s for g in batch for s in g.samples]
    parts = values.cpu().split([len(s.token_ids) for s in samples])
    return {id(s): tuple(part.tolist()) for s, part in zip(samples, parts, strict=True)}
