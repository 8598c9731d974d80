"""One training update: groups of both roles in, new weights and statistics out.

`joint`: both roles' groups make one gradient, each role's loss an average over its own tokens.
`separate`: coders first, then testers. Either way the log-probs under the sampling policy are fixed
before the first optimiser step, so that the second step's ratio and clip are real: they come with
the samples or, by default in bfloat16, are the trainer's own. AdamW's moments live for the whole
run; the reference is a frozen copy of the first weights, and its log-probs are computed once,
before the first optimiser step. `LearningSettings` can depart from each of these.

Gradients are sums over micro-batches divided by the counts of the whole
optimiser step, so the split into micro-batches never changes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from transformers import PreTrainedModel

from sparring.learner.balance import idle
from sparring.learner.distributed.gradients import Gradients
from sparring.learner.distributed.orders import Order
from sparring.learner.distributed.shards import gather_state, load_state, local, shard
from sparring.learner.distributed.skeleton import copied, fill, skeleton
from sparring.learner.distributed.world import World
from sparring.learner.logprobs.backend import attending, settled_backend
from sparring.learner.loss import Tokens, row_sums, token_loss, token_weights
from sparring.learner.masters import Masters
from sparring.learner.parts import Part, Whole, parts_of, spans
from sparring.learner.passes import Passes
from sparring.learner.reference import frozen_copy
from sparring.learner.samples import Group
from sparring.learner.settings import (
    KLPlace,
    LearningSettings,
    OldLogprobs,
    OptimizerState,
    Ratio,
    Reference,
)
from sparring.learner.shared_device import give_back
from sparring.learner.stats import RoleStats, Waiting, mismatch
from sparring.policy.precision import cast, torch_type
from sparring.policy.prepared import is_adapted, is_checkpointing
from sparring.policy.settings import ModelSettings, Precision
from sparring.schema import Role

_USUAL = ModelSettings()


class Learner:
    """The model, its reference, its optimiser, and how they move.

    With others in the ``world`` all processes make every update: each is given all groups and
    computes its share. The first process's `update`, `damaged` and `state` call the others in.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        settings: LearningSettings,
        held: ModelSettings = _USUAL,
        world: World | None = None,
        source: PreTrainedModel | None = None,
        *,
        sharded: bool = False,
        keep_source: bool = False,
        keep_start: bool = False,
        shares_device: bool = False,
    ) -> None:
        """``held`` says in which precision, and where the reference waits. A ``model`` to be
        ``sharded`` over several processes may be a skeleton, whose weights come from the first
        process's ``source``; that one's are freed unless they are to be kept. ``keep_start`` has
        the weights of the beginning kept, in parts, where no loss needs them. ``shares_device``:
        another program takes turns on the device, so nothing is left there that is not needed."""
        self.model = model
        self.settings = settings
        self.precision = held.precision
        self.shares_device = shares_device
        self.world = world or World()
        self.sharded = sharded and not self.world.alone
        self.version = 0
        """How often the weights may have changed."""
        self.start: PreTrainedModel | None = None
        """Frozen weights of the beginning, where somebody has them kept; see `start_model`."""
        # An adapted model holds its reference, and its start: itself without the adapter.
        own = is_adapted(model)
        dtype = torch_type(held.precision)
        if self.sharded:  # the parts are the masters, and cast as they are put together
            apart = not own and (settings.needs_reference or keep_start)
            bare = skeleton(model) if apart else None
            shard(cast(model, dtype, learning=False), self.world, dtype)
            if any(parameter.is_meta for parameter in model.parameters()):
                fill(model, source, self.world, keep_source)
            self.masters = Masters(model, torch.float32)
            if bare is not None:
                shard(cast(bare, dtype), self.world)
                self.start = copied(bare, model, dtype)
        else:
            self.masters = Masters(model, dtype)
        self.reference: PreTrainedModel | None = None
        if settings.needs_reference:
            self.reference = model if own else self.start or frozen_copy(model)
        for kept in (self.start, self.reference):
            waits = held.offload_reference or kept is not self.reference
            if kept is not None and kept is not model and waits:
                kept.to("cpu")
        settled = settled_backend(settings.backend, model, held.precision, self.world, self.sharded)
        self.backend, self.backend_note = settled.backend, settled.note
        self.passes = Passes(
            model, self.reference, self.backend, settings, self.world, self.sharded
        )
        self._waiting = Waiting()
        self.optimizer = self._new_optimizer()

    def _new_optimizer(self) -> torch.optim.AdamW:
        s = self.settings
        return torch.optim.AdamW(
            self.masters.parameters,
            lr=s.learning_rate,
            betas=(s.beta1, s.beta2),
            weight_decay=s.weight_decay,
            fused=self.masters.parameters[0].is_cuda or None,
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
            stats = self._update(groups)
            if self.shares_device:
                self.optimizer.zero_grad(set_to_none=True)
                give_back(self.world.device)
            return stats

    def _update(self, groups: Sequence[Group]) -> dict[Role, RoleStats]:
        stats = {role: RoleStats() for role in Role}
        if self.settings.optimizer_state is OptimizerState.STEP:
            rate = self.learning_rate
            self.optimizer = self._new_optimizer()
            self.set_learning_rate(rate)
        self._learning_mode()
        taken: dict[Role, float] = {}
        if self.settings.kl > 0 and self.settings.kl_place is KLPlace.REWARD:
            groups, taken = self.passes.penalised(groups)
        parts = parts_of(groups, self.settings)
        self.passes.fix_reference(parts)
        ours, still = self.settings.old_logprobs is OldLogprobs.TRAINER, True
        for epoch in range(self.settings.epochs):
            for span in spans(parts, self.settings, self.precision):
                if ours and epoch == 0:  # the first one's are found as it is learned from
                    self._fix_old(span[1:], stats)
                for i, part in enumerate(span):
                    # Are these still the weights that the old log-probs are of? The trainer's own
                    # are found anew for each span: true for its first part. Else until a step.
                    fresh = epoch == i == 0 if ours else still
                    if self._optimizer_step(part, stats, fresh):
                        still = False
        self.passes.fixed.clear()
        self.passes.old.clear()
        if self.settings.master_weights is Precision.BFLOAT16:
            self.masters.round()
        self.model.eval()
        for role, s in stats.items():
            s.finish(self.world, taken.get(role, 0.0))
        return stats

    def _fix_old(self, parts: Sequence[Part], stats: dict[Role, RoleStats]) -> None:
        """Compute the old log-probs of parts that are learned from after the weights have moved."""
        for batch in self.passes.fix_old(parts):
            old = self.passes.old[batch]
            lengths = [len(s.token_ids) for g in batch for s in g.samples]
            row = torch.repeat_interleave(torch.tensor(lengths)).to(old.device)
            self._compare(batch, old, row, stats[batch[0].role])

    def _compare(
        self, batch: list[Group], own: torch.Tensor, row: torch.Tensor, stats: RoleStats
    ) -> None:
        """Note how far the trainer's log-probs of a micro-batch are from the sampler's."""
        samples = [s for g in batch for s in g.samples]
        sampled = torch.tensor([x for s in samples for x in s.sampled_logprobs], device=own.device)
        cap = self.settings.importance_cap
        self._waiting.add(stats, mismatch(own, sampled, row, len(samples), cap))
        stats.gap_tokens += len(sampled)
        stats.gap_responses += len(samples)

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
                    self._backward(idle(role), replace(whole, weight=0.0), RoleStats(), fresh)
            self._waiting.settle()
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
        """Add the gradient of one micro-batch, and its tokens to the statistics. While the weights
        are ``fresh`` its log-probs are of the policy that its old ones are of."""
        device = self.model.device
        settings = self.settings
        samples = [s for g in batch for s in g.samples]
        sampled = torch.tensor([x for s in samples for x in s.sampled_logprobs], device=device)
        advantage = torch.tensor([s.advantage for s in samples], device=device)
        reference = None
        if settings.kl > 0 and settings.kl_place is KLPlace.LOSS:
            reference = None if settings.reference is Reference.STEP else self.passes.fixed[batch]
        with attending(self.model, self.backend):
            current = self.passes.logprobs(self.model, batch)
            old = self._old(batch, current.logprob.detach(), sampled, fresh)
            if settings.kl > 0 and settings.kl_place is KLPlace.LOSS and reference is None:
                reference = old
            cap = settings.importance_cap
            weight = None if cap is None else torch.exp(old - sampled).clamp(max=cap)
            tokens = token_loss(
                Tokens(
                    current.logprob, current.row, old, advantage[current.row], weight, reference
                ),
                settings,
            )
            share = token_weights(current.row, settings.average, whole.tokens, whole.responses)
            # Sharded gradients are averaged over the processes on their way: a sum is wanted.
            times = self.world.size if self.sharded else 1
            ((tokens.loss * share).sum() * (whole.weight * times)).backward()
        stats.tokens += len(old)
        found = {
            "loss": tokens.loss.sum(),
            "kl": tokens.kl.sum(),
            "clip_share": tokens.clipped.sum(),
            "entropy": current.entropy.sum(),
            "largest_ratio": tokens.ratio.max(),
            "smallest_ratio": tokens.ratio.min(),
            "kl_max": tokens.kl.max(),
        }
        if not stats.optimizer_steps:
            of_tokens = settings.ratio is Ratio.TOKEN
            stats.first_units += len(old) if of_tokens else len(samples)
            clipped = tokens.clipped.float()
            if not of_tokens:
                clipped = row_sums(clipped, current.row, len(samples)).clamp(max=1)
            found["first_clip_share"] = clipped.sum()
        self._waiting.add(stats, found)
        if fresh:
            self._compare(batch, current.logprob.detach(), current.row, stats)

    def _old(
        self, batch: list[Group], now: torch.Tensor, sampled: torch.Tensor, fresh: bool
    ) -> torch.Tensor:
        """What the ratio of a micro-batch is against [tokens]. What the trainer computes ``now``,
        while its own are wanted and the weights are ``fresh``, is what the later steps go by: the
        ratio is then 1, whatever the rounding, and no pass is made for it."""
        if self.settings.old_logprobs is OldLogprobs.EACH:
            return now
        if self.settings.old_logprobs is not OldLogprobs.TRAINER:
            return sampled
        if fresh:
            self.passes.old[batch] = now
        return self.passes.old[batch]

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
            return gather_state(self.optimizer, self.world.leads)

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what `state` gave."""
        load_state(self.optimizer, state)
