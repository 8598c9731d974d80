"""Telling that a recipe asks another model as the embedded one is asked."""

from __future__ import annotations

import json
from typing import Any

from sparring.config.load import NANO_RECIPE, load_recipe
from sparring.config.recipe import Recipe
from sparring.microworld import NANO_DIR
from sparring.schema import Role


def embedded_prompts(recipe: Recipe, tokenizer: Any) -> str | None:
    """What to say where a model with another vocabulary gets the embedded recipe's short messages,
    which no other model knows. None where all is well."""
    own, other = load_recipe(NANO_RECIPE), recipe.prompts
    names = [r for r in Role if getattr(other, r) == getattr(own.prompts, r)]
    if not names or _embedded(tokenizer):
        return None
    s = recipe.sampling
    same = [
        f"sampling.{r}_max_tokens = {getattr(s, f'{r}_max_tokens')}"
        for r in names
        if getattr(s, f"{r}_max_tokens") == getattr(own.sampling, f"{r}_max_tokens")
    ]
    return (
        f"{' and '.join(f'prompts.{r}' for r in names)}{''.join(f', {x}' for x in same)} are the "
        "embedded recipe's, made for its own model: give this one a recipe (those in recipes/ have "
        "the usual prompts), or set them"
    )


def _embedded(tokenizer: Any) -> bool:
    """Whether a tokenizer has the embedded model's vocabulary."""
    held = json.loads((NANO_DIR / "tokenizer.json").read_text(encoding="utf-8"))
    return set(held["model"]["vocab"]) <= set(tokenizer.get_vocab())
