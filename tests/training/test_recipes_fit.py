"""Every recipe fits the hardware that it states, by the estimate, with 5% to spare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sparring.config.load import load_recipe
from sparring.policy.settings import SamplingEngine
from sparring.policy.shape import ModelShape, shape_of
from sparring.training.planning.conditions import GIB, Conditions
from sparring.training.planning.estimate import estimate
from sparring.training.planning.main_memory import main_memory

RECIPES = Path(__file__).parents[2] / "recipes"
NODE, CARD = (6, 79.1), (1, 23.5)
"""Ranks, and GiB of each one's GPU as its driver has them: A100 and H100 of 80 GB, cards of 24."""
STATED = {
    "qwen2.5-7b": NODE,
    "qwen2.5-14b": NODE,
    "qwen2.5-14b-label-free": NODE,
    "qwen3-4b-long-cot": NODE,
    "qwen2.5-0.5b-lora": CARD,
    "qwen2.5-1.5b-lora": CARD,
}
SIZES = {  # of the models' own config.json
    "Qwen/Qwen2.5-7B-Instruct": ("qwen2", 3584, 18944, 28, 28, 4, 152064, False),
    "Qwen/Qwen2.5-14B-Instruct": ("qwen2", 5120, 13824, 48, 40, 8, 152064, False),
    "Qwen/Qwen3-4B": ("qwen3", 2560, 9728, 36, 32, 8, 151936, True),
    "Gen-Verse/ReasonFlux-Coder-4B": ("qwen3", 2560, 9728, 36, 32, 8, 151936, True),
    "Qwen/Qwen2.5-0.5B-Instruct": ("qwen2", 896, 4864, 24, 14, 2, 151936, True),
    "Qwen/Qwen2.5-1.5B-Instruct": ("qwen2", 1536, 8960, 28, 12, 2, 151936, True),
}


def shape(model: str) -> ModelShape:
    family, hidden, inner, layers, queries, keys, vocabulary, tied = SIZES[model]
    config = {
        "model_type": family,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": queries,
        "num_key_value_heads": keys,
        "vocab_size": vocabulary,
        "tie_word_embeddings": tied,
        "max_position_embeddings": 32768 if family == "qwen2" else 40960,
    }
    return shape_of(config, model)


@pytest.mark.parametrize("name", STATED)
def test_a_recipe_fits_its_hardware(name: str) -> None:
    recipe = load_recipe(RECIPES / f"{name}.toml")
    ranks, gib = STATED[name]
    c = Conditions(ranks, ranks, gpu=True, device=gib * GIB)
    by = recipe.pseudo_labels
    frozen_tester = shape(by.model) if by.model and by.engine is SamplingEngine.LOCAL else None
    found = estimate(recipe, shape(recipe.model.path), c, frozen_tester)
    assert found.most <= 0.95 * gib * GIB, found.lines()
    of_main = main_memory(recipe, shape(recipe.model.path), c, found)
    text = " ".join((RECIPES / f"{name}.toml").read_text().split("\n# "))
    [stated] = re.findall(r"(\d+) GB of main memory", text)
    assert of_main.most <= 0.95 * int(stated) * 1e9, of_main.lines()


def test_every_recipe_for_a_gpu_is_looked_at() -> None:
    served = {p.stem for p in RECIPES.glob("*.toml") if "vllm" in p.read_text()}
    extending = {p.stem for p in RECIPES.glob("*.toml") if "extends" in p.read_text()}
    assert served | extending == set(STATED)
