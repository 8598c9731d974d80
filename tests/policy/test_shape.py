"""Parameters counted from a configuration are those of the model that transformers makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

from sparring.errors import ModelError
from sparring.policy.shape import FAMILIES, read_shape, shape_of

KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    # published models, by their configurations
    "qwen2.5-7b": (
        Qwen2Config,
        {
            "hidden_size": 3584,
            "intermediate_size": 18944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "vocab_size": 152064,
        },
    ),
    "qwen2.5-0.5b": (
        Qwen2Config,
        {
            "hidden_size": 896,
            "intermediate_size": 4864,
            "num_hidden_layers": 24,
            "num_attention_heads": 14,
            "num_key_value_heads": 2,
            "vocab_size": 151936,
            "tie_word_embeddings": True,
        },
    ),
    "qwen3-4b": (
        Qwen3Config,
        {
            "hidden_size": 2560,
            "intermediate_size": 9728,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 151936,
            "tie_word_embeddings": True,
        },
    ),
    "llama-3.1-8b": (
        LlamaConfig,
        {
            "hidden_size": 4096,
            "intermediate_size": 14336,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "vocab_size": 128256,
        },
    ),
    "llama with biases": (
        LlamaConfig,
        {"num_hidden_layers": 3, "attention_bias": True, "mlp_bias": True, "head_dim": 96},
    ),
    "qwen3 with biases": (Qwen3Config, {"num_hidden_layers": 3, "attention_bias": True}),
    "mistral": (MistralConfig, {"num_hidden_layers": 4, "num_key_value_heads": 8}),
}
KNOWN = {
    "qwen2.5-7b": 7_615_616_512,
    "qwen2.5-0.5b": 494_032_768,
    "qwen3-4b": 4_022_468_096,
    "llama-3.1-8b": 8_030_261_248,
}


def made(kind: str, folder: Path) -> tuple[Any, Path]:
    """The model on the meta device, and its configuration as transformers saves it."""
    config_class, values = KINDS[kind]
    config = config_class(**values)
    config.save_pretrained(folder)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config), folder / "config.json"


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_counted_exactly(kind: str, tmp_path: Path) -> None:
    model, file = made(kind, tmp_path)
    shape = read_shape(file)
    assert shape.parameters == sum(p.numel() for p in model.parameters())
    assert shape.parameters == KNOWN.get(kind, shape.parameters)
    own = json.loads(file.read_text())["model_type"]
    assert own in FAMILIES


@pytest.mark.parametrize("targets", [["all-linear"], ["q_proj", "v_proj"], ["lm_head"]])
def test_an_adapter_is_counted_exactly(targets: list[str], tmp_path: Path) -> None:
    model, file = made("llama with biases", tmp_path)
    wanted: Any = targets[0] if targets == ["all-linear"] else targets
    adapted = get_peft_model(model, LoraConfig(r=8, target_modules=wanted, task_type="CAUSAL_LM"))
    learning = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert read_shape(file).adapter(8, targets) == learning


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model_type": "mamba"}, "the model type mamba cannot be counted"),
        ({"hidden_size": None}, "hidden_size is None"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
    ],
)
def test_what_cannot_be_counted_is_one_line(change: dict[str, Any], told: str) -> None:
    config = {**LlamaConfig().to_dict(), **change}
    with pytest.raises(ModelError, match=told) as found:
        shape_of(config, "there")
    assert "\n" not in str(found.value)


def test_a_target_that_is_not_there_is_one_line() -> None:
    with pytest.raises(ModelError, match="no layer w_proj"):
        shape_of(LlamaConfig().to_dict(), "there").adapter(8, ["w_proj"])
