"""One training update: groups of both roles in, new weights and statistics out.

`joint`: both roles' groups make one gradient, each role's loss an average
over its own tokens. `separate`: coders first, then testers. Either way the
log-probs under the sampling policy are fixed before the first optimiser step
(they come with the samples), so that the second step's ratio and clip are
real. AdamW's moments live for the whole run; the reference is a frozen copy
of the first weights, and its log-probs are computed once, before the first
optimiser step. `LearningSettings` can depart from each of these.

Gradients are sums over micro-batches divided by the counts of the whole
optimiser step, so the split into micro-batches never changes them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from transformers import PreTrainedModel

from sparring.learning.backend import attending, settled_backend
from sparring.learning.balance import idle
from sparring.learning.filling import micro_batches
from sparring.learning.gradients import Gradients
from sparring.learning.loss import Tokens, token_loss, token_weights
from sparring.learning.masters import Masters, cast, torch_type
from sparring.learning.model import is_adapted, is_checkpointing
from sparring.learning.passes import Passes
from sparring.learning.reference import frozen_copy
from sparring.learning.samples import Group
from sparring.learning.settings import (
    KLPlace,
    LearningSettings,
    OldLogprobs,
    OptimizerState,
    Precision,
    Reference,
    Sharding,
    UpdateMode,
)
from sparring.learning.shards import gather_state, local, shard
from sparring.learning.stats import RoleStats
from sparring.learning.world import Order, World
from sparring.schema import Role


class Learner:
    """The model, its reference, its optimiser, and how they move.

    With others in the ``world`` all processes make every update: each is given all groups and
    computes its share. The first process's `update`, `damaged` and `state` call the others in.
    """

    def __init__(
        self, model: PreTrainedModel, settings: LearningSettings, world: World | None = None
    ) -> None:
        self.model = model
        self.settings = settings
        self.world = world or World()
        self.sharded = settings.sharding is Sharding.FSDP and not self.world.alone
        self.version = 0
        """How often the weights may have changed."""
        self.start: PreTrainedModel | None = None
        """Frozen weights of the beginning, where somebody has them kept; see `start_model`."""
        dtype = torch_type(settings.precision)
        if not self.sharded:  # else the parts are the masters, and cast as they are put together
            self.masters = Masters(model, dtype)
        self.reference: PreTrainedModel | None = None
        if settings.loss.needs_reference:
            # An adapted model holds its reference: itself without the adapter.
            self.reference = model if is_adapted(model) else frozen_copy(model)
            if settings.offload_reference and self.reference is not model:
                self.reference.to("cpu")
        if self.sharded:
            shard(model, self.world, dtype)
            if self.reference is not None and self.reference is not model:
                shard(cast(self.reference, dtype), self.world)
            # Once: after a pass a sharded model shows other tensors in their place.
            self.masters = Masters(model, torch.float32)
        settled = settled_backend(
            settings.backend, model, settings.precision, self.world, self.sharded
        )
        self.backend, self.backend_note = settled.backend, settled.note
        self.passes = Passes(
            model, self.reference, self.backend, settings, self.world, self.sharded
        )
        self.optimizer = self._new_optimizer()

    def _new_optimizer(self) -> torch.optim.AdamW:
        s = self.settings
        return torch.optim.AdamW(
            self.masters.parameters,
            lr=s.learning_rate,
            betas=(s.beta1, s.beta2),
            weight_decay=s.weight_decay,
        )

    def set_learning_rate(self, rate: float) -> None:
        """The step size of the updates to come."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    @property
    def learning_rate(self) -> float:
        """The step size of the next update."""
        return float(self.optimizer.param_groups[0]["lr"])

    def update(self, groups: Sequence[Group]) -> dict[Role, RoleStats]:
        """Learn from one batch. A batch without any group leaves the weights as they are."""
        self.version += 1
        rate = self.learning_rate
        with self.world.order(Order.UPDATE, (groups, rate)):
            return self._update(groups)

    def _update(self, groups: Sequence[Group]) -> dict[Role, RoleStats]:
        stats = {role: RoleStats() for role in Role}
        if self.settings.optimizer_state is OptimizerState.STEP:
            rate = self.learning_rate
            self.optimizer = self._new_optimizer()
            self.set_learning_rate(rate)
        self._learning_mode()
        taken: dict[Role, float] = {}
        if self.settings.loss.kl > 0 and self.settings.loss.kl_place is KLPlace.REWARD:
            groups, taken = self.passes.penalised(groups)
        if self.settings.old_logprobs is OldLogprobs.TRAINER:
            groups = self.passes.recomputed(groups)
            for g in groups if self.world.leads else ():  # all know of all
                stats[g.role].add_gap(g)
        by_role = {role: [g for g in groups if g.role is role] for role in Role}
        if self.settings.mode is UpdateMode.SEPARATE:
            parts = [
                {role: chunk}
                for role in (Role.CODER, Role.TESTER)
                for chunk in _chunks(by_role[role], self.settings.minibatches)
            ]
        else:
            chunks = {r: _chunks(by_role[r], self.settings.minibatches) for r in Role}
            parts = [
                {role: chunks[role][i] for role in Role} for i in range(self.settings.minibatches)
            ]
        self.passes.fix_reference(parts)
        fresh = self.settings.old_logprobs is not OldLogprobs.TRAINER  # else the gap is known
        for part in parts * self.settings.epochs:
            if self.settings.old_logprobs is OldLogprobs.EACH:
                part = {role: self.passes.recomputed(chunk) for role, chunk in part.items()}
            if self._optimizer_step(part, stats, fresh):
                fresh = False
        self.passes.fixed.clear()
        if self.settings.master_weights is Precision.BFLOAT16:
            self.masters.round()
        self.model.eval()
        for role, s in stats.items():
            s.over(self.world)
            s.grad_norm /= max(1, s.optimizer_steps)
            s.kl += taken.get(role, 0.0) * s.tokens
            for name in ("loss", "kl", "clip_share", "entropy"):
                setattr(s, name, getattr(s, name) / s.tokens if s.tokens else math.nan)
            if not s.tokens:
                s.grad_norm = s.largest_ratio = s.smallest_ratio = s.kl_max = math.nan
            s.logprob_gap = s.logprob_gap / s.gap_tokens if s.gap_tokens else math.nan
            s.logprob_gap_max = s.logprob_gap_max if s.gap_tokens else math.nan
        return stats

    def gradient(self, groups: Sequence[Group]) -> dict[Role, RoleStats]:
        """The statistics of a forward and backward pass, ``grad_norm`` of all groups together.
        The gradient is thrown away; weights and optimiser stay as they are."""
        stats = {role: RoleStats() for role in Role}
        self.optimizer.zero_grad(set_to_none=True)
        self._learning_mode()
        whole = Whole.of(groups, 1.0)
        by_role = {role: [g for g in groups if g.role is role] for role in Role}
        self.passes.fix_reference([by_role])
        for role, own in by_role.items():
            for batch in micro_batches(own, self.settings.tokens_per_micro_batch, self.backend):
                self._backward(batch, whole, stats[role], fresh=True)
            stats[role].groups = len(own)  # a group may be in several batches
        norm = Gradients(self.masters.parameters, self.world, self.sharded).add(last=True)
        self.passes.fixed.clear()
        self.model.eval()
        self.optimizer.zero_grad(set_to_none=True)
        for s in stats.values():
            s.grad_norm = norm
        return stats

    def _optimizer_step(
        self, part: dict[Role, list[Group]], stats: dict[Role, RoleStats], fresh: bool
    ) -> bool:
        """One optimiser step on the groups of ``part``; False if the weights stay as they are:
        there was nothing to learn, or the gradient was refused."""
        if not any(part.values()):
            return False
        self.optimizer.zero_grad(set_to_none=True)
        gradients = Gradients(self.masters.parameters, self.world, self.sharded)
        last = [role for role, groups in part.items() if groups][-1]
        for role, groups in part.items():
            if not groups:
                continue
            whole = Whole.of(groups, self.settings.weight(role))
            for batch in self.passes.batches(groups):
                if batch:
                    self._backward(batch, whole, stats[role], fresh)
                else:
                    self._backward(idle(role), replace(whole, weight=0.0), RoleStats(), False)
            stats[role].grad_norm += gradients.add(last=role is last)
            stats[role].groups += len(groups)
            stats[role].optimizer_steps += 1
        norm = gradients.clip(self.settings.max_grad_norm)
        if not norm <= self.settings.refuse_norm:  # also when it is not a number
            for role, groups in part.items():
                stats[role].refused += bool(groups)
            return False
        self.optimizer.step()
        self.masters.publish()
        return True

    def _backward(self, batch: list[Group], whole: Whole, stats: RoleStats, fresh: bool) -> None:
        """Add the gradient of one micro-batch, and its tokens to the statistics."""
        device = self.model.device
        loss = self.settings.loss
        samples = [s for g in batch for s in g.samples]
        sampled = torch.tensor([x for s in samples for x in s.sampled_logprobs], device=device)
        old = torch.tensor([x for s in samples for x in s.old_logprobs], device=device)
        advantage = torch.tensor([s.advantage for s in samples], device=device)
        reference = None
        if loss.kl > 0 and loss.kl_place is KLPlace.LOSS:
            reference = old if loss.reference is Reference.STEP else self.passes.fixed[batch]
        with attending(self.model, self.backend):
            current = self.passes.logprobs(self.model, batch)
            cap = loss.importance_cap
            weight = None if cap is None else torch.exp(old - sampled).clamp(max=cap)
            tokens = token_loss(
                Tokens(
                    current.logprob, current.row, old, advantage[current.row], weight, reference
                ),
                loss,
            )
            share = token_weights(current.row, loss.average, whole.tokens, whole.responses)
            # Sharded gradients are averaged over the processes on their way: a sum is wanted.
            times = self.world.size if self.sharded else 1
            ((tokens.loss * share).sum() * (whole.weight * times)).backward()
        stats.tokens += len(old)
        stats.loss += float(tokens.loss.detach().sum())
        stats.kl += float(tokens.kl.sum())
        stats.clip_share += float(tokens.clipped.sum())
        stats.entropy += float(current.entropy.sum())
        stats.largest_ratio = max(stats.largest_ratio, float(tokens.ratio.max()))
        stats.smallest_ratio = min(stats.smallest_ratio, float(tokens.ratio.min()))
        stats.kl_max = max(stats.kl_max, float(tokens.kl.max()))
        if fresh:
            gap = (current.logprob.detach() - sampled).abs()
            stats.logprob_gap += float(gap.sum())
            stats.logprob_gap_max = max(stats.logprob_gap_max, float(gap.max()))
            stats.gap_tokens += len(old)

    def _learning_mode(self) -> None:
        """Without dropout, training mode matters for gradient checkpointing alone, and what a
        model may do besides in that mode is not wanted."""
        self.model.train(is_checkpointing(self.model))

    def start_model(self) -> PreTrainedModel:
        """The model with the weights of the beginning; an adapted one has them without its
        adapter. Raises RuntimeError where they have changed and nobody keeps them."""
        if is_adapted(self.model):
            return self.model
        kept = self.start or self.reference
        if kept is not None:
            return kept
        if self.version:
            raise RuntimeError("the weights of the start are gone: nothing asked to keep them")
        return self.model

    def score(self, groups: Sequence[Group], start: bool = False) -> list[tuple[float, ...]]:
        """The log-probs of the tokens of each sample, in their order, under the weights of now or,
        if they are kept, of the ``start``. Sharded, all processes compute them."""
        model = self.start_model() if start else self.model
        if not self.sharded:
            alone = replace(self.passes, world=World())
            return alone.score(model, groups, start)
        with self.world.order(Order.SCORE, (groups, start)):
            return self.passes.score(model, groups, start)

    def damaged(self) -> bool:
        """Whether any weight that learns is not a number."""
        with self.world.order(Order.CHECK):
            own = not all(bool(torch.isfinite(local(p)).all()) for p in self.masters.parameters)
            return bool(self.world.highest([float(own)])[0])

    def state(self) -> dict[str, Any]:
        """The optimiser's state, for a checkpoint, whole, on the CPU."""
        if not self.sharded:
            return gather_state(self.optimizer)
        with self.world.order(Order.STATE):
            return gather_state(self.optimizer)

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what `state` gave."""
        self.optimizer.load_state_dict(state)


@dataclass(frozen=True, slots=True)
class Whole:
    """What one role's part of an optimiser step amounts to: averages are over these."""

    tokens: int
    responses: int
    weight: float

    @classmethod
    def of(cls, groups: Sequence[Group], weight: float) -> Whole:
        """The sums over one role's groups; ``weight`` is the role's in the loss."""
        return cls(sum(g.tokens for g in groups), sum(len(g.samples) for g in groups), weight)


def _chunks(groups: list[Group], count: int) -> list[list[Group]]:
    """``count`` parts of nearly equal size, in order; some empty when there are few groups."""
    bounds = [round(i * len(groups) / count) for i in range(count + 1)]
    return [groups[a:b] for a, b in pairwise(bounds)]
