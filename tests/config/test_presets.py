"""Presets: what they fix, what they leave to recipes, and how the difference is told."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sparring.cli.main import app
from sparring.config.load import NANO_RECIPE, load_recipe, make_recipe, to_toml
from sparring.config.presets import CHOICES, Preset, differences
from sparring.config.recipe import Recipe
from sparring.errors import ConfigError
from sparring.learner.settings import OldLogprobs, OptimizerState, UpdateMode
from sparring.rewards.settings import (
    EQUATIONS,
    InvalidTest,
    LengthForm,
    Normalisation,
    NoWrong,
    Overlong,
    RewardSettings,
    TesterReward,
)


def test_the_fields_own_defaults_are_the_default_preset() -> None:
    plain = Recipe().model_dump(mode="json")
    for choice in CHOICES:
        section, key = choice.key.split(".")
        field = Recipe.model_fields[section].annotation.model_fields[key]  # type: ignore[union-attr]
        assert field.default == choice.default, choice.key
        assert plain[section][key] == choice.default, choice.key


@pytest.mark.parametrize(
    "change",
    [
        "objective=likelihood", "mode=separate", "num_minibatches=3", "ppo_epochs=4",
        "importance_level=gspo", "loss_agg_mode=seq-mean-token-sum", "old_logprobs=per_step",
        "optimizer_state=step", "master_weights=bfloat16", "learning_rate=0.5",
        "beta1=0.1", "beta2=0.2", "weight_decay=0.3", "max_grad_norm=0.4", "skip_grad_norm=0.6",
        "clip_eps_low=0.7", "clip_eps_high=0.8", "kl_coef=0.25", "kl_estimator=k2",
        "kl_bound=0.75", "kl_place=reward", "reference=step", "coder_weight=0.35",
        "tester_weight=0.45", "tokens_per_micro_batch=77", "backend=padded", "logprob_chunk=11",
    ],
)  # fmt: skip
def test_the_learning_section_reaches_the_learner(change: str) -> None:
    """Each switch by itself, at a value that nothing else has."""
    key, value = change.split("=")
    recipe = make_recipe({}, [f"learning.{change}"], "recipe")
    assert str(getattr(recipe.learner, key)) == value
    plain = make_recipe({}, (), "recipe").learner
    assert getattr(plain, key) != getattr(recipe.learner, key)


def test_no_preset_sets_a_field_that_each_recipe_must_set() -> None:
    theirs = {"programs", "tests", "steps", "tasks_per_step", "max_tests", "learning_rate"}
    for choice in CHOICES:
        key = choice.key.split(".")[1]
        assert key not in theirs, key
        assert not key.endswith("max_tokens"), key
        assert choice.why


def test_a_preset_is_the_ground_and_the_recipe_has_the_last_word(tmp_path: Path) -> None:
    paper = make_recipe({}, ["preset=paper"], "recipe")
    assert paper.reward.no_wrong_reward is NoWrong.ZERO
    assert paper.reward.invalid_test is InvalidTest.EQ4
    assert paper.learning.mode is UpdateMode.SEPARATE
    file = tmp_path / "mine.toml"
    file.write_text('preset = "official"\n[reward]\nno_wrong_reward = "zero"\n')
    official = load_recipe(file, ["learning.mode=joint"])
    assert official.reward.tester is TesterReward.SCALED
    assert official.learning.old_logprobs is OldLogprobs.PER_STEP
    assert official.learning.optimizer_state is OptimizerState.STEP
    assert official.reward.no_wrong_reward is NoWrong.ZERO
    assert official.learning.mode is UpdateMode.JOINT


def test_a_reward_function_goes_with_any_preset() -> None:
    recipe = make_recipe({"preset": "paper", "reward": "mine.py:f"}, (), "recipe")
    assert recipe.reward.function == "mine.py:f"
    assert recipe.reward.no_wrong_reward is NoWrong.ZERO


@pytest.mark.parametrize("preset", list(Preset))
def test_a_printed_recipe_reads_back_as_itself(preset: Preset, tmp_path: Path) -> None:
    recipe = make_recipe({}, [f"preset={preset}"], "recipe")
    file = tmp_path / "printed.toml"
    file.write_text(to_toml(recipe))
    assert load_recipe(file) == recipe
    assert make_recipe(recipe.model_dump(mode="json"), (), "recipe") == recipe


def test_unknown_presets_are_one_line() -> None:
    with pytest.raises(ConfigError, match="preset"):
        make_recipe({}, ["preset=papr"], "recipe")
    done = CliRunner().invoke(app, ["config", "--diff", "paper", "ours"])
    assert isinstance(done.exception, ConfigError)
    assert "paper, official" in str(done.exception)


def test_the_difference_is_a_line_with_a_reason_for_each_switch() -> None:
    done = CliRunner().invoke(app, ["config", "--diff", "paper", "official"])
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines == differences(Preset.PAPER, Preset.OFFICIAL)
    assert any(line.startswith("learning.master_weights: float32 → bfloat16   ") for line in lines)
    assert differences(Preset.PAPER, Preset.PAPER) == []


def test_importance_weights_need_log_probs_to_weigh() -> None:
    with pytest.raises(ConfigError, match="old_logprobs"):
        make_recipe({}, ["learning.tis_cap=2"], "recipe")


def test_a_recipe_says_where_it_departs_from_its_preset(tmp_path: Path) -> None:
    assert make_recipe({}, ["preset=paper"], "recipe").method == "preset paper"
    printed = tmp_path / "d.toml"
    printed.write_text(to_toml(Recipe()))
    renamed = load_recipe(printed, ["preset=paper"])  # only the name is the paper's
    assert renamed.method.startswith("preset paper, departs in: reward.no_wrong_reward, ")
    for choice in CHOICES:
        if choice.default is not None:  # else there is no line of it in the file
            differs = choice.paper != choice.default
            assert (choice.key in renamed.method) == differs, choice.key
    shown = CliRunner().invoke(app, ["config", str(printed), "--set", "preset=paper"])
    assert f"#   method: {renamed.method}" in shown.output.splitlines()


@pytest.mark.parametrize("preset", list(Preset))
@pytest.mark.parametrize("name", list(RewardSettings.model_fields))
def test_whatever_a_recipe_changes_of_the_reward_its_method_line_says(
    name: str, preset: Preset
) -> None:
    plain = make_recipe({}, [f"preset={preset}"], "recipe")
    assert plain.method == f"preset {preset}"
    changed = plain.reward.model_copy(update={name: _another(getattr(plain.reward, name))})
    method = plain.model_copy(update={"reward": changed}).method
    assert method == f"preset {preset}, departs in: reward.{name}"


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ("objective=likelihood", True),
        ("kl_coef=0.02", True),
        ("clip_eps_high=0.3", True),
        ("frozen=tester", True),
        ("tis_cap=2", True),
        ("learning_rate=0.01", False),
        ("max_response_tokens=10", False),
        ("backend=padded", False),
        ("gap_alarm=0.3", False),
    ],
)
def test_sizes_and_rates_are_no_part_of_a_method(change: str, shown: bool) -> None:
    sets = [f"learning.{change}"]
    if change.startswith("tis_cap"):  # it needs them
        sets.append("learning.old_logprobs=recomputed")
    method = make_recipe({}, sets, "recipe").method
    assert (f"learning.{change.split('=')[0]}" in method) == shown


def _another(value: Any) -> Any:
    """A value of the same kind that is not ``value``."""
    if value is None:
        return "mine.py:f"
    if isinstance(value, Enum):
        return next(x for x in type(value) if x is not value)
    return not value if isinstance(value, bool) else value + 1


ALIKE = {
    "length": LengthForm.NONE,
    "length_least": 1000,  # of a form that is off
    "length_most": 8000,
    "overlong": Overlong.KEEP,
    "overlong_buffer": 64,  # of a form that is off
    "normalisation": Normalisation.STD,
}
"""Fields of the reward in which all three do alike, or which another leaves off."""


def test_a_field_of_the_reward_that_is_not_off_by_default_is_in_the_presets() -> None:
    """Else the paper's recipe, the released code's and Eq 4 alone would get it without a word."""
    chosen = {c.key.removeprefix("reward.") for c in CHOICES if c.key.startswith("reward.")}
    for name, field in RewardSettings.model_fields.items():
        off = field.default in (None, 0, False)
        assert name in chosen or off or ALIKE.get(name) == field.default, (
            f"reward.{name} = {field.default} by default: give it a Choice in config/presets.py"
        )
    paper = make_recipe({}, ["preset=paper"], "recipe").reward
    assert paper.changed(invalid_test=InvalidTest.LOWEST) == EQUATIONS


def test_the_nano_recipe_takes_the_papers_number_of_optimiser_steps() -> None:
    assert load_recipe(NANO_RECIPE).learning.num_minibatches == 2
    assert load_recipe(NANO_RECIPE, ["preset=paper"]).learning.num_minibatches == 1
