"""Forward passes without gradient over an update's groups, made before the first optimiser step.

The passes give the trainer's own old log-probs, the reference's log-probs, and the KL between
policy and reference where the KL is subtracted from the advantages. They use the backend and the
micro-batches of the update itself; each process computes its own share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import torch
from transformers import PreTrainedModel

from sparring.learner.balance import idle_batch, rounds
from sparring.learner.distributed.context import DistributedContext
from sparring.learner.logprobs.backend import attending
from sparring.learner.logprobs.compute import ResponseLogprobs, response_logprobs
from sparring.learner.loss import kl_terms
from sparring.learner.reference import FixedLogprobs, visiting
from sparring.learner.samples import SampleGroup
from sparring.learner.settings import KLPlace, LearningSettings, LogprobBackend
from sparring.policy.prepared import initial_weights, is_adapted
from sparring.schema import Role


class PassKind(StrEnum):
    """Passes over the micro-batches of an update, as a progress display names them."""

    REFERENCE = "reference pass"
    """Forward pass of the reference, or of the initial weights."""
    OLD = "pass for old log-probs"
    """Forward pass of the policy before the weights move."""
    UPDATE = "micro-batch"
    """Forward and backward pass of an optimiser step."""


OnPass = Callable[[PassKind, int, int], None]
"""Function called when a pass of the update begins, with its number (from 1) and the total."""


def ignore_pass(kind: PassKind, number: int, total: int) -> None:
    """Do nothing with a pass: the default for `OnPass`."""


@dataclass(slots=True)
class Passes:
    """Forward passes of a model and its reference, with the backend and micro-batches of an
    update."""

    model: PreTrainedModel
    reference: PreTrainedModel | None
    backend: LogprobBackend
    settings: LearningSettings
    distributed: DistributedContext
    sharded: bool
    fixed: FixedLogprobs = field(default_factory=FixedLogprobs)
    """The reference's log-probs of the current update."""

    old: FixedLogprobs = field(default_factory=FixedLogprobs)
    """The policy's old log-probs of the current update, where the trainer computes them."""

    on_pass: OnPass = ignore_pass
    """Listener of the current update's passes."""

    _update: tuple[int, int] = (0, 0)
    """Number of update passes that have begun, and their total."""

    def plan_update(self, parts: Sequence[dict[Role, list[SampleGroup]]]) -> None:
        """Count the forward and backward passes that the update will make of ``parts``."""
        batches = sum(len(self.batches(own)) for part in parts for own in part.values())
        self._update = (0, batches * self.settings.ppo_epochs)

    def start_update(self) -> None:
        """Tell the listener that the next forward and backward pass of the update begins."""
        number, total = self._update
        self._update = (number + 1, total)
        self.on_pass(PassKind.UPDATE, number + 1, total)

    @torch.no_grad()
    def fix_old(self, parts: Sequence[dict[Role, list[SampleGroup]]]) -> list[list[SampleGroup]]:
        """Compute old log-probs under the current policy for all micro-batches that the update will
        make of ``parts``. Returns this process's micro-batches."""
        # In bfloat16 rounding depends on the micro-batch, so these are the update's own ones.
        own = [
            (batch, role)
            for part in parts
            for role, groups in part.items()
            for batch in self.batches(groups)
        ]
        with attending(self.model, self.backend):
            for number, (batch, role) in enumerate(own, start=1):
                self.on_pass(PassKind.OLD, number, len(own))
                passed = batch or idle_batch(role)  # with shards all make equally many passes
                self.old[passed] = self.logprobs(self.model, passed).logprob
        return [batch for batch, _ in own if batch]

    @torch.no_grad()
    def score(
        self, model: PreTrainedModel, groups: Sequence[SampleGroup], initial: bool
    ) -> list[tuple[float, ...]]:
        """Return the log-probs of each sample's tokens under ``model``, in the order of the
        samples. With ``initial``, an adapted model is computed without its adapter."""

        def values(batches: Sequence[list[SampleGroup]]) -> list[torch.Tensor]:
            without_adapter = initial and is_adapted(model)
            ready = (
                initial_weights(model)
                if without_adapter
                else visiting(model, self.distributed.device)
            )
            with ready, attending(model, self.backend):
                return [self.logprobs(model, batch).logprob for batch in batches]

        by_sample = self.of_samples(groups, values)
        return [by_sample[id(s)] for g in groups for s in g.samples]

    @torch.no_grad()
    def penalised(
        self, groups: Sequence[SampleGroup]
    ) -> tuple[list[SampleGroup], dict[Role, float]]:
        """Subtract the KL to the reference from the advantages, which are normalised already.

        A response's penalty is β times the sum of the KL over its tokens, centred over the group
        but not divided by the group's deviation. Returns the new groups, and each role's KL as a
        mean over tokens.
        """
        if self.reference is None:  # the KL to the behaviour policy itself is 0
            return list(groups), {}
        settings = self.settings
        values = self.of_samples(groups, self.of_reference)
        cost: dict[int, float] = {}
        for s in (s for g in groups for s in g.samples):
            sampled, fixed = torch.tensor(s.sampled_logprobs), torch.tensor(values[id(s)])
            kl = kl_terms(sampled, fixed, settings.kl_estimator, settings.kl_bound)
            cost[id(s)] = settings.kl_coef * float(kl.sum())
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
        means = {}
        for role in {g.role for g in groups}:
            own = [g for g in groups if g.role is role]
            means[role] = (
                sum(total[id(g)] for g in own) / settings.kl_coef / sum(g.tokens for g in own)
            )
        return penalised, means

    def batches(self, groups: Sequence[SampleGroup]) -> list[list[SampleGroup]]:
        """Return this process's micro-batches of one role's groups. Where weights are sharded some
        may be empty, because all processes must make the same number of passes."""
        distributed, budget = self.distributed, self.settings.tokens_per_micro_batch
        return rounds(
            groups, budget, self.backend, distributed.rank, distributed.size, in_step=self.sharded
        )

    def of_samples(
        self,
        groups: Sequence[SampleGroup],
        values: Callable[[Sequence[list[SampleGroup]]], list[torch.Tensor]],
    ) -> dict[int, tuple[float, ...]]:
        """Return the token values of every sample, by the ``id`` of the sample.

        ``values`` maps micro-batches to their tokens' values, [tokens] each. Each process computes
        its share, and every process receives the values of all. A micro-batch has groups of one
        role, because a forward pass uses one adapter and roles may have different ones.
        """
        samples = [s for g in groups for s in g.samples]
        place = {id(s): i for i, s in enumerate(samples)}
        by_role = {role: [g for g in groups if g.role is role] for role in Role}
        batches = [(b, role) for role, own in by_role.items() for b in self.batches(own)]
        computed = values([batch or idle_batch(role) for batch, role in batches])
        own: dict[int, tuple[float, ...]] = {}
        for (batch, _), of_batch in zip(batches, computed, strict=True):
            if batch:
                own |= {place[i]: v for i, v in _by_sample(batch, of_batch).items()}
        # An `id` means nothing in another process: values travel by the sample's place in the
        # batch.
        return {id(samples[i]): v for part in self.distributed.gather(own) for i, v in part.items()}

    def fix_reference(self, parts: Sequence[dict[Role, list[SampleGroup]]]) -> None:
        """Compute the reference's log-probs of all micro-batches that the update will make of
        ``parts``, if the loss has a KL term that needs them."""
        self.fixed.clear()
        settings = self.settings
        if not settings.needs_reference or settings.kl_place is not KLPlace.LOSS:
            return
        batches = [
            batch or idle_batch(role)
            for part in parts
            for role, own in part.items()
            for batch in self.batches(own)
        ]
        for batch, logprobs in zip(batches, self.of_reference(batches), strict=True):
            self.fixed[batch] = logprobs

    @torch.no_grad()
    def of_reference(self, batches: Sequence[list[SampleGroup]]) -> list[torch.Tensor]:
        """Return the reference's log-probs of each micro-batch, [tokens] each."""
        assert self.reference is not None
        if self.reference is self.model:  # adapted: the reference is the model without its adapter
            ready = initial_weights(self.model)
        else:
            ready = visiting(self.reference, self.model.device)
        logprobs = []
        with ready as reference, attending(reference, self.backend):
            for number, batch in enumerate(batches, start=1):
                self.on_pass(PassKind.REFERENCE, number, len(batches))
                logprobs.append(self.logprobs(reference, batch).logprob)
        return logprobs

    def logprobs(self, model: PreTrainedModel, batch: Sequence[SampleGroup]) -> ResponseLogprobs:
        """Return a micro-batch's log-probs, computed by the backend that the settings name. The
        caller has to be in an `attending` block of ``model``."""
        return response_logprobs(model, batch, self.backend, self.settings.logprob_chunk)


def _by_sample(batch: Sequence[SampleGroup], values: torch.Tensor) -> dict[int, tuple[float, ...]]:
    """Split flat ``values`` [tokens] of a micro-batch by sample; keys are the samples' ``id``."""
    samples = [s for g in batch for s in g.samples]
    parts = values.cpu().split([len(s.token_ids) for s in samples])
    return {id(s): tuple(part.tolist()) for s, part in zip(samples, parts, strict=True)}
