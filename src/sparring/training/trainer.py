"""The side that learns: one model in both roles, its optimiser, and its checkpoints.

Tasks, sampling and the sandbox are the ring's business; a replay needs none
of them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import torch
from transformers import PreTrainedModel

from sparring.config.recipe import Recipe
from sparring.errors import ConfigError, ModelError, RunError
from sparring.learner.distributed.export import export_adapter, export_weights, save_sharded
from sparring.learner.distributed.shards import (
    fingerprint,
    gather_weights,
    spread_state,
    spread_weights,
)
from sparring.learner.distributed.shared_device import give_back
from sparring.learner.distributed.skeleton import Description, skeleton
from sparring.learner.distributed.world import Order, World
from sparring.learner.logprobs.head import check_head
from sparring.learner.masters import cast, torch_type
from sparring.learner.reference import frozen_copy, visiting
from sparring.learner.settings import Frozen, Sharding
from sparring.learner.update import Learner
from sparring.policy.adapters import activate, has_role_adapters
from sparring.policy.ends import add_end_tokens
from sparring.policy.model import (
    check_causal,
    is_adapted,
    load_model,
    load_weights,
    prepare_model,
    save_model,
    save_state,
    saved_weights,
    start_weights,
)
from sparring.policy.settings import Engine
from sparring.runs.directory import RunDir
from sparring.schema import Role
from sparring.training.counters import Counters
from sparring.training.learner_settings import model_place

START, BOTH = "start", "both"
"""Players besides the roles: the weights of the beginning, and those that both roles have."""
_BEHIND = "behind.pt"
"""In a checkpoint: the weights of the step before, where rollouts are made ahead."""


class Behind(Protocol):
    """What plays one step behind a trainer: a `Trainer.twin`, or files for servers."""

    step: int
    pass_rates: dict[str, float]

    def follow(self, other: Trainer) -> None:
        """Take over the trainer's weights and counters."""
        ...

    def keep(self, checkpoint: Path) -> None:
        """Put them into a checkpoint."""
        ...

    def take(self, checkpoint: Path) -> None:
        """Take over what `keep` gave."""
        ...


class Trainer:
    """Model, tokenizer, learner and counters of a run.

    With others in the ``world`` each process has one. Only the first process plays and restores;
    where it samples from sharded weights it keeps a copy of the whole model for that.
    """

    def __init__(self, recipe: Recipe, world: World | None = None) -> None:
        """Raises `ModelError`, and `ConfigError` for processes that the recipe has no use for."""
        self.recipe = recipe
        self.world = world = world or World()
        if not world.alone and recipe.training.sharding is Sharding.NONE:
            raise ConfigError(
                f"training.sharding is none, but {world.size} processes were started: set it to "
                "ddp or fsdp, or start one process"
            )
        with world.order(Order.BEGIN, recipe.model_dump(mode="json")):
            self._load(recipe, world)
        world.keep_awake()
        self.compute_dtype = torch_type(recipe.model.precision)
        """What passes compute in, and the type of weights that are only played."""
        self.revision: str | None = getattr(self.model.config, "_commit_hash", None)
        """Of a model from a hub."""
        self.step = 0
        self.tokens = 0
        self.pass_rates: dict[str, float] = {}
        """Share of correct programs of every task when it was last met, for the curriculum."""
        self.refused: list[int] = []
        """Steps in which a gradient was not applied because it was not finite or had exploded."""
        self.plays_only = False
        """A `twin`: its model is whole and its own, whatever the learner's is."""
        self.behind: Behind | None = None
        """What plays one step behind, where rollouts are made ahead."""

    def _load(self, recipe: Recipe, world: World) -> None:
        if recipe.training.threads:
            torch.set_num_threads(recipe.training.threads)
        torch.manual_seed(recipe.training.seed)
        sharded = recipe.training.sharding is Sharding.FSDP and not world.alone
        source = self._read(recipe, world, sharded)
        self._learning = frozenset(n for n, p in self.model.named_parameters() if p.requires_grad)
        """Names of the weights that learn: a whole copy of a sharded model does not say."""
        wanted = bool(recipe.learning.frozen is not Frozen.NONE or recipe.opponents)
        here = recipe.sampling.engine is Engine.LOCAL
        if not sharded:
            # Before it is moved: the device need not hold frozen weights in float32.
            cast(self.model, torch_type(recipe.model.precision), learning=False).to(world.device)
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
        self._whole: PreTrainedModel | None = None
        """A copy of the whole model to play with, where weights are sharded and this process
        samples, and of which version."""
        if source is not None and here:
            self._whole = cast(source, torch_type(recipe.model.precision)).requires_grad_(False)
        self._whole_version = 0
        self._start: PreTrainedModel | None = None
        """Whole weights as they were at the start, for a frozen role and for opponents; the KL
        term's, if it has them already."""
        if wanted and world.leads and not is_adapted(self.model):
            # Not the reference where it is asked by two threads at once: a pass of one would be
            # taken for one of the other.
            reference = None if recipe.training.ahead else self.learner.reference
            if self._whole is not None:
                self._start = frozen_copy(self._whole)
            elif not sharded:
                self._start = reference or frozen_copy(self.model)
                self.learner.start = self._start

    def _read(self, recipe: Recipe, world: World, sharded: bool) -> PreTrainedModel | None:
        """Load the model and prepare it. To be ``sharded``, the first process does, and returns
        it; the model of all is then a skeleton. Raises `ModelError`."""
        failure, mark, source, description = None, "", None, None
        self.tokenizer: Any = None
        if world.leads or not sharded:
            try:
                model, self.tokenizer = load_model(model_place(recipe.model.path))
                add_end_tokens(model, self.tokenizer, recipe.model.end_tokens, "model.end_tokens")
                check_causal(model)
                check_head(model)
                description = Description.of(model) if sharded else None
                self.model = prepare_model(model, recipe.model, recipe.training.seed)
            except ModelError as error:
                failure = str(error)
        if sharded:
            description = world.tell(description if failure is None else None)
            if description is not None and not world.leads:
                bare = description.skeleton()
                self.model = prepare_model(bare, recipe.model, recipe.training.seed)
            elif description is not None:
                source = self.model
            if description is not None:
                self.model = skeleton(self.model)
        if failure is None and not world.alone and hasattr(self, "model"):
            mark = fingerprint(self.model)
        world.agree(failure, mark)
        return source

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

    def temperature(self, role: Role) -> float:
        """What divides the role's logits in sampling, and so in the log-probs learned from."""
        s = self.recipe.sampling
        return s.coder_temperature if role is Role.CODER else s.tester_temperature

    def learns(self, role: Role) -> bool:
        """Whether the role learns; a frozen one plays as it did at the start."""
        return not self.recipe.learning.frozen.covers(role)

    @contextmanager
    def playing(self, role: Role) -> Iterator[PreTrainedModel]:
        """The model with the weights that play ``role`` in force."""
        if self.learns(role):
            with self._on_stage(self.whole()) as model:
                activate(model, [role])
                yield model
        else:
            with self.at_start() as model:
                yield model

    @contextmanager
    def at_start(self) -> Iterator[PreTrainedModel]:
        """The model with the weights that it began with. Raises `RuntimeError` where they have
        been learned from and nobody has kept them: not even by mistake others in their place."""
        if self._start is not None:
            with self._on_stage(self._start) as model:
                yield model
        elif is_adapted(self.model):
            with self._on_stage(self.whole()) as model, start_weights(model):
                yield model
        elif self._at_the_start():
            with self._on_stage(self.whole()) as model:
                yield model
        else:
            raise RuntimeError(
                f"the start weights are asked for after step {self.step}, but this recipe has no "
                "opponents and no frozen role, so no copy of them was kept"
            )

    def _at_the_start(self) -> bool:
        """Whether the weights are still those that the run began with. While the first step is
        learned from, the counter of steps does not say so yet."""
        return self.step == 0 and (self.plays_only or self.learner.version == 0)

    def _on_stage(self, model: PreTrainedModel) -> AbstractContextManager[PreTrainedModel]:
        """A model where it plays: on this process's device."""
        return visiting(model, self.world.device)

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

        if not self.learner.sharded or (self.plays_only and not of_start):
            write(World())
            return
        with self.world.order(Order.EXPORT, (player, path, dtype)):
            write(self.world)

    def export_adapter(self, player: str, path: Path) -> None:
        """Write the LoRA adapter that ``player`` plays with, a role or ``both``, as `peft` and
        servers load it. See `export`."""
        name = player if has_role_adapters(self.model) else "default"
        if self.plays_only or not self.learner.sharded:
            export_adapter(self.model, path, name)
            return
        with self.world.order(Order.ADAPTER, (player, path)):
            export_adapter(self.model, path, name, self.world)

    def twin(self) -> Trainer:
        """One that plays with a copy of the weights, and does not learn. Weights that never change
        are shared."""
        source = self.whole()
        twin = copy.copy(self)
        constant = {id(p): p for n, p in source.named_parameters() if n not in self._learning}
        twin.model = copy.deepcopy(source, constant)
        twin.plays_only = True
        twin.follow(self)
        return twin

    @torch.no_grad()
    def follow(self, other: Trainer) -> None:
        """Take over the weights of the trainer that this is a `twin` of, and its counters."""
        theirs = other.whole().parameters()
        for own, its in zip(self.model.parameters(), theirs, strict=True):
            if own is not its:
                own.copy_(its)
        self.step, self.pass_rates = other.step, dict(other.pass_rates)

    def whole(self) -> PreTrainedModel:
        """The model with all its weights as they are now. Where they are sharded, the first
        process has it, calls the others in to bring its copy up to date, and must not keep it."""
        if self.plays_only or not self.learner.sharded:
            return self.model
        if not self.world.leads:
            gather_weights(self.model, None, self.compute_dtype)
            return self.model
        assert self._whole is not None
        if self._whole_version != self.learner.version:
            with self.world.order(Order.GATHER):
                gather_weights(self.model, self._whole, self.compute_dtype)
            self._whole_version = self.learner.version
        return self._whole

    def set_learning_rate(self, step: int) -> None:
        """The step size of a training step: linear warm-up, then constant."""
        rise = self.recipe.learning.warmup_steps
        scale = min(1.0, step / rise) if rise else 1.0
        self.learner.set_learning_rate(self.recipe.learning.learning_rate * scale)

    def save(self, run: RunDir) -> None:
        """Write a checkpoint of the current step and remove old ones."""
        state = self.learner.state()
        with run.checkpoint(self.step) as path:
            self.save_weights(path)
            save_state(state, path / "optimizer.pt")
            if self.behind is not None:
                self.behind.keep(path)
            Counters(self.step, self.tokens, self.refused, self.pass_rates).write(path)
        run.prune_checkpoints(self.recipe.training.keep_checkpoints)

    def save_weights(self, path: Path) -> None:
        """Write the weights to a checkpoint in ``path``. Raises OSError."""
        if not self.learner.sharded:
            with self.learner.masters.in_force():
                save_model(self.model, self.tokenizer, path)
            return
        with self.world.order(Order.SAVE, path):
            save_sharded(self.model, self.tokenizer, path, self.world)

    def keep(self, checkpoint: Path) -> None:
        """Put what a `twin` plays with, weights that learn and counters, into a checkpoint."""
        learned = {n: p.data.cpu() for n, p in self.model.named_parameters() if n in self._learning}
        state = {"step": self.step, "pass_rates": self.pass_rates, "weights": learned}
        save_state(state, checkpoint / _BEHIND)

    @torch.no_grad()
    def take(self, checkpoint: Path) -> None:
        """Take over what `keep` gave. Raises OSError, KeyError or RuntimeError for anything
        else."""
        state = torch.load(checkpoint / _BEHIND, "cpu", weights_only=True)
        for name, own in self.model.named_parameters():
            if name in self._learning:
                own.copy_(state["weights"][name])
        self.step, self.pass_rates = state["step"], state["pass_rates"]

    def restore(self, checkpoint: Path) -> None:
        """Weights, optimiser and counters of a checkpoint."""
        try:
            counters = Counters.read(checkpoint)
            # Of a GPU's run as well: what takes a state over puts it where it computes.
            state = torch.load(checkpoint / "optimizer.pt", "cpu", weights_only=True)
            given = None
            if self.learner.sharded:
                given = saved_weights(self.model, checkpoint)
            else:
                with self.learner.masters.in_force():
                    load_weights(self.model, checkpoint)
            if self.behind is not None:
                self.behind.take(checkpoint)
        except (
            OSError,
            ValueError,
            RuntimeError,
            EOFError,
            KeyError,
            TypeError,
            AttributeError,
            UnpicklingError,
            ModelError,
        ) as error:
            said = (str(error).splitlines() or ["empty file"])[0]
            raise RunError(
                f"{checkpoint}: is damaged ({said}); remove it, and the one before it is taken"
            ) from None
        self.spread(state, given)
        self.step, self.tokens = counters.step, counters.tokens
        self.refused, self.pass_rates = counters.refused, counters.pass_rates

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
