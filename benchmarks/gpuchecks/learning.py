"""An update of a shape: tokens per second, MFU, peak memory against the estimate, backends.

Peaks are of torch's allocator; the estimate beside them is that of ``sparring config``, less the
context that torch does not count. MFU is of the operations that the method asks for
(`sparring.learner.work`) against the device's dense peak in bfloat16.

The batch is what a step brings: prompts of 500 tokens with 16 responses of about 700, and two
responses of 8,000, in micro-batches of 20,000 positions, with gradient checkpointing and a
reference.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch

from gpuchecks.common import GIB, Setting, groups_of, part
from sparring.config.load import load_recipe
from sparring.learner.peaks import dense_peak
from sparring.learner.samples import SampleGroup
from sparring.learner.settings import LearningSettings, LogprobBackend, OldLogprobs
from sparring.learner.update import Learner
from sparring.learner.work import work_of
from sparring.policy.prepared import prepare_model
from sparring.policy.settings import ModelSettings, Precision
from sparring.policy.shape import ModelShape, shape_of
from sparring.schema import Role
from sparring.training.planning.conditions import CONTEXT, Conditions
from sparring.training.planning.estimate import estimate

_RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "qwen2.5-0.5b-lora.toml"

_BUDGET = 20_000
_RANK = 32


def update(
    setting: Setting, shape: str, lora: bool, layers: int | None = None, padded: bool = False
) -> dict[str, Any]:
    """One update after another: the first compiles, the others are timed."""
    found: dict[str, Any] = {}
    for backend in (
        (LogprobBackend.AUTO, LogprobBackend.PADDED) if padded else (LogprobBackend.AUTO,)
    ):
        found |= part(**{str(backend): _of_backend(setting, shape, lora, layers, backend)})
    return found


def batch(setting: Setting, vocabulary: int) -> list[SampleGroup]:
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
    setting: Setting, shape: str, lora: bool, layers: int | None, backend: LogprobBackend
) -> dict[str, Any]:
    if setting.cuda:
        torch.cuda.empty_cache()  # of the backend before, or it counts as reserved for this
    config = setting.config(shape, layers)
    model = setting.model(shape, torch.float32 if not lora else torch.bfloat16, layers)
    adapter = ModelSettings(
        lora_rank=_RANK if lora else 0, lora_alpha=2.0 * _RANK, gradient_checkpointing=True
    )
    model = prepare_model(model, adapter, 0)
    tokens = 200 if setting.tiny else _BUDGET
    settings = LearningSettings(
        num_minibatches=1,
        ppo_epochs=1,
        kl_bound=None,
        old_logprobs=OldLogprobs.ROLLOUT,
        backend=backend,
        tokens_per_micro_batch=tokens,
        kl_coef=0.01,
    )
    learner = Learner(model, settings, ModelSettings(precision=Precision.BFLOAT16))
    groups = batch(setting, config.vocab_size)
    setting.fresh_peak()
    first = setting.seconds(lambda: learner.update(groups))
    stats = learner.update(groups)
    if not all(math.isfinite(s.grad_norm) for s in stats.values()):
        raise ValueError(f"the gradient is not finite: {stats}")
    seconds = setting.seconds(lambda: learner.update(groups), 1 if setting.tiny else 2)
    sizes = shape_of(config.to_dict(), shape)
    rank = sizes.adapter(_RANK, ["all-linear"]) if lora else 0
    work = work_of(groups, settings, Precision.BFLOAT16, sizes, rank)
    assert work.flops is not None
    found: dict[str, Any] = {"tflops": round(work.flops / seconds / 1e12, 1)}
    if setting.cuda and (peak := dense_peak(torch.cuda.get_device_name())):
        found["mfu"] = round(work.flops / seconds / peak, 3)
    return found | {
        "backend": str(learner.backend),
        "first_seconds": round(first, 2),
        "seconds": round(seconds, 3),
        "tokens_per_second": round(work.tokens / seconds),
        "peak_gib": round(setting.peak(), 2),
        "estimated_gib": round(_estimated(setting, sizes, lora, tokens), 2),
        "reserved_gib": round(torch.cuda.max_memory_reserved() / GIB, 2) if setting.cuda else 0.0,
    }


def _estimated(setting: Setting, sizes: ModelShape, lora: bool, tokens: int) -> float:
    """GiB of an update by the estimate, as torch's allocator would count them."""
    changes = [
        f"model.lora_rank={_RANK if lora else 0}",
        f"learning.tokens_per_micro_batch={tokens}",
        "sampling.coder_max_tokens=8000",
        "sampling.tester_max_tokens=8000",
        "prompts.max_tokens=500",
        "sampling.initial_policy_programs=0",
        "learning.mode=separate",
        "vllm.share_gpu=false",
        'vllm.urls=["http://elsewhere:8000"]',
    ]
    device = torch.cuda.get_device_properties(0).total_memory if setting.cuda else 0
    given = Conditions(gpu=True, device=float(device or 80 * GIB))
    found = estimate(load_recipe(_RECIPE, changes), sizes, given)
    return (found.least + sum(found.phases["learning"].values()) - CONTEXT) / GIB
