"""How a recipe pays, as the scorer takes it."""

from __future__ import annotations

from sparring.config.recipe import Recipe
from sparring.grading.scorer import Scorer
from sparring.learner.settings import Objective
from sparring.rewards.custom import CustomReward
from sparring.rewards.score import Rules


def rules_of(recipe: Recipe) -> Rules:
    """What rewards and advantages follow from, apart from a function of the user's."""
    return Rules(
        recipe.reward,
        recipe.sampling.coder_max_tokens,
        recipe.sampling.tester_max_tokens,
        recipe.learning.objective is Objective.LIKELIHOOD,
    )


def scorer_of(recipe: Recipe) -> Scorer:
    """The scorer of a run. Raises `ConfigError` for a reward function that cannot be used."""
    name = recipe.reward.function
    own = CustomReward(name, recipe.sampling.skip_unlabelled) if name else None
    return Scorer(rules_of(recipe), recipe.supervision.filter, recipe.training.seed, own)
