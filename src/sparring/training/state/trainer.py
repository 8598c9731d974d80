"""The side that learns: one model in both roles, its optimiser, and its checkpoints.

Tasks, sampling and the sandbox are the rollout context's business; a replay needs none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from sparring.config.recipe import Recipe
from sparring.errors import ConfigError
from sparring.learner.distributed.export import export_adapter, export_weights, save_sharded
from sparring.learner.distributed.orders import Order
from sparring.learner.distributed.shards import gather_weights, spread_state, spread_weights
from sparring.learner.distributed.world import World
from sparring.learner.reference import frozen_copy
from sparring.learner.samples import Group
from sparring.learner.settings import Frozen, Sharding
from sparring.learner.shared_device import give_back
from sparring.learner.stats import RoleStats
from sparring.learner.update import Learner
from sparring.policy.adapters import has_role_adapters
from sparring.policy.precision import cast, torch_type
from sparring.policy.prepared import is_adapted
from sparring.policy.saved import save_model
from sparring.policy.settings import Engine
from sparring.schema import Role
from sparring.training.state.loading import prepared_model
from sparring.training.state.policy import BehaviourPolicy, Policy, Snapshot

START, BOTH = "start", "both"
"""Players besides the roles: the weights of the beginning, and those that both roles have."""


class Trainer(Policy):
    """Model, tokenizer, learner and counters of a run.

    With others in the ``world`` each process has one. Only the first process samples and restores;
    where it samples from sharded weights it keeps a copy of the full model for that.
    """

    def __init__(self, recipe: Recipe, world: World | None = None) -> None:
        """Raises `ModelError`, and `ConfigError` for processes that the recipe has no use for."""
        world = world or World()
        if not world.alone and recipe.training.sharding is Sharding.NONE:
            raise ConfigError(
                f"training.sharding is none, but {world.size} processes were started: set it to "
                "ddp or fsdp, or start one process"
            )
        with world.order(Order.BEGIN, recipe.model_dump(mode="json")):
            if recipe.training.threads:
                torch.set_num_threads(recipe.training.threads)
            torch.manual_seed(recipe.training.seed)
            sharded = recipe.training.sharding is Sharding.FSDP and not world.alone
            prepared = prepared_model(recipe, world, sharded)
            super().__init__(recipe, world, prepared.model, prepared.tokenizer)
            self._prepare(prepared.source, sharded)
        world.keep_awake()
        self.revision: str | None = getattr(self.model.config, "_commit_hash", None)
        """Of a model from a hub."""
        self.tokens = 0
        self.refused: list[int] = []
        """Steps in which a gradient was not applied because it was not finite or had exploded."""
        self.behaviour: BehaviourPolicy | None = None
        """What asynchronous rollouts are sampled from."""

    def _prepare(self, source: PreTrainedModel | None, sharded: bool) -> None:
        """The learner, and the copies of the weights that are sampled from. The full model is in
        ``source``, where it is to be ``sharded``."""
        recipe, world = self.recipe, self.world
        self.compute_dtype = torch_type(recipe.model.precision)
        """What passes compute in, and the type of weights that are only sampled from."""
        self._learning = frozenset(n for n, p in self.model.named_parameters() if p.requires_grad)
        """Names of the weights that learn: a full copy of a sharded model does not say."""
        wanted = bool(recipe.learning.frozen is not Frozen.NONE or recipe.opponents)
        here = recipe.sampling.engine is Engine.LOCAL
        if not sharded:
            # Before it is moved: the device need not hold frozen weights in float32.
            cast(self.model, self.compute_dtype, learning=False).to(world.device)
        self.learner = Learner(
            self.model,
            recipe.learner,
            recipe.model,
            world,
            source,
            sharded=sharded,
            keep_source=here,
            keep_start=wanted and not here,
            shares_device=not here and recipe.vllm.share_gpu,
        )
        self._full: PreTrainedModel | None = None
        """A copy of the full model to sample from, where weights are sharded and this process
        samples, and of which version."""
        if source is not None and here:
            self._full = cast(source, self.compute_dtype).requires_grad_(False)
        self._full_version = 0
        if wanted and world.leads and not is_adapted(self.model):
            # Not the reference where it is asked by two threads at once: a pass of one would be
            # taken for one of the other.
            reference = None if recipe.training.ahead else self.learner.reference
            if self._full is not None:
                self.initial = frozen_copy(self._full)
            elif not sharded:
                self.initial = reference or frozen_copy(self.model)
                self.learner.start = self.initial

    def notes(self) -> list[str]:
        """How many learn, where more than one does or was meant to; and why not by the backend
        that would be quickest."""
        sharding, found = self.recipe.training.sharding, []
        if not self.world.alone:
            found.append(f"{self.world.size} processes learn together ({sharding})")
        elif sharding is not Sharding.NONE:
            found.append(f"note: training.sharding is {sharding}, but this process is alone")
        if self.learner.backend_note is not None:
            found.append(f"note: {self.learner.backend_note}")
        return found

    def finished(self) -> bool:
        """Whether the recipe's last step has been made."""
        return self.recipe.training.finished(self.step, self.tokens)

    def snapshot(self) -> Snapshot:
        """A copy of the weights as they are now, to sample from."""
        return Snapshot(self, self._learning)

    def full_model(self) -> PreTrainedModel:
        """The model with all its weights as they are now. Where they are sharded, the first
        process has it, calls the others in to bring its copy up to date, and must not keep it."""
        if not self.learner.sharded:
            return self.model
        if not self.world.leads:
            gather_weights(self.model, None, self.compute_dtype)
            return self.model
        assert self._full is not None
        if self._full_version != self.learner.version:
            with self.world.order(Order.GATHER):
                gather_weights(self.model, self._full, self.compute_dtype)
            self._full_version = self.learner.version
        return self._full

    def unchanged(self) -> bool:
        """Whether the weights are still those that the run began with. While the first step is
        learned from, the counter of steps does not say so yet."""
        return self.step == 0 and self.learner.version == 0

    def export(self, player: str, path: Path, dtype: torch.dtype) -> None:
        """Write the weights that ``player`` plays with, for a server: a role's, ``both`` roles', or
        those of the ``start``. Where weights are sharded the first process calls the others in, and
        all write. Raises OSError, and RuntimeError for start weights that are gone."""
        kept = player == START or (player in list(Role) and not self.learns(Role(player)))
        of_start = kept and not is_adapted(self.model)
        model = self.learner.start_model() if of_start else self.model
        adapters = [player] if has_role_adapters(model) and not kept else None

        def write(world: World) -> None:
            export_weights(model, self.tokenizer, path, dtype, adapters, not kept, world)
            if self.learner.shares_device:
                give_back(self.world.device)

        if not self.learner.sharded:
            write(World())
            return
        with self.world.order(Order.EXPORT, (player, path, dtype)):
            write(self.world)

    def export_adapter(self, player: str, path: Path) -> None:
        """Write the LoRA adapter that ``player`` plays with, a role or ``both``, as `peft` and
        servers load it. See `export`."""
        name = player if has_role_adapters(self.model) else "default"
        if not self.learner.sharded:
            export_adapter(self.model, path, name)
            return
        with self.world.order(Order.ADAPTER, (player, path)):
            export_adapter(self.model, path, name, self.world)

    def learn(self, step: int, groups: Sequence[Group]) -> Mapping[Role, RoleStats]:
        """Update the weights on a step's groups. The step size rises linearly for
        `learning.warmup_steps`, then it is constant."""
        rise = self.recipe.learning.warmup_steps
        scale = min(1.0, step / rise) if rise else 1.0
        self.learner.set_learning_rate(self.recipe.learning.learning_rate * scale)
        return self.learner.update(groups)

    def save_weights(self, path: Path) -> None:
        """Write the weights to a checkpoint in ``path``. Raises OSError."""
        if not self.learner.sharded:
            with self.learner.masters.in_force():
                save_model(self.model, self.tokenizer, path)
            return
        with self.world.order(Order.SAVE, path):
            save_sharded(self.model, self.tokenizer, path, self.world)

    def spread(
        self, state: dict[str, Any] | None, given: dict[str, torch.Tensor] | None = None
    ) -> None:
        """Take over an optimiser state; with others in the world all take over the first
        process's (None on the others), and the weights that it is ``given`` or has loaded."""
        if self.world.alone:
            assert state is not None
            self.learner.load_state(state)
            self.learner.version += 1
            return
        with self.world.order(Order.SPREAD), self.learner.masters.in_force():
            if self.world.leads:
                given = given or dict(self.model.named_parameters())
            spread_weights(self.model, given, self.world)
            spread_state(self.learner.optimizer, state, self.world)
            self.learner.version += 1
