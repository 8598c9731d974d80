"""Every recipe under rounding between sampler and trainer: no response loses its gradient by it.

The noise is that of two programs in bfloat16: normal, with a deviation of 0.03 and a mean of
−0.03²/2 for each token, new whenever the weights have moved. Everything but the forward pass is
the learner's own code, by the recipes' own settings.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import torch

from sparring.config.load import load_recipe, make_recipe
from sparring.config.recipe import Recipe
from sparring.errors import ConfigError
from sparring.learner.logprobs.compute import ResponseLogprobs
from sparring.learner.loss import Tokens, token_loss
from sparring.learner.passes import Passes
from sparring.learner.rounding import TOKEN_SD, clipped_by_rounding
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.settings import ImportanceLevel, LearningSettings, OldLogprobs
from sparring.learner.stats import RoleStats
from sparring.learner.update import Learner
from sparring.schema import Role
from sparring.training.planning.derived import derived_quantities
from tests.nano import tiny_model

RECIPES = sorted(
    p for d in ("recipes", "recipes/nano") for p in (Path(__file__).parents[2] / d).glob("*.toml")
)
LENGTHS = {700: 24, 7000: 8}
"""Responses of so many tokens in a batch, of each role."""


@functools.cache
def sampled(length: int, number: int) -> tuple[float, ...]:
    generator = torch.Generator().manual_seed(1000 * length + number)
    return tuple((-2 * torch.rand(length, generator=generator)).tolist())


@functools.cache
def groups(length: int) -> tuple[SampleGroup, ...]:
    """Two groups of each role; a response's tokens say which it is."""
    count = LENGTHS[length] // 2
    return tuple(
        SampleGroup(
            role,
            (1,),
            1.0,
            tuple(
                Sample(
                    (2 + half * count + i,) * length, sampled(length, half * count + i), (-1.0) ** i
                )
                for i in range(count)
            ),
        )
        for role in Role
        for half in range(2)
    )


class Noisy:
    """Log-probs that are the sampler's but for rounding, another one after every step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, sd: float) -> None:
        self.steps = 0

        def logprobs(passes: Passes, model: Any, batch: list[SampleGroup]) -> ResponseLogprobs:
            values = []
            for s in (s for g in batch for s in g.samples):
                base = torch.tensor(sampled(len(s.token_ids), s.token_ids[0] - 2))
                seed = torch.Generator().manual_seed(7 + s.token_ids[0] + 10_000 * self.steps)
                values.append(base - sd * sd / 2 + sd * torch.randn(len(base), generator=seed))
            lengths = torch.tensor([len(v) for v in values])
            found = torch.cat(values)
            if torch.is_grad_enabled():
                found = found + 0 * next(passes.model.parameters()).float().sum()
            row = torch.repeat_interleave(lengths)
            return ResponseLogprobs(found, torch.zeros(len(found)), row)

        monkeypatch.setattr(Passes, "logprobs", logprobs)

    def update(self, recipe: Recipe, length: int) -> dict[Role, RoleStats]:
        learner = Learner(tiny_model(), recipe.learner, recipe.model)
        step = learner.optimizer.step

        def counted(*a: Any, **k: Any) -> Any:
            self.steps += 1
            return step(*a, **k)

        learner.optimizer.step = counted  # type: ignore[method-assign]
        return learner.update(groups(length))


@pytest.mark.parametrize("length", list(LENGTHS))
@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_no_recipe_loses_gradients_to_rounding(
    path: Path, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands, and those in float32 also if somebody has them compute in bfloat16."""
    own = load_recipe(path)
    recipe = load_recipe(path, ["model.precision=bfloat16"])
    assert own.in_float32 or own.old_logprobs is not OldLogprobs.ROLLOUT
    for how, sd in ((recipe, TOKEN_SD), (own, 1e-6 if own.in_float32 else TOKEN_SD)):
        stats = Noisy(monkeypatch, sd).update(how, length)
        for role in Role:
            assert stats[role].first_clip_share < 0.02, role
            assert not stats[role].weights_ess < 0.9, role
        assert stats[Role.CODER].weights_ess > 0.9
        if how is recipe:
            gap = stats[Role.CODER]
            assert gap.logprob_gap == pytest.approx(0.8 * TOKEN_SD, rel=0.05)
            assert gap.logprob_gap < recipe.gap_alarm
            assert gap.response_gap > 0.3  # what a ratio of whole responses would have been


@pytest.mark.parametrize(
    ("length", "sd", "share"),
    [(700, 0.02, 0.35), (700, 0.03, 0.41), (700, 0.042, 0.44), (7000, 0.02, 0.47)],
)
def test_the_samplers_log_probs_under_a_ratio_of_responses_lose_a_third_to_a_half(
    length: int, sd: float, share: float
) -> None:
    """What was: by the loss on 1,200 responses and more, and by arithmetic."""
    generator = torch.Generator().manual_seed(length)
    gone, times = 0.0, 40 * 700 // length + 8
    for _ in range(times):
        noise = sd * torch.randn((100, length), generator=generator) - sd * sd / 2
        row = torch.arange(100).repeat_interleave(length)
        advantage = (-1.0) ** row
        loss = LearningSettings(kl_coef=0.0, importance_level=ImportanceLevel.SEQUENCE_PRODUCT)
        found = token_loss(Tokens(noise.flatten(), row, torch.zeros(len(row)), advantage), loss)
        gone += float(found.clipped.float().mean()) / times
    assert gone == pytest.approx(share, abs=0.03)
    assert clipped_by_rounding(
        ImportanceLevel.SEQUENCE_PRODUCT, 0.2, None, length, sd
    ) == pytest.approx(gone, abs=0.02)


def test_the_papers_recipe_by_the_samplers_log_probs_would_lose_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The combination that is refused when a recipe is read, as a record would have it."""
    [path] = [p for p in RECIPES if p.stem == "qwen2.5-7b"]
    with pytest.raises(ConfigError, match="removes their gradient") as error:
        load_recipe(path, ["learning.old_logprobs=rollout"])
    assert "\n" not in str(error.value)
    recorded = load_recipe(path).model_dump(mode="json")
    recorded["learning"]["old_logprobs"] = "rollout"
    stats = Noisy(monkeypatch, TOKEN_SD).update(make_recipe(recorded, (), "recipe.json"), 700)
    assert 0.2 < stats[Role.CODER].first_clip_share < 0.65


BF16 = ["model.precision=bfloat16"]
SAMPLED = [*BF16, "learning.old_logprobs=rollout"]
SEQUENCE = [
    "learning.importance_level=sequence_product",
    "learning.num_minibatches=1",
    "learning.ppo_epochs=1",
]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([*SAMPLED, *SEQUENCE], "of the responses of 512 tokens"),
        ([*SEQUENCE, "learning.old_logprobs=rollout", "sampling.engine=vllm",
          "vllm.dtype=bfloat16"], "leave old_logprobs out"),
        ([*SAMPLED, "learning.importance_level=gspo", "learning.clip_eps_low=3e-4"],
         "importance_level = gspo"),
        ([*SAMPLED, "learning.clip_eps_low=0.01"], "of the tokens"),
        ([*BF16, "learning.importance_level=sequence_product"], "num_minibatches = ppo_epochs = 1"),
        ([*BF16, *SEQUENCE, "learning.ppo_epochs=2"], "num_minibatches = ppo_epochs = 1"),
        ([*SAMPLED, "learning.importance_level=gspo"], None),
        (SAMPLED, None),
        ([*BF16, *SEQUENCE], None),
        ([*BF16, *SEQUENCE, "learning.old_logprobs=per_step"], None),
        ([*SAMPLED, *SEQUENCE, "learning.objective=likelihood"], None),
        ([*SEQUENCE, "learning.old_logprobs=rollout"], None),
        (["learning.importance_level=sequence_product"], None),
    ],
)  # fmt: skip
def test_a_ratio_that_rounding_moves_beyond_the_clip_is_refused(
    changes: list[str], told: str | None
) -> None:
    if told is None:
        load_recipe(None, changes)
        return
    with pytest.raises(ConfigError) as error:
        load_recipe(None, changes)
    assert told in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "old", "alarm"),
    [
        ([], OldLogprobs.ROLLOUT, 0.01),
        (["sampling.engine=vllm"], OldLogprobs.ROLLOUT, 0.01),
        (BF16, OldLogprobs.RECOMPUTED, 0.05),
        (["sampling.engine=vllm", *BF16], OldLogprobs.RECOMPUTED, 0.05),
        (["sampling.engine=vllm", "vllm.dtype=bfloat16"], OldLogprobs.RECOMPUTED, 0.05),
        (["sampling.engine=vllm", "vllm.dtype=float16"], OldLogprobs.RECOMPUTED, 0.05),
        (["sampling.engine=vllm", "vllm.dtype=float32", *BF16], OldLogprobs.RECOMPUTED, 0.05),
        (["preset=official", *BF16], OldLogprobs.PER_STEP, 0.05),
        (
            ["learning.old_logprobs=recomputed", "learning.gap_alarm=0.2"],
            OldLogprobs.RECOMPUTED,
            0.2,
        ),
        (SAMPLED, OldLogprobs.ROLLOUT, 0.05),
    ],
)
def test_what_is_not_set_follows_from_what_computes(
    changes: list[str], old: OldLogprobs, alarm: float
) -> None:
    recipe = load_recipe(None, changes)
    assert (recipe.old_logprobs, recipe.gap_alarm) == (old, alarm)
    assert recipe.learner.old_logprobs is old
    kind = {
        "rollout": "the sampler's",
        "recomputed": "before a role's",
        "per_step": "before each",
    }
    shown = derived_quantities(recipe)["log-probs"]
    assert kind[old.value] in shown
    assert f"{alarm:g}" in shown


def test_a_preset_is_not_left_by_saying_what_it_means() -> None:
    def departs(*changes: str) -> bool:
        return "old_logprobs" in load_recipe(None, list(changes)).method

    assert not departs()
    assert not departs(*BF16)
    assert not departs("learning.old_logprobs=rollout")
    assert departs("learning.old_logprobs=recomputed")
    assert departs(*SAMPLED)
    assert not departs(*BF16, "learning.old_logprobs=recomputed")
    assert not departs("preset=official")
    assert departs("preset=official", "learning.old_logprobs=recomputed")


def test_weights_may_be_capped_wherever_the_trainers_log_probs_are_taken() -> None:
    assert load_recipe(None, [*BF16, "learning.tis_cap=2"])
    with pytest.raises(ConfigError, match="old_logprobs"):
        load_recipe(None, ["learning.tis_cap=2"])
