"""A model that is small enough to check by hand and slow enough for nothing: for tests only."""

from __future__ import annotations

import functools
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sparring.microworld import NANO_DIR
from sparring.policy.model import load_model


def tiny_model(seed: int = 0, vocabulary: int = 50) -> LlamaForCausalLM:
    """Two layers of random weights, large enough that probabilities differ."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=128,
            bos_token_id=None,
            eos_token_id=1,
            pad_token_id=0,
        )
    )
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3.0)
    return model.eval()


class TinyTokenizer:
    """As much of a tokenizer as a sampler needs."""

    eos_token_id = 1

    def batch_decode(self, ids: list[list[int]], **_: Any) -> list[str]:
        return [" ".join(map(str, row)) for row in ids]


@functools.cache
def nano() -> tuple[Any, Any]:
    """The model and tokenizer of the package."""
    return load_model(str(NANO_DIR))
