"""Rewards term by term: the lines are those of `view.explain`, and say so where it was another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sparring.config.load import load_recipe
from sparring.config.recipe import Recipe
from sparring.rewards.settings import (
    CoderReward,
    InvalidTest,
    NoWrong,
    RewardSettings,
    TesterReward,
)
from sparring.runs.groups import correct_rows
from sparring.view.explain import explain
from sparring.view.html.terms import coder_lines, tester_lines
from tests.view.html.synthetic_runs import CODES, SECTION, group

NANO = load_recipe(None).model_dump(mode="json")


def lines(record: dict[str, Any], **changes: Any) -> tuple[list[Any], list[Any]]:
    data = {**NANO, "reward": {**NANO["reward"], **SECTION, **changes}}
    if "pseudo_labels" in record:
        by_pseudo_labels = {"source": "tester", "filter": "agreement", "model": "start"}
        data["pseudo_labels"] = {**NANO["pseudo_labels"], **by_pseudo_labels}
    recipe = Recipe.model_validate(data)
    found = explain(record, recipe, 0)
    return coder_lines(found), tester_lines(found)


def test_eq_4_by_hand() -> None:
    # two correct programs, three wrong; the test is passed by both, and by one wrong one
    record = group(["+++", "+++", "-+-", "--+", "---"], ground_truth=1)
    _, (first, second) = lines(record)
    assert first == [
        ("rule", "Eq 4, p·caught − (1 − p)·missed"),
        ("wrong programs W", "3"),
        ("", "graded by 2 correct and 3 wrong programs"),
        ("", "accepted by every correct program that was observed on it"),
        ("(2)", "caught: P3 P4"),
        ("(1)", "let pass: P2"),
        ("+2", "wrong programs caught"),
        ("reward", "2"),
        ("= 0", "all 2 rewards of the group are equal: it is dropped (zero_variance)"),
        ("advantage", "+0"),
    ]
    assert ("(2)", "caught: P2 P4") in second
    assert ("(1)", "let pass: P3") in second


def test_a_masked_cell_is_left_out_and_the_rest_counts_for_it() -> None:
    # W = 4, one of them not seen on the test: 3 seen, 2 caught, so 2 · 4/3
    record = group(["++-", "-?-", "---", "---", "-+-"], ground_truth=1)
    _, (first, second) = lines(record)
    assert dict(first)["wrong programs W"] == "4"
    assert first[4:] == [
        ("(2)", "caught: P2 P3"),
        ("(1)", "let pass: P4"),
        ("(1.333)", "masked on it: P1; both rescaled by W/W_k = 4/3"),
        ("+2.667", "wrong programs caught"),
        ("reward", "2.667"),
        ("+2.667", "the reward"),
        ("−1.333", "the mean of the group's 2 rewards"),
        ("× 0.75", "divided by their deviation 1.333"),
        ("advantage", "+1"),
    ]
    # the correct program fails the second test; every wrong one fails it too: nothing is lost
    assert dict(second)["reward"] == "0"


def test_a_program_with_a_masked_test_is_paid_for_those_that_were_seen() -> None:
    record = group(["++?++", "+-+++", "--+++"], ground_truth=4)
    (first, *_), _ = lines(record)
    assert first[:5] == [
        ("rule", "Eq 3, the number of tests passed"),
        ("", "1 of 4 ground-truth tests masked (infrastructure failure): G2"),
        ("+3", "passes 3 of 3 ground-truth tests observed"),
        ("× 1.333", "rescaled to all 4: × 4/3"),
        ("reward", "4"),
    ]


def test_without_a_correct_program_there_is_no_label() -> None:
    _, (first, second) = lines(group(["-+-", "--+"], ground_truth=1, invalid=[1]))
    for test in (first, second):
        assert ("reward", "none: masked, no part in the loss") in test
        assert any(name == "= none" and "no program is correct" in text for name, text in test)
    assert any("the task's validator refuses the input" in text for _, text in second)


def test_initial_policy_programs_count_as_wrong_programs_and_are_named() -> None:
    _, (first,) = lines(group(["++", "--", "--", "-+"], ground_truth=1, own=2))
    assert dict(first)["wrong programs W"] == "3 (2 of the initial policy)"
    assert ("(2)", "caught: P1 I0") in first
    assert dict(first)["reward"] == "2"


@pytest.mark.parametrize("form", TesterReward)
@pytest.mark.parametrize("coder", CoderReward)
def test_the_lines_come_to_the_recorded_rewards(form: TesterReward, coder: CoderReward) -> None:
    rng = np.random.default_rng(7)
    for trial in range(25):
        settings = RewardSettings(
            coder=coder,
            tester=form,
            no_wrong_reward=list(NoWrong)[trial % 2],
            invalid_test=list(InvalidTest)[trial // 2 % 2],
            validity_bonus=0.5 * (trial % 3),
            smoothing=0.1 * (trial % 2),
            difficulty_exponent=float(trial % 2),
        )
        weight = rng.choice(list(CODES), p=[0.5, 0.2, 0.05, 0.15, 0.05, 0.05], size=(7, 8))
        weight[0, :3] = "+"  # else few groups have a label
        record = group(["".join(r) for r in weight], 3, own=5, invalid=[2], settings=settings)
        section = {
            name: getattr(settings, name)
            for name in (
                "coder", "tester", "no_wrong_reward", "invalid_test", "validity_bonus",
                "smoothing", "difficulty_exponent",
            )
        }  # fmt: skip
        for found in lines(record, **section):
            for item in found:
                assert "differs" not in dict(item), (trial, item)


def test_a_reward_that_another_rule_made_is_not_explained_away() -> None:
    record = group(["++", "--"], ground_truth=1)
    record["tests"][0]["reward"] = 5.0
    _, (first,) = lines(record)
    assert first[-1] == (
        "differs",
        "the recorded reward is 5; by this recipe and matrix it is 1",
    )
    _, (dealt,) = lines(record, shuffle=True)
    assert any("dealt out at random (reward.shuffle)" in text for _, text in dealt)


def test_with_pseudo_labels_the_kept_tests_decide() -> None:
    record = group(["++", "+-", "++"], ground_truth=1)
    outcome = lambda v: {"verdict": v, "output": ""}  # noqa: E731
    good, bad = outcome("accepted"), outcome("wrong_answer")
    record["pseudo_labels"] = {
        "tests": [
            {"input": "1", "output": "1", "failure": None, "right": True, "kept": True},
            {"input": None, "output": None, "failure": "truncated", "right": None, "kept": False},
            {"input": "2", "output": "1", "failure": None, "right": False, "kept": False},
        ],
        # on the kept test the second program fails, by ground truth it is correct
        "runs": [[good, bad, good], [bad, good, bad], [good, bad, good]],
        "initial_policy_runs": [],
    }
    assert correct_rows(record) == [True, False, True]
    coder, _ = lines(record)
    assert coder[0][1] == ("+1", "passes 1 of 1 pseudo-label tests")
    assert coder[1][1] == ("+0", "passes 0 of 1 pseudo-label tests; fails K0")
