"""Rewards term by term: the lines come to what the formulas gave, and say so where not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.report.made import CODES, SECTION, group

from sparring.report.terms import basis_of, coder_lines, tester_lines
from sparring.scoring.rewards import (
    CoderReward,
    InvalidTest,
    NoWrong,
    RewardSettings,
    TesterReward,
)


def lines(record: dict[str, Any], **changes: Any) -> tuple[list[Any], list[Any]]:
    section = {**SECTION, **changes}
    basis = basis_of(record)
    return coder_lines(record, basis, section), tester_lines(record, basis, section)


def test_eq_4_by_hand() -> None:
    # two correct programs, three wrong; the test is passed by both, and by one wrong one
    record = group(["+++", "+++", "-+-", "--+", "---"], ground_truth=1)
    _, ((*_, rule, reward, spread, advantage), second) = lines(record)
    assert rule == ("rule", "Eq 4, p·caught − (1 − p)·missed = 1·2 − 0·1 = 2")
    assert reward == ("reward", "2")
    assert spread == ("group", "mean 2, std 0 over 2 labelled")
    assert advantage == ("advantage", "0: all rewards of the group are equal")
    assert dict(second)["of them caught, missed"] == "2, 1"


def test_a_masked_cell_is_left_out_and_the_rest_counts_for_it() -> None:
    # W = 4, one of them not seen on the test: 3 seen, 2 caught, so 2 · 4/3
    record = group(["++-", "-?-", "---", "---", "-+-"], ground_truth=1)
    _, (first, second) = lines(record)
    found = dict(first)
    assert found["wrong programs W"] == "4"
    assert found["of them caught, missed"] == "2, 1"
    assert found["masked"] == "1 not seen; sums × 1.333"
    assert found["reward"] == "2.667"
    assert found["rule"].endswith("= 1·2.667 − 0·1.333 = 2.667")
    # the correct program fails the second test; every wrong one fails it too: nothing is lost
    assert dict(second)["reward"] == "0"
    assert dict(first)["advantage"] == "(2.667 − 1.333) / 1.333 = +1"


def test_a_program_with_a_masked_test_is_paid_for_those_that_were_seen() -> None:
    record = group(["++?++", "+-+++", "--+++"], ground_truth=4)
    (first, *_), _ = lines(record)
    assert first[0] == ("tests passed", "3 of 3 (1 masked: no label)")
    assert first[1] == ("rule", "Eq 3, tests passed: 3 × 4 / 3 (masked tests left out) = 4")


def test_without_a_correct_program_there_is_no_label() -> None:
    _, (first, second) = lines(group(["-+-", "--+"], ground_truth=1, invalid=[1]))
    assert ("reward", "none: masked, no part in the loss") in first
    assert any(name == "no label" for name, _ in first)
    assert any(name == "no label" for name, _ in second)


def test_opponents_count_as_wrong_programs_and_are_named() -> None:
    _, (first,) = lines(group(["++", "--", "--", "-+"], ground_truth=1, own=2))
    assert dict(first)["wrong programs W"] == "3 (2 of them opponents' programs)"
    assert dict(first)["reward"] == "2"


@pytest.mark.parametrize("form", TesterReward)
@pytest.mark.parametrize("coder", CoderReward)
def test_the_lines_come_to_the_recorded_rewards(form: TesterReward, coder: CoderReward) -> None:
    rng = np.random.default_rng(7)
    for trial in range(25):
        settings = RewardSettings(
            coder=coder,
            tester=form,
            no_wrong=list(NoWrong)[trial % 2],
            invalid_test=list(InvalidTest)[trial // 2 % 2],
            validity=0.5 * (trial % 3),
            smoothing=0.1 * (trial % 2),
            difficulty=float(trial % 2),
        )
        weight = rng.choice(list(CODES), p=[0.5, 0.2, 0.05, 0.15, 0.05, 0.05], size=(7, 8))
        weight[0, :3] = "+"  # else few groups have a label
        record = group(["".join(r) for r in weight], 3, own=5, invalid=[2], settings=settings)
        section = {
            name: getattr(settings, name)
            for name in (
                "coder", "tester", "no_wrong", "invalid_test", "validity", "smoothing", "difficulty"
            )
        }  # fmt: skip
        for found in lines(record, **section):
            for item in found:
                assert "differs" not in dict(item), (trial, item)
                assert "another setting" not in dict(item).get("advantage", ""), (trial, item)


def test_a_reward_that_another_rule_made_is_not_explained_away() -> None:
    record = group(["++", "--"], ground_truth=1)
    record["tests"][0]["reward"] = 5.0
    _, (first,) = lines(record, shuffle=True)
    assert dict(first)["differs"] == (
        "the rule above gives 1; rewards were dealt out at random (reward.shuffle)"
    )


def test_under_supervision_the_kept_tests_decide() -> None:
    record = group(["++", "+-"], ground_truth=1)
    outcome = lambda v: {"verdict": v, "output": ""}  # noqa: E731
    good, bad = outcome("accepted"), outcome("wrong_answer")
    record["supervision"] = {
        "tests": [
            {"input": "1", "output": "1", "failure": None, "right": True, "kept": True},
            {"input": None, "output": None, "failure": "truncated", "right": None, "kept": False},
            {"input": "2", "output": "1", "failure": None, "right": False, "kept": False},
        ],
        # on the kept test the second program fails, by ground truth it is correct
        "runs": [[good, bad, good], [bad, good, bad]],
        "opponents_runs": [],
    }
    assert basis_of(record).correct == [True, False]
    coder, _ = lines(record)
    assert coder[0][0] == ("tests passed", "1 of 1")
    assert coder[1][0] == ("tests passed", "0 of 1")
