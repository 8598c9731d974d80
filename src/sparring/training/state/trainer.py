"""Trainer: the model that plays both roles, its optimiser and its counters.

Tasks, sampling and the sandbox belong to the rollout context; a replay needs none of the three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from sparring.config.recipe import Recipe
from sparring.errors import ConfigError
from sparring.learner.distributed.context import DistributedContext
from sparring.learner.distributed.export import export_adapter, export_weights, save_sharded
from sparring.learner.distributed.rank_orders import RankOrder
from sparring.learner.distributed.shards import gather_weights, spread_state, spread_weights
from sparring.learner.passes import OnPass, ignore_pass
from sparring.learner.reference import frozen_copy
from sparring.learner.samples import SampleGroup
from sparring.learner.settings import Frozen, Sharding
from sparring.learner.shared_device import give_back
from sparring.learner.stats import RoleStats
from sparring.learner.update import Learner
from sparring.policy.adapters import has_role_adapters
from sparring.policy.precision import cast, torch_type
from sparring.policy.prepared import is_adapted
from sparring.policy.saved import save_model
from sparring.policy.settings import SamplingEngine
from sparring.schema import Role
from sparring.training.state.loading import prepared_model
from sparring.training.state.policy import BehaviourPolicy, Policy, Snapshot

START, BOTH = "start", "both"
"""Names of weights besides the roles': the initial weights, and weights that both roles share."""


class Trainer(Policy):
    """Model, tokenizer, learner and counters of a run.

    Each process of the ``distributed`` context has a trainer. Only the first process samples and
    restores checkpoints; to sample from sharded weights, the first process keeps a copy of the full
    model.
    """

    def __init__(self, recipe: Recipe, distributed: DistributedContext | None = None) -> None:
        """Load the model. Raises `ModelError` for a model that cannot be loaded, and `ConfigError`
        for several processes where the recipe wants one."""
        distributed = distributed or DistributedContext()
        if not distributed.alone and recipe.training.sharding is Sharding.NONE:
            raise ConfigError(
                f"{distributed.size} processes were started, but training.sharding is none: set "
                "training.sharding to ddp or fsdp, or start one process"
            )
        with distributed.order(RankOrder.BEGIN, recipe.model_dump(mode="json")):
            if recipe.training.threads:
                torch.set_num_threads(recipe.training.threads)
            torch.manual_seed(recipe.training.seed)
            sharded = recipe.training.sharding is Sharding.FSDP and not distributed.alone
            prepared = prepared_model(recipe, distributed, sharded)
            super().__init__(recipe, distributed, prepared.model, prepared.tokenizer)
            self._prepare(prepared.source, sharded)
        distributed.keep_awake()
        self.revision: str | None = getattr(self.model.config, "_commit_hash", None)
        """Commit of a model from the hub; None for a local model."""
        self.tokens = 0
        """Tokens sampled so far."""
        self.refused: list[int] = []
        """Steps whose gradient was not applied because it was not finite or had exploded."""
        self.behaviour: BehaviourPolicy | None = None
        """Policy from which asynchronous rollouts are sampled; None for online rollouts."""

    def _prepare(self, source: PreTrainedModel | None, sharded: bool) -> None:
        """Make the learner, and the copies of weights that this process samples from. If the model
        is to be ``sharded``, ``source`` is the full model on the first process."""
        recipe, distributed = self.recipe, self.distributed
        self.compute_dtype = torch_type(recipe.model.precision)
        """Type that forward passes compute in, and type of weights that are only sampled from."""
        self._learning = frozenset(n for n, p in self.model.named_parameters() if p.requires_grad)
        """Names of the parameters that learn; a full copy of a sharded model does not know them."""
        needs_initial = bool(
            recipe.learning.frozen is not Frozen.NONE or recipe.initial_policy_programs
        )
        samples_here = recipe.sampling.engine is SamplingEngine.LOCAL
        if not sharded:
            # Cast before the move, so that the device never holds frozen weights in float32.
            cast(self.model, self.compute_dtype, learning=False).to(distributed.device)
        self.learner = Learner(
            self.model,
            recipe.learner,
            recipe.model,
            distributed,
            source,
            sharded=sharded,
            keep_source=samples_here,
            keep_initial=needs_initial and not samples_here,
            shares_device=not samples_here and recipe.vllm.share_gpu,
        )
        self._full: PreTrainedModel | None = None
        """Copy of the full model to sample from, where weights are sharded and this process
        samples; else None."""
        if source is not None and samples_here:
            self._full = cast(source, self.compute_dtype).requires_grad_(False)
        self._full_version = 0
        """Version of the weights in ``_full``."""
        if needs_initial and distributed.is_main and not is_adapted(self.model):
            # With asynchronous rollouts two threads may use the initial model at once. The
            # learner's reference must then not be shared: the passes of the threads would mix.
            reference = None if recipe.training.max_async_level else self.learner.reference
            if self._full is not None:
                self.initial = frozen_copy(self._full)
            elif not sharded:
                self.initial = reference or frozen_copy(self.model)
                self.learner.initial_copy = self.initial

    def notes(self) -> list[str]:
        """Return notes for the user: the number of processes that learn, where more than one does
        or should, and the reason if the fastest log-prob backend is not used."""
        sharding, messages = self.recipe.training.sharding, []
        if not self.distributed.alone:
            messages.append(f"{self.distributed.size} processes learn together ({sharding})")
        elif sharding is not Sharding.NONE:
            messages.append(f"note: training.sharding is {sharding}, but only one process runs")
        if self.learner.backend_note is not None:
            messages.append(f"note: {self.learner.backend_note}")
        return messages

    def finished(self) -> bool:
        """Return True if the recipe's last step has been made."""
        return self.recipe.training.finished(self.step, self.tokens)

    def snapshot(self) -> Snapshot:
        """Return a copy of the current weights, to sample from."""
        return Snapshot(self, self._learning)

    def full_model(self) -> PreTrainedModel:
        """Return the model with all its current weights. Do not keep a reference to it.

        With sharded weights the first process orders all processes to bring its copy of the full
        model up to date, and returns that copy.
        """
        if not self.learner.sharded:
            return self.model
        if not self.distributed.is_main:
            gather_weights(self.model, None, self.compute_dtype)
            return self.model
        assert self._full is not None
        if self._full_version != self.learner.version:
            with self.distributed.order(RankOrder.GATHER):
                gather_weights(self.model, self._full, self.compute_dtype)
            self._full_version = self.learner.version
        return self._full

    def unchanged(self) -> bool:
        """Return True if the weights are still the initial weights.

        During the first update ``step`` is still 0, so the learner's version counts too.
        """
        return self.step == 0 and self.learner.version == 0

    def export(self, player: str, path: Path, dtype: torch.dtype) -> None:
        """Write weights to ``path`` in ``dtype``, for a server.

        ``player`` names the weights: a role, ``BOTH`` or ``START``. With sharded weights the first
        process orders all processes to write. Raises OSError. Raises RuntimeError for the initial
        weights if no copy of them was kept.
        """
        kept = player == START or (player in list(Role) and not self.learns(Role(player)))
        of_initial = kept and not is_adapted(self.model)
        model = self.learner.initial_model() if of_initial else self.model
        adapters = [player] if has_role_adapters(model) and not kept else None

        def write(distributed: DistributedContext) -> None:
            export_weights(model, self.tokenizer, path, dtype, adapters, not kept, distributed)
            if self.learner.shares_device:
                give_back(self.distributed.device)

        if not self.learner.sharded:
            write(DistributedContext())
            return
        with self.distributed.order(RankOrder.EXPORT, (player, path, dtype)):
            write(self.distributed)

    def export_adapter(self, player: str, path: Path) -> None:
        """Write the LoRA adapter of ``player`` (a role or ``BOTH``) to ``path``, in the format
        that `peft` and servers load. See `export`."""
        name = player if has_role_adapters(self.model) else "default"
        if not self.learner.sharded:
            export_adapter(self.model, path, name)
            return
        with self.distributed.order(RankOrder.ADAPTER, (player, path)):
            export_adapter(self.model, path, name, self.distributed)

    def learn(
        self, step: int, groups: Sequence[SampleGroup], on_pass: OnPass = ignore_pass
    ) -> Mapping[Role, RoleStats]:
        """Update the weights on a step's groups, and return statistics by role. ``on_pass`` is told
        of every pass of this process.

        The learning rate rises linearly over `learning.warmup_steps` steps and is then constant.
        """
        rise = self.recipe.learning.warmup_steps
        scale = min(1.0, step / rise) if rise else 1.0
        self.learner.set_learning_rate(self.recipe.learning.learning_rate * scale)
        return self.learner.update(groups, on_pass)

    def save_weights(self, path: Path) -> None:
        """Write the weights into the checkpoint directory ``path``. Raises OSError."""
        if not self.learner.sharded:
            with self.learner.masters.in_force():
                save_model(self.model, self.tokenizer, path)
            return
        with self.distributed.order(RankOrder.SAVE, path):
            save_sharded(self.model, self.tokenizer, path, self.distributed)

    def spread(
        self, state: dict[str, Any] | None, weights: dict[str, torch.Tensor] | None = None
    ) -> None:
        """Load an optimiser state, on all processes.

        With several processes, every process takes the first process's state and weights:
        ``weights``, or else the weights that the first process has loaded. ``state`` is None on
        the other processes.
        """
        if self.distributed.alone:
            assert state is not None
            self.learner.load_state(state)
            self.learner.version += 1
            return
        with self.distributed.order(RankOrder.SPREAD), self.learner.masters.in_force():
            if self.distributed.is_main:
                weights = weights or dict(self.model.named_parameters())
            spread_weights(self.model, weights, self.distributed)
            spread_state(self.learner.optimizer, state, self.distributed)
            self.learner.version += 1
