"""The side that learns: one model in both roles, its optimiser, and its checkpoints.

Tasks, sampling and the sandbox are the ring's business; a replay needs none
of them.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from sparring.errors import ModelError, RunError
from sparring.learning.model import (
    check_causal,
    load_model,
    load_weights,
    prepare_model,
    save_model,
    save_state,
)
from sparring.learning.settings import LearningSettings, LossSettings, ModelSettings, Precision
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
        model, self.tokenizer = load_model(model_path(recipe))
        m = recipe.model
        check_causal(model)
        settings = ModelSettings(
            m.lora_rank, m.lora_alpha, tuple(m.lora_targets), m.gradient_checkpointing
        )
        self.model = prepare_model(model, settings, recipe.training.seed)
        self.learner = Learner(self.model, learning_settings(recipe))
        self.autocast = torch.bfloat16 if m.precision is Precision.BFLOAT16 else None
        self.revision: str | None = getattr(self.model.config, "_commit_hash", None)
        """Of a model from a hub."""
        self.step = 0
        self.tokens = 0
        self.refused: list[int] = []
        """Steps in which a gradient was not applied because it was not finite or had exploded."""

    def temperature(self, role: Role) -> float:
        s = self.recipe.sampling
        return s.coder_temperature if role is Role.CODER else s.tester_temperature

    def set_learning_rate(self, step: int) -> None:
        """The step size of a training step: linear warm-up, then constant."""
        rise = self.recipe.learning.warmup_steps
        scale = min(1.0, step / rise) if rise else 1.0
        for group in self.learner.optimizer.param_groups:
            group["lr"] = self.recipe.learning.learning_rate * scale

    def save(self, run: RunDir) -> None:
        """Write a checkpoint of the current step and remove old ones."""
        with run.checkpoint(self.step) as path:
            save_model(self.model, self.tokenizer, path)
            save_state(self.learner.state(), path / "optimizer.pt")
            counters = {
                "step": self.step,
                "tokens": self.tokens,
                "refused": self.refused,
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


def _checksums(checkpoint: Path) -> dict[str, str]:
    """SHA-256 of each file but ``state.json``, which holds them: a flipped bit would load."""
    files = sorted(p for p in checkpoint.iterdir() if p.is_file() and p.name != "state.json")
    found = {}
    for path in files:
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def model_path(recipe: Recipe) -> str:
    """The model's directory or hub id; the name ``nano`` is the one in the package."""
    return str(NANO_DIR) if recipe.model.path == NANO else recipe.model.path


def learning_settings(recipe: Recipe) -> LearningSettings:
    """The recipe's [learning] as the learner takes it."""
    s = recipe.learning
    return LearningSettings(
        mode=s.mode,
        minibatches=s.minibatches,
        learning_rate=s.learning_rate,
        beta1=s.beta1,
        beta2=s.beta2,
        weight_decay=s.weight_decay,
        max_grad_norm=s.max_grad_norm,
        refuse_norm=s.refuse_norm,
        tokens_per_micro_batch=s.tokens_per_micro_batch,
        coder_weight=s.coder_weight,
        tester_weight=s.tester_weight,
        loss=LossSettings(clip=s.clip, kl=s.kl),
        precision=recipe.model.precision,
        share_prompts=not recipe.model.gradient_checkpointing,
    )
