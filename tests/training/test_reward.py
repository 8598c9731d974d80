"""From a bout to what both roles earn: where a reward's own switches meet the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparring.config.load import make_recipe
from sparring.errors import ConfigError
from sparring.grading.group import GroupResult
from sparring.grading.record import ScoredGroup
from sparring.grading.scorer import facts_of
from sparring.schema import StopReason
from sparring.training.scoring import scorer_of
from tests.grading.grading_helpers import group_from_letters

# programs 0 and 1 are correct, 2 and 3 wrong; test 0 is right and catches both wrong ones, test 1
# is right and catches nobody, test 2 is wrong and passed by one of them
GROUP = group_from_letters(
    ["++ ++-", "++ ++-", "-- -++", "+- -+-"], tests=["1 2 3 4", "5 6 7 8", "9 9 9 9"]
)
LIKELIHOOD = {"objective": "likelihood"}
OWN = """
import numpy as np
def short(bout):
    return -bout.lengths_P, -bout.lengths_U
def wrong_ones(bout):
    return np.where(bout.passed_PT[:, 0], -1.0, 1.0), np.ones(len(bout.tests))
def first_test(bout):
    return bout.lengths_P, np.arange(len(bout.tests)) == bout.tests.index(bout.tests[0])
"""


def cut(
    group: GroupResult, programs: tuple[int, ...] = (), tests: tuple[int, ...] = ()
) -> GroupResult:
    """The bout with these responses truncated."""

    def some(responses: Any, places: tuple[int, ...]) -> Any:
        return [
            replace(r, stop=StopReason.LENGTH) if i in places else r
            for i, r in enumerate(responses)
        ]

    return replace(group, coder=some(group.coder, programs), tester=some(group.tester, tests))


def scored(group: GroupResult = GROUP, **sections: dict[str, Any]) -> ScoredGroup:
    return scorer_of(make_recipe(sections, (), "recipe")).score(group, 3, 1)


@pytest.fixture
def own(tmp_path: Path) -> str:
    file = tmp_path / "own.py"
    file.write_text(OWN)
    return str(file)


def test_a_reward_of_ones_own_pays_programs_whose_tests_were_not_sampled(own: str) -> None:
    """Not the built-in one: half of the groups would be paid by another rule."""
    untested = group_from_letters(["++", "+-", "--"])
    found = scored(untested, reward={"function": f"{own}:short"})
    assert found.earned.coder_rewards.value.tolist() == [-2, -2, -2]
    assert found.earned.tester_rewards.value.tolist() == []


def test_a_reward_of_ones_own_is_tried_without_tests_where_there_may_be_none(own: str) -> None:
    name = {"function": f"{own}:first_test"}
    scored(reward=name)
    with pytest.raises(ConfigError, match=r"IndexError .*without tests before the run") as error:
        scored(reward=name, sampling={"skip_unlabelled": True})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("more", [{}, {"function": "short"}], ids=["ours", "own"])
def test_a_truncated_response_is_masked_whoever_made_the_reward(more: Any, own: str) -> None:
    named = {k: f"{own}:{v}" for k, v in more.items()}
    found = scored(cut(GROUP, (0, 2), (1,)), reward={"overlong": "mask", **named})
    assert np.isnan(found.earned.coder_rewards.value).tolist() == [True, False, True, False]
    assert np.isnan(found.earned.tester_rewards.value).tolist() == [False, True, False]
    assert found.earned.coder.labelled.tolist() == [False, True, False, True]


def test_masked_responses_are_not_imitated() -> None:
    found = scored(cut(GROUP, (0,), (0,)), reward={"overlong": "mask"}, learning=LIKELIHOOD)
    assert found.earned.coder.labelled.tolist() == [False, True, False, False]
    assert found.earned.tester.labelled.tolist() == [False, True, False]


def test_a_reward_of_ones_own_says_what_is_imitated(own: str) -> None:
    found = scored(reward={"function": f"{own}:wrong_ones"}, learning=LIKELIHOOD)
    assert found.earned.coder.labelled.tolist() == [False, False, True, False]


def test_shuffling_takes_what_is_imitated_from_its_owners() -> None:
    scorer = scorer_of(make_recipe({"reward": {"shuffle": True}, "learning": LIKELIHOOD}, (), "r"))
    for step in range(8):
        found = scorer.score(GROUP, step, 0)
        # the two that earn most, and the one with nothing never
        assert (
            found.earned.coder.labelled.tolist() == (found.earned.coder_rewards.value == 2).tolist()
        )
    owners = {
        tuple(scorer.score(GROUP, step, 0).earned.coder.labelled.tolist()) for step in range(8)
    }
    assert len(owners) > 2


def test_what_was_dealt_out_is_what_is_on_record() -> None:
    for step in range(8):
        scorer = scorer_of(make_recipe({"reward": {"shuffle": True}}, (), "recipe"))
        found = scorer.score(GROUP, step, 0)
        for reward, gain in (
            (found.earned.coder_rewards.value, found.earned.coder),
            (found.earned.tester_rewards.value, found.earned.tester),
        ):
            np.testing.assert_allclose(gain.value, (reward - reward.mean()) / reward.std())


@pytest.mark.parametrize(
    ("reward", "largest"),
    [
        ({"validity_bonus": 0.0}, 2),  # two wrong programs
        ({"validity_bonus": 1.0}, 4),
        ({"validity_bonus": 1.0, "tester": "scaled"}, 2),
        ({"validity_bonus": 1.0, "tester": "simple"}, 1),
    ],
)
def test_the_penalty_for_length_is_in_units_of_the_largest_reward(
    reward: dict[str, Any], largest: float
) -> None:
    sampling = {"tester_max_tokens": 2}  # as long as every response of the bout
    plain = scored(reward=reward, sampling=sampling).earned.tester_rewards.value
    penalty = {**reward, "overlong": "penalty", "overlong_buffer": 1}
    less = scored(reward=penalty, sampling=sampling).earned.tester_rewards.value
    assert plain.max() == largest
    assert (plain - less).tolist() == [largest] * 3


def test_inputs_are_repeated_if_no_line_tells_them_apart() -> None:
    """As in the monitors: blank lines and runs of white space do not count, line breaks do."""
    inputs = ["1 2\n3\n", "1  2\n\n3", "1\n2 3\n", None]
    group = group_from_letters(["+ ++++", "- ----"], tests=inputs, examples=["1 2 \n3"])
    facts = facts_of(group)
    assert facts.repeats_U.tolist() == [2, 2, 1, 1]
    assert facts.copied_U.tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"reward": {"length_least": 9, "length_most": 8}}, "length_least (9) is above"),
        ({"reward": {"function": "a.py:f", "overlong": "penalty"}}, "set overlong = mask"),
        ({"learning": {**LIKELIHOOD, "kl_place": "reward"}}, "set kl_place = loss"),
        (
            {"learning": LIKELIHOOD, "reward": {"length": "paper"}},
            "reward.length = paper needs advantages",
        ),
        ({"learning": {"mode": "separate", "tester_weight": 0}}, "are of a joint update"),
        ({"learning": {"kl_place": "reward", "reference": "step"}}, "set reference = initial"),
        ({"learning": {"tis_cap": 2}}, 'set learning.old_logprobs = "recomputed"'),
    ],
)
def test_switches_that_exclude_each_other_are_one_short_line(
    sections: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as error:
        make_recipe(sections, (), "mine.toml")
    line = str(error.value)
    assert line.startswith("mine.toml: ")
    assert said in line
    assert "{" not in line
    changes = [f"{s}.{k}={v}" for s, kv in sections.items() for k, v in kv.items()]
    with pytest.raises(ConfigError, match=r"^--set: "):
        make_recipe({}, changes, "mine.toml")
