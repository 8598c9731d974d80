"""Recipe values that have no effect, or an unwanted one.

    raise ConfigError for each of faults(recipe)

A value counts as set if it differs from the preset's value or, where the preset has none, from the
field's default. So the whole recipe that `sparring config` prints loads again. The value 0 switches
a field off and is no fault.

`load_recipe` makes these checks when it reads a user's recipe. The recorded recipe of a run is not
checked: other versions had other presets, and their runs stay readable. Contradictions between
values are refused by the sections themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sparring.config.presets import preset_values
from sparring.config.recipe import Recipe
from sparring.learner.rounding import clipped_by_rounding
from sparring.learner.settings import ImportanceLevel, Objective, OldLogprobs
from sparring.policy.settings import Precision
from sparring.rewards.settings import Overlong
from sparring.schema import Role
from sparring.section import Section

MOST_CLIPPED = 0.02
"""Largest share of responses or tokens that the clip may exclude because of rounding alone."""


@dataclass(frozen=True, slots=True)
class RecipeFault:
    """Fault of a recipe."""

    keys: tuple[str, ...]
    """Fields that cause the fault together, as ``section.key``."""
    message: str
    """Message to the user, one line."""


def faults(recipe: Recipe) -> list[RecipeFault]:
    """Return all faults of a recipe."""
    return [
        *_idle(recipe),
        *_overlong(recipe),
        *_single_response(recipe),
        *_clipped_by_rounding(recipe),
    ]


def _idle(recipe: Recipe) -> Iterator[RecipeFault]:
    """Yield values that have no effect."""
    for name, section in recipe:
        for idle in section.idle() if isinstance(section, Section) else ():
            yield from _set_idle(recipe, name, idle.names, f"{name}.{idle.by}", idle.why)
    if recipe.learning.objective is Objective.LIKELIHOOD:
        why = "learning.objective = likelihood has no advantages to normalise"
        yield from _set_idle(recipe, "reward", ("normalisation",), "learning.objective", why)
    limit, sampling = recipe.learning.max_response_tokens, recipe.sampling
    if limit is not None and limit >= max(sampling.coder_max_tokens, sampling.tester_max_tokens):
        yield RecipeFault(
            (
                "learning.max_response_tokens",
                "sampling.coder_max_tokens",
                "sampling.tester_max_tokens",
            ),
            f"learning.max_response_tokens = {limit} is without effect: sampling.coder_max_tokens "
            "and sampling.tester_max_tokens allow no longer response; leave it out, or raise one "
            "of these",
        )


def _set_idle(
    recipe: Recipe, section: str, names: tuple[str, ...], by: str, why: str
) -> Iterator[RecipeFault]:
    """Yield the fields of ``names`` that are set, though the field ``by`` leaves them without
    effect."""
    preset = preset_values(recipe.preset).get(section, {})
    part = getattr(recipe, section)
    for name in names:
        usual: Any = preset.get(name, type(part).model_fields[name].default)
        if (value := getattr(part, name)) not in (usual, 0):
            message = (
                f"{section}.{name} = {value} is without effect: {why}; leave one of the two out"
            )
            yield RecipeFault((f"{section}.{name}", by), message)


def _overlong(recipe: Recipe) -> Iterator[RecipeFault]:
    """Yield an overlong penalty that starts before a response's first token, and so would reduce
    the reward of every response."""
    buffer, sampling = recipe.reward.overlong_buffer, recipe.sampling
    if recipe.reward.overlong is not Overlong.PENALTY:
        return
    for name in ("coder_max_tokens", "tester_max_tokens"):
        limit: int = getattr(sampling, name)
        if buffer >= limit:
            yield RecipeFault(
                ("reward.overlong", "reward.overlong_buffer", f"sampling.{name}"),
                f"reward.overlong = penalty grows over the last {buffer} tokens before the limit, "
                f"but sampling.{name} is {limit}: every response would get a penalty; set "
                f"reward.overlong_buffer below {limit}, such as {max(1, limit // 4)}",
            )


def _single_response(recipe: Recipe) -> Iterator[RecipeFault]:
    """Yield a group size of 1: a single response has no advantage, so its group is never learned
    from."""
    if recipe.learning.objective is Objective.LIKELIHOOD:
        return
    for role, name in ((Role.CODER, "programs"), (Role.TESTER, "tests")):
        if getattr(recipe.sampling, name) == 1 and recipe.learning.learns(role):
            yield RecipeFault(
                (f"sampling.{name}", "learning.frozen", f"learning.{role}_weight"),
                f"sampling.{name} = 1: an advantage compares the responses of a group, so the "
                f'{role} would learn nothing; set at least 2, or set learning.frozen = "{role}"',
            )


def _clipped_by_rounding(recipe: Recipe) -> Iterator[RecipeFault]:
    """Yield settings under which rounding alone moves ratios beyond the clip range.

    These are ratios of the trainer's probabilities to the sampler's, and ratios across an optimiser
    step.
    """
    learning, sampling = recipe.learning, recipe.sampling
    old = recipe.old_logprobs
    if learning.objective is Objective.LIKELIHOOD or old is OldLogprobs.PER_STEP:
        return
    longest = max(sampling.coder_max_tokens, sampling.tester_max_tokens)
    usual = max(1, min(longest, learning.max_response_tokens or longest) // 2)
    share = clipped_by_rounding(
        learning.importance_level, learning.clip_eps_low, learning.clip_eps_high, usual
    )
    if share <= MOST_CLIPPED:
        return
    unit = (
        "tokens"
        if learning.importance_level is ImportanceLevel.TOKEN
        else f"responses of {usual:,} tokens"
    )
    effect = (
        f"rounding alone would move {share:.0%} of the {unit} beyond the clip range, which removes "
        "their gradient"
    )
    keys = (
        "importance_level",
        "clip_eps_low",
        "clip_eps_high",
        "old_logprobs",
        "num_minibatches",
        "ppo_epochs",
    )
    between = (*(f"learning.{k}" for k in keys), "model.precision", "vllm.dtype", "sampling.engine")
    if old is OldLogprobs.ROLLOUT and not recipe.in_float32:
        yield RecipeFault(
            between,
            f"learning.old_logprobs = rollout with learning.importance_level = "
            f"{learning.importance_level}: sampler or trainer computes in bfloat16, and {effect}; "
            'leave old_logprobs out, or set "recomputed"',
        )
    elif (
        recipe.model.precision is Precision.BFLOAT16
        and learning.num_minibatches * learning.ppo_epochs > 1
    ):
        yield RecipeFault(
            between,
            f"learning.importance_level = {learning.importance_level} with model.precision = "
            f"bfloat16: from the second optimiser step on {effect}; set num_minibatches = "
            f'ppo_epochs = 1, or importance_level = "{ImportanceLevel.TOKEN}", or '
            'old_logprobs = "per_step"',
        )
