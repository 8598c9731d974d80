"""The side that learns: one model in both roles, its optimiser, and its checkpoints.

Tasks, sampling and the sandbox are the ring's business; a replay needs none
of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from transformers import PreTrainedModel

from sparring.errors import ModelError, RunError
from sparring.learning.adapters import activate
from sparring.learning.head import check_head
from sparring.learning.model import (
    check_causal,
    is_adapted,
    load_model,
    load_weights,
    prepare_model,
    save_model,
    save_state,
    start_weights,
)
from sparring.learning.reference import frozen_copy, visiting
from sparring.learning.settings import (
    Frozen,
    LearningSettings,
    LossSettings,
    ModelSettings,
    Precision,
)
from sparring.learning.update import Learner
from sparring.microworld import NANO_DIR
from sparring.recipe import NANO, Recipe
from sparring.runs.directory import RunDir
from sparring.schema import Role


class Trainer:
    """Model, tokenizer, learner and counters of a run."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        if recipe.training.threads:
            torch.set_num_threads(recipe.training.threads)
        torch.manual_seed(recipe.training.seed)
        model, self.tokenizer = load_model(model_place(recipe.model.path))
        m = recipe.model
        check_causal(model)
        check_head(model)
        settings = ModelSettings(
            m.lora_rank, m.lora_alpha, tuple(m.lora_targets), m.gradient_checkpointing, m.adapters
        )
        self.model = prepare_model(model, settings, recipe.training.seed)
        self.learner = Learner(self.model, learning_settings(recipe))
        self._start: PreTrainedModel | None = None
        """Whole weights as they were at the start, for a frozen role and for opponents; the KL
        term's, if it has them already."""
        wanted = recipe.learning.frozen is not Frozen.NONE or recipe.sampling.opponents
        if wanted and not is_adapted(self.model):
            self._start = self.learner.reference or frozen_copy(self.model)
        self.autocast = torch.bfloat16 if m.precision is Precision.BFLOAT16 else None
        self.revision: str | None = getattr(self.model.config, "_commit_hash", None)
        """Of a model from a hub."""
        self.step = 0
        self.tokens = 0
        self.pass_rates: dict[str, float] = {}
        """Share of correct programs of every task when it was last met, for the curriculum."""
        self.refused: list[int] = []
        """Steps in which a gradient was not applied because it was not finite or had exploded."""

    def finished(self) -> bool:
        """Whether the recipe's last step has been made."""
        return self.recipe.training.finished(self.step, self.tokens)

    def temperature(self, role: Role) -> float:
        s = self.recipe.sampling
        return s.coder_temperature if role is Role.CODER else s.tester_temperature

    def learns(self, role: Role) -> bool:
        """Whether the role learns; a frozen one plays as it did at the start."""
        return not self.recipe.learning.frozen.covers(role)

    @contextmanager
    def playing(self, role: Role) -> Iterator[PreTrainedModel]:
        """The model with the weights that play ``role`` in force."""
        if self.learns(role):
            activate(self.model, [role])
            yield self.model
        else:
            with self.at_start() as model:
                yield model

    @contextmanager
    def at_start(self) -> Iterator[PreTrainedModel]:
        """The model with the weights that it began with."""
        if self._start is not None:
            with visiting(self._start, self.model.device) as model:
                yield model
        else:
            with start_weights(self.model) as model:
                yield model

    def set_learning_rate(self, step: int) -> None:
        """The step size of a training step: linear warm-up, then constant."""
        rise = self.recipe.learning.warmup_steps
        scale = min(1.0, step / rise) if rise else 1.0
        self.learner.set_learning_rate(self.recipe.learning.learning_rate * scale)

    def save(self, run: RunDir) -> None:
        """Write a checkpoint of the current step and remove old ones."""
        with run.checkpoint(self.step) as path:
            save_model(self.model, self.tokenizer, path)
            save_state(self.learner.state(), path / "optimizer.pt")
            counters = {
                "step": self.step,
                "tokens": self.tokens,
                "refused": self.refused,
                "pass_rates": self.pass_rates,
                "sha256": _checksums(path),
            }
            (path / "state.json").write_text(json.dumps(counters), encoding="utf-8")
        run.prune_checkpoints(self.recipe.training.keep_checkpoints)

    def restore(self, checkpoint: Path) -> None:
        """Weights, optimiser and counters of a checkpoint."""
        try:
            counters: dict[str, Any] = json.loads((checkpoint / "state.json").read_text("utf-8"))
            step, tokens = int(counters["step"]), int(counters["tokens"])
            refused = [int(s) for s in counters["refused"]]
            pass_rates = {str(k): float(v) for k, v in counters.get("pass_rates", {}).items()}
            if checkpoint.name != f"step-{step:05d}":
                raise ValueError(f"state.json is of step {step}")
            found = _checksums(checkpoint)
            for name, checksum in counters["sha256"].items():
                if found.get(name) != checksum:
                    raise ValueError(f"{name} is not what was written")
            state = torch.load(checkpoint / "optimizer.pt", weights_only=True)
            load_weights(self.model, checkpoint)
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
        self.learner.load_state(state)
        self.step, self.tokens, self.refused = step, tokens, refused
        self.pass_rates = pass_rates


def _checksums(checkpoint: Path) -> dict[str, str]:
    """SHA-256 of each file but ``state.json``, which holds them: a flipped bit would load."""
    found = {}
    for path in sorted(p for p in checkpoint.rglob("*") if p.is_file()):
        name = path.relative_to(checkpoint).as_posix()
        if name != "state.json":
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def model_place(name: str) -> str:
    """A model's directory or hub id; the name ``nano`` is the one in the package."""
    return str(NANO_DIR) if name == NANO else name


def learning_settings(recipe: Recipe) -> LearningSettings:
    """The recipe's [learning] as the learner takes it."""
    s = recipe.learning
    return LearningSettings(
        mode=s.mode,
        minibatches=s.minibatches,
        epochs=s.epochs,
        old_logprobs=s.old_logprobs,
        optimizer_state=s.optimizer_state,
        master_weights=s.master_weights,
        learning_rate=s.learning_rate,
        beta1=s.beta1,
        beta2=s.beta2,
        weight_decay=s.weight_decay,
        max_grad_norm=s.max_grad_norm,
        refuse_norm=s.refuse_norm,
        tokens_per_micro_batch=s.tokens_per_micro_batch,
        coder_weight=s.coder_weight,
        tester_weight=s.tester_weight,
        loss=LossSettings(
            objective=s.objective,
            ratio=s.ratio,
            average=s.average,
            clip=s.clip,
            clip_high=s.clip_high,
            kl=s.kl,
            kl_estimator=s.kl_estimator,
            kl_place=s.kl_place,
            reference=s.reference,
            importance_cap=s.importance_cap,
        ),
        precision=recipe.model.precision,
        backend=s.backend,
        logprob_chunk=s.logprob_chunk,
        offload_reference=recipe.model.offload_reference,
    )
