"""Construction of a run's scorer from its recipe."""

from __future__ import annotations

from sparring.config.recipe import Recipe
from sparring.grading.own_reward import CustomReward
from sparring.grading.scorer import Scorer


def scorer_of(recipe: Recipe) -> Scorer:
    """Return the recipe's scorer. Raises `ConfigError` for a reward function that cannot be
    used."""
    name = recipe.reward.function
    own = CustomReward(name, recipe.sampling.skip_unlabelled) if name else None
    return Scorer(recipe.rules, recipe.pseudo_labels.filter, recipe.training.seed, own)
