"""Small random models of several families, and groups of responses for them."""

from __future__ import annotations

import random
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedModel

from sparring.learner.samples import Sample, SampleGroup
from sparring.schema import Role

IDS: dict[str, Any] = {"vocab_size": 50, "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
LLAMA: dict[str, Any] = IDS | {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
WINDOW = {"head_dim": 8, "sliding_window": 8, "query_pre_attn_scalar": 8}
# Windows shorter than prompts; whatever a family does to its logits, strong enough to show.
FAMILIES: dict[str, dict[str, Any]] = {
    "Llama": LLAMA | {"tie_word_embeddings": True},
    "Qwen2": LLAMA | {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1},
    "Qwen3": LLAMA | {"head_dim": 8},
    "Gemma2": LLAMA | WINDOW | {"final_logit_softcapping": 2.0},
    "Gemma3Text": LLAMA | WINDOW | {"layer_types": ["sliding_attention", "full_attention"]},
    "Mistral": LLAMA | {"sliding_window": 8},
    "GPT2": IDS | {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128},
    "GPTNeoX": LLAMA,
    "Granite": LLAMA | {"logits_scaling": 3.0},
    "Cohere": LLAMA | {"logit_scale": 0.3},
}


def wide(name: str, head: int = 16) -> dict[str, Any]:
    """The settings of a family with heads of such a size: flex attention takes no smaller ones."""
    settings = dict(FAMILIES[name])
    settings["n_embd" if "n_embd" in settings else "hidden_size"] = 4 * head
    if "head_dim" in settings:
        settings["head_dim"] = head
    if "query_pre_attn_scalar" in settings:
        settings["query_pre_attn_scalar"] = head
    return settings


def family(name: str, settings: dict[str, Any] | None = None) -> PreTrainedModel:
    """A model with random weights, large enough that probabilities differ."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**(settings or FAMILIES[name]))
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(2.0)
    return model.eval()


def mixed_groups(temperature: float = 0.8) -> list[SampleGroup]:
    """Three prompts, the shortest of one token; responses of 1 to 19."""
    rng = random.Random(4)
    found = []
    for length, count in ((1, 3), (14, 5), (9, 4)):
        samples = []
        for size in [1, *(rng.randrange(1, 20) for _ in range(count - 1))]:
            ids = tuple(rng.randrange(2, 50) for _ in range(size))
            samples.append(Sample(ids, (-1.0,) * size, rng.uniform(-1, 1)))
        prompt = tuple(rng.randrange(2, 50) for _ in range(length))
        found.append(SampleGroup(Role.CODER, prompt, temperature, tuple(samples)))
        temperature += 0.3
    return found
