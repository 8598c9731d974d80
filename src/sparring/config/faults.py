"""What is given in a recipe and would do nothing, or nothing that anybody wants.

    raise ConfigError for each of faults(recipe)

A value counts as given where it is not what the preset, or else the field itself, has: so the whole
recipe that `sparring config` prints loads again. A number that is 0 is switched off, which agrees
with having no effect. These are checks of what a user writes, made when
a recipe is read; the recipe of a run on record may have such values (other versions had other
presets, and no such checks) and stays readable. What contradicts itself is refused by the sections.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sparring.config.presets import preset_values
from sparring.config.recipe import Recipe
from sparring.config.settings import SupervisionKind
from sparring.learner.rounding import clipped_by_rounding
from sparring.learner.settings import Objective, OldLogprobs, Ratio
from sparring.policy.settings import Precision
from sparring.prompts.opening import ReasoningMode
from sparring.rewards.settings import Overlong
from sparring.schema import Role
from sparring.section import Section

MOST_CLIPPED = 0.02
"""Share of responses or tokens that rounding may keep from being learned from."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``keys``: the fields that it lies between, ``section.key``. ``told``: one line."""

    keys: tuple[str, ...]
    told: str


def faults(recipe: Recipe) -> list[Fault]:
    """All of them."""
    return [*_idle(recipe), *_overlong(recipe), *_alone(recipe), *_rounded(recipe)]


def _idle(recipe: Recipe) -> Iterator[Fault]:
    """Values without effect."""
    for name, section in recipe:
        for idle in section.idle() if isinstance(section, Section) else ():
            yield from _given(recipe, name, idle.names, f"{name}.{idle.by}", idle.why)
    if recipe.learning.objective is Objective.LIKELIHOOD:
        why = "learning.objective = likelihood has no advantages to normalise"
        yield from _given(recipe, "reward", ("normalisation",), "learning.objective", why)
    most, sampling = recipe.learning.max_response_tokens, recipe.sampling
    if most is not None and most >= max(sampling.coder_max_tokens, sampling.tester_max_tokens):
        yield Fault(
            (
                "learning.max_response_tokens",
                "sampling.coder_max_tokens",
                "sampling.tester_max_tokens",
            ),
            f"learning.max_response_tokens = {most} is without effect: no response is longer, by "
            "sampling.coder_max_tokens and sampling.tester_max_tokens; leave it out, or sample more",
        )
    if recipe.prompts.tester_examples == 0:
        why = "prompts.tester_examples = 0 shows none"
        share = ("tester_examples_share",)
        yield from _given(recipe, "prompts", share, "prompts.tester_examples", why)
    if recipe.prompts.reasoning is ReasoningMode.NONE:
        why = "prompts.reasoning = none looks for no mark"
        marks = ("reasoning_start", "reasoning_end")
        yield from _given(recipe, "prompts", marks, "prompts.reasoning", why)
    if recipe.supervision.kind is SupervisionKind.GROUND_TRUTH:
        why = "supervision.kind = ground_truth asks no model for tests"
        names = ("tests", "temperature", "max_tokens", "template_options", "end_tokens")
        yield from _given(recipe, "supervision", names, "supervision.kind", why)


def _given(
    recipe: Recipe, section: str, names: tuple[str, ...], by: str, why: str
) -> Iterator[Fault]:
    preset = preset_values(recipe.preset).get(section, {})
    part = getattr(recipe, section)
    for name in names:
        usual: Any = preset.get(name, type(part).model_fields[name].default)
        if (value := getattr(part, name)) not in (usual, 0):
            told = f"{section}.{name} = {value} is without effect: {why}; leave one of the two out"
            yield Fault((f"{section}.{name}", by), told)


def _overlong(recipe: Recipe) -> Iterator[Fault]:
    """A penalty that begins before the first token is one on every response."""
    buffer, sampling = recipe.reward.overlong_buffer, recipe.sampling
    if recipe.reward.overlong is not Overlong.PENALTY:
        return
    for name in ("coder_max_tokens", "tester_max_tokens"):
        limit: int = getattr(sampling, name)
        if buffer >= limit:
            yield Fault(
                ("reward.overlong", "reward.overlong_buffer", f"sampling.{name}"),
                f"reward.overlong = penalty grows over the last {buffer} tokens before the limit, "
                f"and sampling.{name} is {limit}: every response would be taxed. Set "
                f"reward.overlong_buffer to less than that, such as {max(1, limit // 4)}",
            )


def _alone(recipe: Recipe) -> Iterator[Fault]:
    """One response has no other to be compared with: its group is always dropped."""
    if recipe.learning.objective is Objective.LIKELIHOOD:
        return
    for role, name in ((Role.CODER, "programs"), (Role.TESTER, "tests")):
        if getattr(recipe.sampling, name) == 1 and recipe.learning.learns(role):
            yield Fault(
                (f"sampling.{name}", "learning.frozen", f"learning.{role}_weight"),
                f"sampling.{name} = 1: an advantage compares the responses of a group, so the "
                f'{role} would learn nothing; ask for 2 at least, or set learning.frozen = "{role}"',
            )


def _rounded(recipe: Recipe) -> Iterator[Fault]:
    """Ratios that rounding alone moves beyond the clip: of the trainer's log-probs to the sampler's,
    and of those after an optimiser step to those before it."""
    learning, sampling = recipe.learning, recipe.sampling
    old = recipe.old_logprobs
    if learning.objective is Objective.LIKELIHOOD or old is OldLogprobs.EACH:
        return
    longest = max(sampling.coder_max_tokens, sampling.tester_max_tokens)
    usual = max(1, min(longest, learning.max_response_tokens or longest) // 2)
    share = clipped_by_rounding(learning.ratio, learning.clip, learning.clip_high, usual)
    if share <= MOST_CLIPPED:
        return
    what = "tokens" if learning.ratio is Ratio.TOKEN else f"responses of {usual:,} tokens"
    lost = f"rounding alone would move {share:.0%} of the {what} beyond the clip, which removes their gradient"
    keys = ("ratio", "clip", "clip_high", "old_logprobs", "minibatches", "epochs")
    between = (*(f"learning.{k}" for k in keys), "model.precision", "vllm.dtype", "sampling.engine")
    if old is OldLogprobs.SAMPLED and not recipe.in_float32:
        yield Fault(
            between,
            f"learning.old_logprobs = sampled with learning.ratio = {learning.ratio}: sampler or "
            f'trainer compute in bfloat16, and {lost}; leave old_logprobs out, or set "trainer"',
        )
    elif (
        recipe.model.precision is Precision.BFLOAT16 and learning.minibatches * learning.epochs > 1
    ):
        yield Fault(
            between,
            f"learning.ratio = {learning.ratio} with model.precision = bfloat16: from the second "
            f"optimiser step on {lost}; set minibatches = epochs = 1, or ratio = "
            f'"{Ratio.TOKEN}", or old_logprobs = "each"',
        )
