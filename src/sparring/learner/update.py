"""One training update: groups of both roles in, new weights and statistics out.

- In a `joint` update the groups of both roles make one gradient; each role's loss is an average
  over its own tokens. In a `separate` update coders learn first, then testers.
- Old log-probs are fixed before the first optimiser step, so that ratio and clip take effect from
  the second step on. They come with the samples or, by default in bfloat16, from the trainer.
- The reference is a frozen copy of the initial weights. Its log-probs are computed once, before the
  first optimiser step.
- AdamW's moments live for the whole run.
- Gradients are sums over micro-batches divided by the counts of the full optimiser step, so the
  split into micro-batches never changes them.

`LearningSettings` can change each of these but the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from transformers import PreTrainedModel

from sparring.learner.balance import idle_batch
from sparring.learner.distributed.context import DistributedContext
from sparring.learner.distributed.gradients import Gradients
from sparring.learner.distributed.rank_orders import RankOrder
from sparring.learner.distributed.shards import gather_state, load_state, local, shard
from sparring.learner.distributed.skeleton import copy_of, fill, skeleton
from sparring.learner.logprobs.backend import attending, settled_backend
from sparring.learner.loss import Tokens, row_sums, token_loss, token_weights
from sparring.learner.masters import Masters
from sparring.learner.parts import LossDenominators, Part, parts_of, spans
from sparring.learner.passes import OnPass, Passes, ignore_pass
from sparring.learner.reference import frozen_copy
from sparring.learner.samples import SampleGroup
from sparring.learner.settings import (
    ImportanceLevel,
    KLPlace,
    LearningSettings,
    OldLogprobs,
    OptimizerState,
    Reference,
)
from sparring.learner.shared_device import give_back
from sparring.learner.stats import PendingNumbers, RoleStats, mismatch
from sparring.policy.precision import cast, torch_type
from sparring.policy.prepared import is_adapted, is_checkpointing
from sparring.policy.settings import ModelSettings, Precision
from sparring.schema import Role

_USUAL = ModelSettings()


class Learner:
    """Trainer of one model: holds the model, the reference and the optimiser, and updates weights.

    With several processes in the ``distributed`` context, all of them make every update: each
    process gets all groups and computes its share. A call of `update`, `damaged`, `state` or
    `score` in the first process makes the other processes join.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        settings: LearningSettings,
        model_settings: ModelSettings = _USUAL,
        distributed: DistributedContext | None = None,
        source: PreTrainedModel | None = None,
        *,
        sharded: bool = False,
        keep_source: bool = False,
        keep_initial: bool = False,
        shares_device: bool = False,
    ) -> None:
        """Prepare ``model`` for training.

        - ``model_settings``: the model's precision, and whether the reference is offloaded between
          updates.
        - ``source``: weights of a ``model`` that is a skeleton without weights, in the first
          process; freed afterwards unless ``keep_source``.
        - ``sharded``: split the weights over the processes of ``distributed``.
        - ``keep_initial``: keep the initial weights, sharded, even where no loss needs them.
        - ``shares_device``: another program takes turns on the device, so updates leave nothing
          there that is not needed.
        """
        self.model = model
        self.settings = settings
        self.precision = model_settings.precision
        self.shares_device = shares_device
        self.distributed = distributed or DistributedContext()
        self.sharded = sharded and not self.distributed.alone
        self.version = 0
        """Number of updates so far: how often the weights may have changed."""
        self.initial_copy: PreTrainedModel | None = None
        """Initial model with frozen weights, if one is kept; see `initial_model`."""
        # An adapted model needs no copy of its initial weights: without its adapter it has them.
        own = is_adapted(model)
        dtype = torch_type(model_settings.precision)
        if self.sharded:
            # The float32 shards are their own masters: FSDP casts them as it gathers a layer. So
            # weights that learn keep float32 here (`learning=False`), and `Masters` copies nothing.
            apart = not own and (settings.needs_reference or keep_initial)
            bare = skeleton(model) if apart else None
            shard(cast(model, dtype, learning=False), self.distributed, dtype)
            if any(parameter.is_meta for parameter in model.parameters()):
                fill(model, source, self.distributed, keep_source)
            self.masters = Masters(model, torch.float32)
            if bare is not None:
                shard(cast(bare, dtype), self.distributed)
                self.initial_copy = copy_of(bare, model, dtype)
        else:
            self.masters = Masters(model, dtype)
        self.reference: PreTrainedModel | None = None
        if settings.needs_reference:
            self.reference = model if own else self.initial_copy or frozen_copy(model)
        for kept in (self.initial_copy, self.reference):
            waits = model_settings.offload_reference or kept is not self.reference
            if kept is not None and kept is not model and waits:
                kept.to("cpu")
        settled = settled_backend(
            settings.backend, model, model_settings.precision, self.distributed, self.sharded
        )
        self.backend, self.backend_note = settled.backend, settled.note
        self.passes = Passes(
            model, self.reference, self.backend, settings, self.distributed, self.sharded
        )
        self._pending = PendingNumbers()
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
        """Set the learning rate of the updates to come."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    @property
    def learning_rate(self) -> float:
        """Return the learning rate of the next update."""
        return float(self.optimizer.param_groups[0]["lr"])

    def update(
        self, groups: Sequence[SampleGroup], on_pass: OnPass = ignore_pass
    ) -> dict[Role, RoleStats]:
        """Learn from one batch and return each role's statistics. A batch without any group leaves
        the weights as they are. ``on_pass`` is told of every pass of this process."""
        self.version += 1
        self.passes.on_pass = on_pass
        rate = self.learning_rate
        with self.distributed.order(RankOrder.UPDATE, (groups, rate)):
            stats = self._update(groups)
            if self.shares_device:
                self.optimizer.zero_grad(set_to_none=True)
                give_back(self.distributed.device)
            return stats

    def _update(self, groups: Sequence[SampleGroup]) -> dict[Role, RoleStats]:
        stats = {role: RoleStats() for role in Role}
        if self.settings.optimizer_state is OptimizerState.STEP:
            rate = self.learning_rate
            self.optimizer = self._new_optimizer()
            self.set_learning_rate(rate)
        self._learning_mode()
        subtracted: dict[Role, float] = {}
        if self.settings.kl_coef > 0 and self.settings.kl_place is KLPlace.REWARD:
            groups, subtracted = self.passes.penalised(groups)
        parts = parts_of(groups, self.settings)
        self.passes.fix_reference(parts)
        self.passes.plan_update(parts)
        recomputed, unmoved = self.settings.old_logprobs is OldLogprobs.RECOMPUTED, True
        for epoch in range(self.settings.ppo_epochs):
            for span in spans(parts, self.settings, self.precision):
                if recomputed and epoch == 0:
                    # The first part needs no pass of its own: its optimiser step computes the same
                    # log-probs in its forward pass, before the weights move.
                    self._fix_old(span[1:], stats)
                for i, part in enumerate(span):
                    # `fresh`: the weights are still those that the old log-probs belong to. The
                    # trainer computes old log-probs for each span, so only the span's first part is
                    # fresh. The sampler's log-probs belong to the weights before the update's first
                    # step.
                    fresh = epoch == i == 0 if recomputed else unmoved
                    if self._optimizer_step(part, stats, fresh):
                        unmoved = False
        self.passes.fixed.clear()
        self.passes.old.clear()
        if self.settings.master_weights is Precision.BFLOAT16:
            self.masters.round()
        self.model.eval()
        for role, s in stats.items():
            s.finish(self.distributed, subtracted.get(role, 0.0))
        return stats

    def _fix_old(self, parts: Sequence[Part], stats: dict[Role, RoleStats]) -> None:
        """Compute the trainer's old log-probs of ``parts``, which are learned from only after the
        weights have moved."""
        for batch in self.passes.fix_old(parts):
            old = self.passes.old[batch]
            lengths = [len(s.token_ids) for g in batch for s in g.samples]
            row = torch.repeat_interleave(torch.tensor(lengths)).to(old.device)
            self._compare(batch, old, row, stats[batch[0].role])

    def _compare(
        self, batch: list[SampleGroup], own: torch.Tensor, row: torch.Tensor, stats: RoleStats
    ) -> None:
        """Add the gap between the trainer's (``own``) and the sampler's log-probs of a micro-batch
        to the statistics. ``row`` [tokens] is the index of each token's response."""
        samples = [s for g in batch for s in g.samples]
        sampled = torch.tensor([x for s in samples for x in s.sampled_logprobs], device=own.device)
        cap = self.settings.tis_cap
        self._pending.add(stats, mismatch(own, sampled, row, len(samples), cap))
        stats.gap_tokens += len(sampled)
        stats.gap_responses += len(samples)

    def _optimizer_step(
        self, part: dict[Role, list[SampleGroup]], stats: dict[Role, RoleStats], fresh: bool
    ) -> bool:
        """Make one optimiser step on the groups of ``part``. Returns False if the weights stay as
        they are, because ``part`` has no groups or the gradient norm was too large."""
        if not any(part.values()):
            return False
        self.optimizer.zero_grad(set_to_none=True)
        gradients = Gradients(self.masters.parameters, self.distributed, self.sharded)
        last = [role for role, groups in part.items() if groups][-1]
        for role, groups in part.items():
            if not groups:
                continue
            denominators = LossDenominators.of(groups, self.settings.weight(role))
            for batch in self.passes.batches(groups):
                self.passes.start_update()
                if batch:
                    self._backward(batch, denominators, stats[role], fresh)
                else:
                    # Every pass over sharded weights is a collective operation, so a process that
                    # has run out of micro-batches makes a pass too, at weight 0.
                    self._backward(
                        idle_batch(role), replace(denominators, weight=0.0), RoleStats(), fresh
                    )
            self._pending.settle()
            stats[role].grad_norm += gradients.add(last=role is last)
            stats[role].groups += len(groups)
            stats[role].optimizer_steps += 1
        norm = gradients.clip(self.settings.max_grad_norm)
        if not norm <= self.settings.skip_grad_norm:  # `not <=` also catches NaN
            for role, groups in part.items():
                stats[role].refused += bool(groups)
            return False
        self.optimizer.step()
        self.masters.publish()
        return True

    def _backward(
        self,
        batch: list[SampleGroup],
        denominators: LossDenominators,
        stats: RoleStats,
        fresh: bool,
    ) -> None:
        """Add the gradient of one micro-batch to the masters' gradients, and its tokens to the
        statistics. ``denominators`` has the denominators of the full optimiser step. ``fresh``: the
        weights are still those that the old log-probs belong to."""
        device = self.model.device
        settings = self.settings
        samples = [s for g in batch for s in g.samples]
        sampled = torch.tensor([x for s in samples for x in s.sampled_logprobs], device=device)
        advantage = torch.tensor([s.advantage for s in samples], device=device)
        reference = None
        if settings.kl_coef > 0 and settings.kl_place is KLPlace.LOSS:
            reference = None if settings.reference is Reference.STEP else self.passes.fixed[batch]
        # The backward pass lies inside the block too: gradient checkpointing computes the forward
        # pass again there and must find the same attention.
        with attending(self.model, self.backend):
            current = self.passes.logprobs(self.model, batch)
            old = self._old(batch, current.logprob.detach(), sampled, fresh)
            if settings.kl_coef > 0 and settings.kl_place is KLPlace.LOSS and reference is None:
                reference = old
            cap = settings.tis_cap
            weight = None if cap is None else torch.exp(old - sampled).clamp(max=cap)
            tokens = token_loss(
                Tokens(
                    current.logprob, current.row, old, advantage[current.row], weight, reference
                ),
                settings,
            )
            share = token_weights(
                current.row, settings.loss_agg_mode, denominators.tokens, denominators.responses
            )
            # FSDP averages gradients over the processes, but the losses of the processes are parts
            # of one sum: multiplying by their number turns the average into the sum.
            times = self.distributed.size if self.sharded else 1
            ((tokens.loss * share).sum() * (denominators.weight * times)).backward()
        stats.tokens += len(old)
        numbers = {
            "loss": tokens.loss.sum(),
            "kl": tokens.kl.sum(),
            "clip_share": tokens.clipped.sum(),
            "entropy": current.entropy.sum(),
            "largest_ratio": tokens.ratio.max(),
            "smallest_ratio": tokens.ratio.min(),
            "kl_max": tokens.kl.max(),
        }
        if not stats.optimizer_steps:
            of_tokens = settings.importance_level is ImportanceLevel.TOKEN
            stats.first_units += len(old) if of_tokens else len(samples)
            clipped = tokens.clipped.float()
            if not of_tokens:
                clipped = row_sums(clipped, current.row, len(samples)).clamp(max=1)
            numbers["first_clip_share"] = clipped.sum()
        self._pending.add(stats, numbers)
        if fresh:
            self._compare(batch, current.logprob.detach(), current.row, stats)

    def _old(
        self, batch: list[SampleGroup], now: torch.Tensor, sampled: torch.Tensor, fresh: bool
    ) -> torch.Tensor:
        """Return the old log-probs of a micro-batch [tokens]. ``now`` are the trainer's under the
        current weights, ``sampled`` the sampler's."""
        if self.settings.old_logprobs is OldLogprobs.PER_STEP:
            return now
        if self.settings.old_logprobs is not OldLogprobs.RECOMPUTED:
            return sampled
        if fresh:
            # This step's log-probs serve as the old log-probs, for later epochs too. The ratio is
            # then exactly 1, whatever the rounding, and no pass is spent on old log-probs.
            self.passes.old[batch] = now
        return self.passes.old[batch]

    def _learning_mode(self) -> None:
        """Set training mode where gradient checkpointing needs it, else evaluation mode."""
        # Dropout is off in any case. Evaluation mode also keeps a model from anything else that it
        # may do in training mode.
        self.model.train(is_checkpointing(self.model))

    def initial_model(self) -> PreTrainedModel:
        """Return the model with the initial weights; for an adapted model the model itself, which
        has the initial weights without its adapter. Raises RuntimeError if the weights have changed
        and no copy was kept."""
        if is_adapted(self.model):
            return self.model
        kept = self.initial_copy or self.reference
        if kept is not None:
            return kept
        if self.version:
            raise RuntimeError(
                "the initial weights are gone: an update has changed them and no copy was "
                "kept; create the Learner with keep_initial=True"
            )
        return self.model

    def score(
        self, groups: Sequence[SampleGroup], initial: bool = False
    ) -> list[tuple[float, ...]]:
        """Return the log-probs of each sample's tokens, in the order of the samples, under the
        current weights or, with ``initial``, the initial weights. All processes of a sharded model
        compute them together."""
        model = self.initial_model() if initial else self.model
        if not self.sharded:
            # Each process holds the full model, so the first one scores without the others.
            alone = replace(self.passes, distributed=DistributedContext())
            return alone.score(model, groups, initial)
        with self.distributed.order(RankOrder.SCORE, (groups, initial)):
            return self.passes.score(model, groups, initial)

    def damaged(self) -> bool:
        """Return whether any trained weight is NaN or infinite."""
        with self.distributed.order(RankOrder.CHECK):
            own = not all(bool(torch.isfinite(local(p)).all()) for p in self.masters.parameters)
            return bool(self.distributed.highest([float(own)])[0])

    def state(self) -> dict[str, Any]:
        """Return the optimiser's state for a checkpoint: unsharded, on the CPU, in the first
        process."""
        if not self.sharded:
            return gather_state(self.optimizer)
        with self.distributed.order(RankOrder.STATE):
            return gather_state(self.optimizer, self.distributed.is_main)

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore an optimiser state that `state` returned."""
        load_state(self.optimizer, state)
