"""A recipe's servers as the sampler over them takes them: settings, tokens."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sparring.config.recipe import Recipe
from sparring.policy.local.detokenize import Detokenizer
from sparring.policy.settings import Precision
from sparring.policy.vllm.environment import default_environment
from sparring.policy.vllm.settings import Dtype, VllmSettings
from sparring.policy.vllm.wanted import Words

TORCH = {
    Dtype.FLOAT32: torch.float32,
    Dtype.BFLOAT16: torch.bfloat16,
    Dtype.FLOAT16: torch.float16,
}


def words_of(recipe: Recipe, tokenizer: Any, end_ids: Sequence[int]) -> Words:
    """A model's tokens."""
    return Words(
        encode=lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
        decode=lambda ids: str(tokenizer.decode(list(ids))),
        text=Detokenizer(tokenizer, end_ids, recipe.prompts.marks).text,
        count=len(tokenizer),
        end_ids=end_ids,
    )


def vllm_settings(
    recipe: Recipe,
    longest: int,
    urls: Sequence[str],
    lora_rank: int = 0,
    loras: int = 1,
    urls_key: str = "vllm.urls",
) -> VllmSettings:
    """The recipe's [vllm], with what it leaves open, for prompts and responses that are together
    ``longest`` tokens long at most. ``urls_key`` is what the recipe has ``urls`` from."""
    v = recipe.vllm
    usual = Dtype.FLOAT32 if recipe.model.precision is Precision.FLOAT32 else Dtype.BFLOAT16
    dtype = v.dtype or usual
    exact = dtype is Dtype.FLOAT32 and recipe.model.precision is Precision.FLOAT32
    return VllmSettings(
        environment=Path(v.environment).expanduser() if v.environment else default_environment(),
        urls=tuple(urls),
        urls_key=urls_key,
        dtype=dtype,
        arguments=tuple(v.arguments),
        variables=v.variables,
        memory=v.memory,
        cpu_cache=v.cpu_cache,
        tensor_parallel=v.tensor_parallel,
        data_parallel=v.data_parallel,
        max_model_len=longest,
        weights_dir=Path(v.weights_dir),
        max_gap=v.max_gap or (1e-3 if exact else 0.05),
        concurrency=v.concurrency,
        start_seconds=v.start_seconds,
        stall_seconds=v.stall_seconds,
        patience=v.patience,
        share_gpu=v.share_gpu,
        lora_rank=lora_rank,
        loras=loras,
    )


def longest(recipe: Recipe, positions: int | None, response: int) -> int:
    """A prompt and a response of so many tokens together, at most, where a model has so many
    ``positions``."""
    both = recipe.prompts.max_tokens + response
    return min(both, positions or both)


def log_file(log: Path | None) -> Path:
    """Where a server of ours writes; by default to the temporary directory."""
    return log or Path(tempfile.gettempdir()) / f"sparring-vllm-{os.getpid()}.log"
