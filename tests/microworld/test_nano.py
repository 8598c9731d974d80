"""The nano model in the package: an ordinary checkpoint, small, and imperfect on purpose."""

from __future__ import annotations

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sparring.microworld import NANO_DIR
from sparring.microworld.build import WarmStart, build
from sparring.microworld.corpus import CODER_TEMPLATE, TESTER_TEMPLATE, corpus
from sparring.prompts.render import prompt_ids, prompt_text


def test_the_checkpoint_is_small_and_plain() -> None:
    assert sum(f.stat().st_size for f in NANO_DIR.iterdir()) < 8_000_000
    model = AutoModelForCausalLM.from_pretrained(NANO_DIR)
    assert model.config.model_type == "llama"
    assert sum(p.numel() for p in model.parameters()) < 3_000_000
    recorded = json.loads((NANO_DIR / "build.json").read_text())
    defaults = WarmStart()
    assert {k: recorded[k] for k in ("seed", "conversations", "batch", "hidden", "layers")} == {
        "seed": defaults.seed,
        "conversations": defaults.conversations,
        "batch": defaults.batch,
        "hidden": defaults.hidden,
        "layers": defaults.layers,
    }


def test_prompts_are_rendered_as_they_were_learned() -> None:
    tokenizer = AutoTokenizer.from_pretrained(NANO_DIR)
    message = CODER_TEMPLATE.replace("{statement}", "Read 4 letters.")
    [ids] = prompt_ids(tokenizer, [prompt_text(tokenizer, message)], 99, ["t"])
    assert tokenizer.decode(ids) == "<|user|>Program: Read 4 letters.<|end|><|assistant|>"


def test_every_text_survives_the_tokenizer() -> None:
    tokenizer = AutoTokenizer.from_pretrained(NANO_DIR)
    texts = [c.answer for c in corpus(1, 200)] + ["größer ≥ 𝛼 \x00 \t", "<think>no</think>"]
    for text in texts:
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_recipe_uses_the_templates_of_the_warm_start() -> None:
    from sparring.config.load import NANO_RECIPE, load_recipe

    recipe = load_recipe(NANO_RECIPE)
    assert recipe.prompts.coder == CODER_TEMPLATE
    assert recipe.prompts.tester == TESTER_TEMPLATE


@pytest.mark.slow
def test_a_build_repeats_bit_for_bit(tmp_path: object) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    small = WarmStart(conversations=240, hidden=32, layers=1)
    weights = []
    for name in ("a", "b"):
        build(tmp_path / name, small, log=_quiet)
        weights.append(AutoModelForCausalLM.from_pretrained(tmp_path / name).state_dict())
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])
    assert (tmp_path / "a" / "tokenizer.json").read_bytes() == (
        tmp_path / "b" / "tokenizer.json"
    ).read_bytes()


def _quiet(text: str) -> None:
    """Say nothing (a function of the module, so that other processes can find it)."""
