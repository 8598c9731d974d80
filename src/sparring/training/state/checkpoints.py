"""Checkpoints: weights, optimiser state and counters of a step, written and taken over again.

``state.json`` is written last: how far the run was, and the checksums of the other files.
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
    """Write a checkpoint of the current step and remove old ones."""
    state = trainer.learner.state()
    with run.checkpoint(trainer.step) as path:
        trainer.save_weights(path)
        save_state(state, path / "optimizer.pt")
        if trainer.behaviour is not None:
            trainer.behaviour.keep(path)
        Counters(trainer.step, trainer.tokens, trainer.refused, trainer.pass_rates).write(path)
    run.prune_checkpoints(trainer.recipe.training.keep_checkpoints)


def restore(trainer: Trainer, checkpoint: Path) -> None:
    """Take over weights, optimiser and counters of a checkpoint. Raises `RunError` for a damaged
    one."""
    try:
        counters = Counters.read(checkpoint)
        # Of a GPU's run as well: what takes a state over puts it where it computes.
        state = torch.load(checkpoint / "optimizer.pt", "cpu", weights_only=True)
        given = None
        if trainer.learner.sharded:
            given = saved_weights(trainer.model, checkpoint)
        else:
            with trainer.learner.masters.in_force():
                load_weights(trainer.model, checkpoint)
        if trainer.behaviour is not None:
            trainer.behaviour.take(checkpoint)
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
    trainer.spread(state, given)
    trainer.step, trainer.tokens = counters.step, counters.tokens
    trainer.refused, trainer.pass_rates = counters.refused, counters.pass_rates


@dataclass(frozen=True, slots=True)
class Counters:
    """Steps made, tokens sampled, steps whose gradient was refused, and pass rates by task."""

    step: int
    tokens: int
    refused: list[int]
    pass_rates: dict[str, float]

    def write(self, checkpoint: Path) -> None:
        """Write them last, when all other files of the ``checkpoint`` are there."""
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
        """Those of a checkpoint whose files are as they were written. Raises ValueError, KeyError,
        TypeError, AttributeError or OSError where it is damaged."""
        record: dict[str, Any] = json.loads((checkpoint / FILE).read_text("utf-8"))
        step, tokens = int(record["step"]), int(record["tokens"])
        refused = [int(s) for s in record["refused"]]
        pass_rates = {str(k): float(v) for k, v in record.get("pass_rates", {}).items()}
        if checkpoint.name != f"step-{step:05d}":
            raise ValueError(f"{FILE} is of step {step}")
        found = checksums(checkpoint)
        for name, written in record["sha256"].items():
            if found.get(name) != written:
                raise ValueError(f"{name} is not what was written")
        return cls(step, tokens, refused, pass_rates)


def checksums(checkpoint: Path) -> dict[str, str]:
    """SHA-256 of each file but ``state.json``, which holds them: a flipped bit would load."""
    found = {}
    for path in sorted(p for p in checkpoint.rglob("*") if p.is_file()):
        name = path.relative_to(checkpoint).as_posix()
        if name != FILE:
            found[name] = checksum(path)
    return found
