"""The rewards that the project hands out: what a failure of our own hides is not scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sparring
from sparring.grading.example_group import example_group
from sparring.grading.own_reward import CustomReward

STARTERS = Path(sparring.__file__).parent / "config" / "starters"
SHAPED = Path(__file__).parents[2] / "recipes" / "shaped_reward.py"


def test_who_is_correct_and_who_is_wrong_is_known_of_what_was_seen() -> None:
    graded_group = example_group("111", "1?1", "0?1", "?01")
    assert graded_group.correct_P.tolist() == [True, False, False, False]
    assert graded_group.wrong_P.tolist() == [False, False, True, True]


@pytest.mark.parametrize("file", [STARTERS / "my_reward.py", SHAPED], ids=lambda f: f.stem)
def test_hidden_cells_change_no_reward_of_what_was_seen(file: Path) -> None:
    """The rewards that are left are those of the same group without the hidden cells; through
    `CustomReward`, which refuses NaN where all was seen."""
    reward = CustomReward(f"{file}:reward")
    whole = reward(example_group("1111", "1010", "0000"))
    # the only correct program is hidden on a generated test: that test alone has no reward
    coder, tester = reward(example_group("11?1", "1010", "0000"))
    assert coder.tolist() == whole[0].tolist()
    assert np.isnan(tester[0])
    assert tester[1] == whole[1][1]
    # a program hidden on ground truth has no reward, and no test is paid for catching it
    coder, tester = reward(example_group("1111", "1?00", "0011"))
    assert np.isnan(coder).tolist() == [False, True, False]
    assert tester.tolist() == reward(example_group("1111", "0011"))[1].tolist()
