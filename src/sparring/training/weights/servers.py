"""Settings and tokens of a recipe's vLLM servers, in the form that their sampler takes."""

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
from sparring.policy.vllm.requests import ServedTokens
from sparring.policy.vllm.settings import Dtype, ServerSettings

TORCH = {
    Dtype.FLOAT32: torch.float32,
    Dtype.BFLOAT16: torch.bfloat16,
    Dtype.FLOAT16: torch.float16,
}


def served_tokens(recipe: Recipe, tokenizer: Any, end_ids: Sequence[int]) -> ServedTokens:
    """Return the functions that turn a model's texts into tokens and back."""
    return ServedTokens(
        encode=lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
        decode=lambda ids: str(tokenizer.decode(list(ids))),
        text=Detokenizer(tokenizer, end_ids, recipe.prompts.marks).text,
        count=len(tokenizer),
        end_ids=end_ids,
    )


def server_settings(
    recipe: Recipe,
    longest: int,
    urls: Sequence[str],
    urls_key: str,
    lora_rank: int,
    loras: int,
) -> ServerSettings:
    """Return the recipe's [vllm] section with its open values filled in.

    A prompt and its response have at most ``longest`` tokens together. ``urls_key`` is the recipe
    key that ``urls`` come from. A server serves up to ``loras`` adapters of ``lora_rank``.
    """
    v = recipe.vllm
    exact = recipe.model.precision is Precision.FLOAT32
    dtype = v.dtype or (Dtype.FLOAT32 if exact else Dtype.BFLOAT16)
    environment = Path(v.environment).expanduser() if v.environment else default_environment()
    settled = {
        "environment": str(environment),
        "urls": urls,
        "urls_key": urls_key,
        "dtype": dtype,
        "max_model_len": longest,
        "max_gap": v.max_gap or (1e-3 if exact and dtype is Dtype.FLOAT32 else 0.05),
        "lora_rank": lora_rank,
        "loras": loras,
    }
    return ServerSettings.model_validate({**dict(v), **settled})


def longest(recipe: Recipe, positions: int | None, response: int) -> int:
    """Return the maximum tokens of a prompt and its response together, for responses of at most
    ``response`` tokens and a model with ``positions`` positions (None: no limit)."""
    both = recipe.prompts.max_tokens + response
    return min(both, positions or both)


def log_file(log: Path | None) -> Path:
    """Return the log file of a server that we start; by default in the temporary directory."""
    return log or Path(tempfile.gettempdir()) / f"sparring-vllm-{os.getpid()}.log"
