"""The rewards that the project hands out: what a failure of our own hides is not scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sparring
from sparring.rewards.custom import CustomReward, Group
from sparring.schema import Test

STARTERS = Path(sparring.__file__).parent / "config" / "starters"
SHAPED = Path(__file__).parents[2] / "recipes" / "shaped_reward.py"


def group(*rows: str) -> Group:
    """As the starter's test has it, with the first two tests ground truth."""
    generated = len(rows[0]) - 2
    return Group(
        task_id="t",
        statement="",
        passed_PT=np.array([[c == "1" for c in row] for row in rows]),
        observed_PT=np.array([[c != "?" for c in row] for row in rows]),
        ground_truth=2,
        valid_U=np.ones(generated, dtype=bool),
        lengths_P=np.full(len(rows), 10.0),
        lengths_U=np.full(generated, 10.0),
        programs=("pass",) * len(rows),
        tests=(Test("1\n", "1\n"),) * generated,
    )


def test_who_is_correct_and_who_is_wrong_is_known_of_what_was_seen() -> None:
    found = group("111", "1?1", "0?1", "?01")
    assert found.correct_P.tolist() == [True, False, False, False]
    assert found.wrong_P.tolist() == [False, False, True, True]


@pytest.mark.parametrize("file", [STARTERS / "my_reward.py", SHAPED], ids=lambda f: f.stem)
def test_hidden_cells_change_no_reward_of_what_was_seen(file: Path) -> None:
    """The rewards that are left are those of the same group without the hidden cells; through
    `CustomReward`, which refuses NaN where all was seen."""
    reward = CustomReward(f"{file}:reward")
    whole = reward(group("1111", "1010", "0000"))
    # the only correct program is hidden on a generated test: that test alone has no reward
    coder, tester = reward(group("11?1", "1010", "0000"))
    assert coder.tolist() == whole[0].tolist()
    assert np.isnan(tester[0])
    assert tester[1] == whole[1][1]
    # a program hidden on ground truth has no reward, and no test is paid for catching it
    coder, tester = reward(group("1111", "1?00", "0011"))
    assert np.isnan(coder).tolist() == [False, True, False]
    assert tester.tolist() == reward(group("1111", "0011"))[1].tolist()
