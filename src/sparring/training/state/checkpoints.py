"""Checkpoints: weights, optimiser state and counters of a step, written and restored.

``state.json`` is written last. The file holds the counters and the checksums of all other files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from sparring.errors import ModelError, RunError
from sparring.files import checksum
from sparring.policy.saved import load_weights, save_state, saved_weights
from sparring.runs.directory import RunDir
from sparring.training.state.trainer import Trainer

FILE = "state.json"


def save(trainer: Trainer, run: RunDir) -> None:
    """Write a checkpoint of the current step, and remove checkpoints beyond
    ``training.keep_checkpoints``."""
    state = trainer.learner.state()
    with run.checkpoint(trainer.step) as path:
        trainer.save_weights(path)
        save_state(state, path / "optimizer.pt")
        if trainer.behaviour is not None:
            trainer.behaviour.save(path)
        Counters(trainer.step, trainer.tokens, trainer.refused, trainer.pass_rates).write(path)
    run.prune_checkpoints(trainer.recipe.training.keep_checkpoints)


def restore(trainer: Trainer, checkpoint: Path) -> None:
    """Load weights, optimiser state and counters from a checkpoint into the trainer.

    Raises `RunError` for a damaged checkpoint.
    """
    try:
        counters = Counters.read(checkpoint)
        # Loaded on the CPU even for a GPU: the optimiser moves the state to its own device.
        state = torch.load(checkpoint / "optimizer.pt", "cpu", weights_only=True)
        weights = None
        if trainer.learner.sharded:
            weights = saved_weights(trainer.model, checkpoint)
        else:
            with trainer.learner.masters.in_force():
                load_weights(trainer.model, checkpoint)
        if trainer.behaviour is not None:
            trainer.behaviour.load(checkpoint)
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
        reason = (str(error).splitlines() or ["empty file"])[0]
        raise RunError(
            f"{checkpoint}: the checkpoint is damaged ({reason}); remove it, and --resume starts "
            "from the checkpoint before it"
        ) from None
    trainer.spread(state, weights)
    trainer.step, trainer.tokens = counters.step, counters.tokens
    trainer.refused, trainer.pass_rates = counters.refused, counters.pass_rates


@dataclass(frozen=True, slots=True)
class Counters:
    """Counters of a run at a checkpoint."""

    step: int
    """Steps made."""
    tokens: int
    """Tokens sampled."""
    refused: list[int]
    """Steps whose gradient was refused."""
    pass_rates: dict[str, float]
    """Share of correct programs of each task, by task id."""

    def write(self, checkpoint: Path) -> None:
        """Write ``state.json``: call this last, when all other files of ``checkpoint`` exist."""
        record = {
            "step": self.step,
            "tokens": self.tokens,
            "refused": self.refused,
            "pass_rates": self.pass_rates,
            "sha256": checksums(checkpoint),
        }
        (checkpoint / FILE).write_text(json.dumps(record), encoding="utf-8")

    @classmethod
    def read(cls, checkpoint: Path) -> Counters:
        """Read the counters of a checkpoint and verify the checksums of its files.

        Raises ValueError, KeyError, TypeError, AttributeError or OSError for a damaged checkpoint.
        """
        record: dict[str, Any] = json.loads((checkpoint / FILE).read_text("utf-8"))
        step, tokens = int(record["step"]), int(record["tokens"])
        refused = [int(s) for s in record["refused"]]
        pass_rates = {str(k): float(v) for k, v in record.get("pass_rates", {}).items()}
        if checkpoint.name != f"step-{step:05d}":
            raise ValueError(f"{FILE} is of step {step}")
        sums = checksums(checkpoint)
        for name, written in record["sha256"].items():
            if name not in sums:
                raise ValueError(f"{name} is missing")
            if sums[name] != written:
                raise ValueError(f"{name} has a wrong checksum")
        return cls(step, tokens, refused, pass_rates)


def checksums(checkpoint: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a checkpoint except ``state.json``, by relative path.

    Without checksums, a file with a flipped bit would load.
    """
    sums = {}
    for path in sorted(p for p in checkpoint.rglob("*") if p.is_file()):
        name = path.relative_to(checkpoint).as_posix()
        if name != FILE:
            sums[name] = checksum(path)
    return sums
