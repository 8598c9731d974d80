"""What a recipe gives without effect is refused when it is read, and never in a record."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring.config.load import NANO_RECIPE, load_recipe, make_recipe, to_toml
from sparring.errors import ConfigError


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["reward.normalisation=mean", "reward.length=official"], "reward.normalisation = mean is"),
        (
            ["reward.normalisation=mean", "learning.objective=likelihood"],
            "likelihood has no advantages",
        ),
        (["reward=mine.py:f", "reward.smoothing=0.1"], "reward.smoothing = 0.1 is without effect"),
        (["reward=mine.py:f", "reward.coder=share"], "reward.coder = share is without effect"),
        (
            ["reward.tester=simple", "reward.validity_bonus=1"],
            "reward.tester = simple has no such term",
        ),
        (
            ["reward.tester=simple", "reward.no_wrong_reward=zero"],
            "reward.no_wrong_reward = zero is without",
        ),
        (
            ["reward.tester=post_stage", "reward.difficulty_exponent=2"],
            "reward.difficulty_exponent = 2.0 is without",
        ),
        (["prompts.tester_examples_share=0.5"], "prompts.tester_examples = 0 shows none"),
        (["pseudo_labels.tests=4"], "pseudo_labels.source = none asks no model"),
        (["pseudo_labels.temperature=0.5"], "pseudo_labels.temperature = 0.5 is without effect"),
        (
            ["reward.overlong=penalty"],
            "sampling.coder_max_tokens is 64: every response would get a penalty; set "
            "reward.overlong_buffer below 64, such as 16",
        ),
        (
            [
                "reward.overlong=penalty",
                "reward.overlong_buffer=70",
                "sampling.coder_max_tokens=80",
            ],
            None,
        ),
        (["sampling.programs=1"], "the coder would learn nothing; set at least 2"),
        (["sampling.tests=1", "reward.normalisation=mean"], 'set learning.frozen = "tester"'),
    ],
)
def test_what_would_do_nothing_is_one_line_that_says_why(
    changes: list[str], told: str | None
) -> None:
    if told is None:
        load_recipe(NANO_RECIPE, changes)
        return
    with pytest.raises(ConfigError) as error:
        load_recipe(NANO_RECIPE, changes)
    lines = str(error.value).splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("--set: ")
    assert told in lines[0]


@pytest.mark.parametrize(
    "changes",
    [
        ["reward.length=paper", "reward.normalisation=mean"],  # programs' advantages go by it
        ["reward.tester=simple", "reward.smoothing=0.1"],
        ["reward.tester=simple", "reward.validity_bonus=0.5"],  # as the preset has it
        [
            "reward.tester=simple",
            "reward.validity_bonus=0",
            "reward.difficulty_exponent=0",
        ],  # switched off
        ["reward.tester=post_stage", "reward.no_wrong_reward=zero"],
        ["reward=mine.py:f", "reward.overlong=mask"],
        ["prompts.tester_examples=1", "prompts.tester_examples_share=0.5"],
        ["sampling.tests=1", "learning.frozen=tester"],
        ["sampling.tests=1", "learning.tester_weight=0"],
        ["sampling.programs=1", "learning.objective=likelihood"],
        ["reward.overlong=penalty", "reward.overlong_buffer=63"],
    ],
)
def test_what_does_something_or_is_the_presets_is_not_refused(
    changes: list[str], tmp_path: Path
) -> None:
    recipe = load_recipe(NANO_RECIPE, changes)
    printed = tmp_path / "printed.toml"
    printed.write_text(to_toml(recipe))
    assert load_recipe(printed) == recipe


def test_in_a_file_it_is_the_file_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[reward]\ntester = "simple"\nvalidity_bonus = 1.0\n')
    with pytest.raises(
        ConfigError, match=r"mine\.toml: reward\.validity_bonus = 1\.0 is without effect"
    ):
        load_recipe(file)


def test_a_record_is_read_as_it_is_and_only_changes_are_refused() -> None:
    record = {"reward": {"tester": "simple", "validity_bonus": 1.0}, "sampling": {"programs": 1}}
    old = make_recipe(record, (), "recipe.json")
    assert old.reward.validity_bonus == 1
    make_recipe(record, ["training.steps=3"], "recipe.json")
    with pytest.raises(ConfigError, match=r"--set: reward\.validity_bonus"):
        make_recipe(record, ["reward.validity_bonus=2"], "recipe.json")


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "recipes").rglob("*.toml")), ids=lambda p: p.stem
)
def test_every_recipe_of_ours_loads(path: Path) -> None:
    load_recipe(path)


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ([], 6),
        (["reward=mine.py:f"], 0),
        (["learning.frozen=tester"], 0),
        (["learning.tester_weight=0"], 0),
        (["learning.frozen=coder"], 6),
        (["reward=mine.py:f", "sampling.skip_unlabelled=true"], 6),  # they decide what is asked
        (["learning.frozen=tester", "sampling.extra_attempts=1"], 6),
    ],
)
def test_initial_policy_programs_are_asked_for_where_they_can_change_something(
    changes: list[str], asked: int
) -> None:
    recipe = load_recipe(NANO_RECIPE, changes)
    assert recipe.sampling.initial_policy_programs == 6
    assert recipe.initial_policy_programs == asked
