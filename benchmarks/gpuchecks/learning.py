"""An update of a shape: tokens per second, MFU, peak memory against the estimate, backends.

The batch is what a step brings: prompts of 500 tokens with 16 responses of about 700, and two
responses of 8,000, in micro-batches of 20,000 positions, with gradient checkpointing and a
reference.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from gpuchecks.common import GIB, Setting, groups_of, part
from sparring.learning.model import prepare_model
from sparring.learning.samples import Group
from sparring.learning.settings import (
    Backend,
    LearningSettings,
    LossSettings,
    ModelSettings,
    Precision,
)
from sparring.learning.update import Learner
from sparring.schema import Role

_BUDGET = 20_000
_RANK = 32


def update(
    setting: Setting, shape: str, lora: bool, layers: int | None = None, padded: bool = False
) -> dict[str, Any]:
    """One update after another: the first compiles, the others are timed."""
    found: dict[str, Any] = {}
    for backend in (Backend.AUTO, Backend.PADDED) if padded else (Backend.AUTO,):
        found |= part(**{str(backend): _of_backend(setting, shape, lora, layers, backend)})
    return found


def batch(setting: Setting, vocabulary: int) -> list[Group]:
    """Groups of both roles, of uneven lengths."""
    if setting.tiny:
        return [group for role in Role for group in groups_of(vocabulary, 20, [5, 9, 14], 2, role)]
    usual = [400 + 40 * i for i in range(16)]
    return [
        *groups_of(vocabulary, 500, usual, 2),
        *groups_of(vocabulary, 500, [8000, 700], 1),
        *groups_of(vocabulary, 500, usual, 2, Role.TESTER),
        *groups_of(vocabulary, 500, [8000, 700], 1, Role.TESTER),
    ]


def _of_backend(
    setting: Setting, shape: str, lora: bool, layers: int | None, backend: Backend
) -> dict[str, Any]:
    config = setting.config(shape, layers)
    model = setting.model(shape, torch.float32 if not lora else torch.bfloat16, layers)
    settings = ModelSettings(
        lora_rank=_RANK if lora else 0, lora_alpha=2.0 * _RANK, gradient_checkpointing=True
    )
    model = prepare_model(model, settings, 0)
    learner = Learner(
        model,
        LearningSettings(
            precision=Precision.BFLOAT16,
            backend=backend,
            tokens_per_micro_batch=200 if setting.tiny else _BUDGET,
            loss=LossSettings(kl=0.01),
        ),
    )
    groups = batch(setting, config.vocab_size)
    setting.fresh_peak()
    first = setting.seconds(lambda: learner.update(groups))
    stats = learner.update(groups)
    if not all(math.isfinite(s.grad_norm) for s in stats.values()):
        raise ValueError(f"the gradient is not finite: {stats}")
    seconds = setting.seconds(lambda: learner.update(groups), 1 if setting.tiny else 2)
    tokens = sum(g.tokens for g in groups)
    return {
        "backend": str(learner.backend),
        "first_seconds": round(first, 2),
        "seconds": round(seconds, 3),
        "tokens_per_second": round(tokens / seconds),
        "peak_gib": round(setting.peak(), 2),
        "reserved_gib": round(torch.cuda.max_memory_reserved() / GIB, 2) if setting.cuda else 0.0,
    }
