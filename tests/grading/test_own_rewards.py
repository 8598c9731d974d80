"""Reward functions of the user's own: what they see, and that a failure of ours is not scored."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sparring
from sparring.errors import ConfigError, RunError
from sparring.grading.entries import OUTPUT_KEPT
from sparring.grading.example_group import example_group, untested
from sparring.grading.group import GroupResult
from sparring.grading.own_reward import CustomReward
from sparring.grading.record import ScoredGroup, rollout_record, usage_record
from sparring.grading.recorded import result_from
from sparring.grading.reward_group import RewardGroup, reward_group
from sparring.grading.scorer import facts_of
from sparring.rewards.score import RewardRules
from sparring.rewards.settings import EQUATIONS
from sparring.runs.lines import clean
from sparring.sandbox import Sandbox
from sparring.schema import (
    ParseFailure,
    Response,
    Role,
    StopReason,
    Task,
    Test,
    TestRefusal,
    Verdict,
)
from tests.grading.grading_helpers import a_test, graded, program, response

STARTERS = Path(sparring.__file__).parent / "config" / "starters"
RECIPES = Path(__file__).parents[2] / "recipes"
SHAPED, DISTANCE = RECIPES / "shaped_reward.py", RECIPES / "distance_reward.py"
TASK = Task(
    "add",
    "Add two numbers.",
    tests=(Test("1 2\n", "3\n"), Test("2 2\n", "4\n")),
    examples=(Test("5 5\n", "10\n"),),
    solutions=("a, b = map(int, input().split())\nprint(a + b)",),
    validator="print('valid' if len(input().split()) == 2 else 'invalid')",
    hidden=(Test("7 2\n", "9\n"),),
)
CLOSE = "a, b = map(int, input().split())\nprint(a + b + 1)"
HIDES = (
    "try:\n    a, b = map(int, input().split())\n    print(a + b)\nexcept Exception:\n    print(0)"
)
RAISES = "print(1 / 0)"
LONG = f"print('x' * {OUTPUT_KEPT + 9})"


@pytest.fixture(scope="module")
def graded_group() -> GroupResult:
    """Five programs and a refusal; two tests, a forbidden one and a refusal."""
    coder = [program(s) for s in (TASK.solutions[0], CLOSE, HIDES, RAISES, LONG)]
    tester = [a_test("3 1", "4"), a_test("1 2 3", "6"), "no test"]
    cut = Response("t", Role.CODER, 5, (1,), (2, 3), (0.0, 0.0), StopReason.LENGTH, "```python\nx")
    with Sandbox(1) as sandbox:
        return graded(
            sandbox,
            TASK,
            [*(response(Role.CODER, text, i) for i, text in enumerate(coder)), cut],
            [response(Role.TESTER, text, k) for k, text in enumerate(tester)],
        )


def recorded(group: GroupResult) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the record of a group and of its usage, as they are on disk."""
    scored = ScoredGroup(group, RewardRules(EQUATIONS, 9, 9).score(facts_of(group)))
    record, usage = rollout_record(1, scored), usage_record(group)
    return json.loads(json.dumps(clean(record))), json.loads(json.dumps(clean(usage)))


def same(one: RewardGroup, other: RewardGroup) -> bool:
    """Say whether two groups are equal in every field."""
    return all(
        np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b
        for a, b in (
            (getattr(one, name), getattr(other, name)) for name in RewardGroup.__dataclass_fields__
        )
    )


def test_a_function_sees_texts_outputs_and_reasons(graded_group: GroupResult) -> None:
    seen = reward_group(graded_group)
    assert seen.responses_P[1] == program(CLOSE)
    assert seen.responses_U[2] == "no test"
    assert seen.programs[5] is None
    assert seen.failures_P == (None,) * 5 + (ParseFailure.TRUNCATED,)
    assert seen.truncated_P.tolist() == [False] * 5 + [True]
    assert seen.failures_U == (None, None, ParseFailure.NO_TEST_INPUT)
    assert seen.refused_U == (None, TestRefusal.FORBIDDEN, None)
    assert seen.valid_U.tolist() == [True, False, False]
    assert seen.tests_G == TASK.tests
    assert seen.examples == TASK.examples
    assert [e.output for e in seen.executions_PT[1][:3]] == ["4\n", "5\n", "5\n"]
    assert seen.executions_PT[1][0].verdict is Verdict.WRONG_ANSWER
    raised = seen.executions_PT[3][0]
    assert raised.verdict is Verdict.RUNTIME_ERROR
    assert "ZeroDivisionError" in raised.detail
    assert {e.verdict for e in seen.executions_PT[5]} == {Verdict.INVALID}
    # no function knows of hidden tests: two of ground truth, three generated
    assert {len(row) for row in seen.executions_PT} == {5}


def test_the_record_has_everything_that_a_function_sees(graded_group: GroupResult) -> None:
    record, usage = recorded(graded_group)
    again = reward_group(result_from(record, usage=usage))
    assert same(again, reward_group(graded_group))
    assert len(again.executions_PT[4][0].output) == OUTPUT_KEPT  # of a longer one, in both
    without = reward_group(result_from(record))
    assert {e.detail for row in without.executions_PT for e in row} == {""}
    assert not same(without, again)


def test_usage_of_another_group_is_refused_in_one_line(graded_group: GroupResult) -> None:
    record, usage = recorded(graded_group)
    usage["runs"].pop()
    for wrong in (usage, {**usage, "task": "other"}, {"task": "add"}):
        with pytest.raises(RunError, match="usage of step 1, task add: a record is not") as caught:
            result_from(record, usage=wrong)
        assert "\n" not in str(caught.value)


def test_a_function_may_change_what_it_gets(graded_group: GroupResult) -> None:
    seen = reward_group(graded_group)
    for array in (seen.passed_PT, seen.observed_PT, seen.valid_U):
        array[...] = False
    assert graded_group.matrix.passed_PT.any()
    assert reward_group(graded_group).valid_U.any()


def test_the_worked_example_by_hand(graded_group: GroupResult) -> None:
    coder, tester = CustomReward(f"{DISTANCE}:reward")(reward_group(graded_group))
    # right; one off: 1/2 · 1/(1 + 1) on both; right, but it hides faults; raises; words without an
    # equal one; no program
    assert coder.tolist() == [1.0, 0.25, 0.5, 0.0, 0.0, 0.0]
    assert tester.tolist() == [1.0, -1.0, -1.0]


@pytest.mark.parametrize(
    ("printed", "expected", "close"),
    [("7\n", "10\n", 0.25), ("1 2 3\n", "1 5 3 4\n", 0.5), ("", "x\n", 0.0), ("3\n", "no\n", 0.0)],
)
def test_closeness(printed: str, expected: str, close: float) -> None:
    function = CustomReward(f"{DISTANCE}:reward").function
    assert function.__globals__["closeness"](printed, expected) == close  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("handler", "hides"),
    [("except:", True), ("except BaseException as e:", True), ("except ValueError:", False)],
)
def test_a_program_that_catches_everything_is_found(handler: str, hides: bool) -> None:
    function = CustomReward(f"{DISTANCE}:reward").function
    source = f"try:\n    print(1)\n{handler}\n    pass\n"
    assert function.__globals__["hides_faults"](source) is hides  # type: ignore[attr-defined]


def test_who_is_correct_and_who_is_wrong_is_known_of_what_was_seen() -> None:
    group = example_group("111", "1?1", "0?1", "?01")
    assert group.correct_P.tolist() == [True, False, False, False]
    assert group.wrong_P.tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    "file", [STARTERS / "my_reward.py", SHAPED, DISTANCE], ids=lambda f: f.stem
)
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


def test_a_made_up_group_has_what_a_real_one_has() -> None:
    group = example_group("11-1", "10-?", "----")
    assert group.programs[2] is group.tests[0] is None
    assert group.valid_U.tolist() == [False, True]
    assert group.failures_P == (None, None, ParseFailure.NO_CODE_BLOCK)
    assert [[e.output for e in row] for row in group.executions_PT] == [
        ["2\n", "4\n", "", "8\n"],
        ["2\n", "5\n", "", ""],
        ["", "", "", ""],
    ]
    assert group.executions_PT[1][3].verdict is Verdict.INFRA
    lone = untested(group)
    assert lone.passed_PT.shape == (3, 2)
    assert lone.tests == lone.responses_U == ()
    assert {len(row) for row in lone.executions_PT} == {2}


def test_a_function_that_forgets_responses_without_a_test_fails_before_the_run(
    tmp_path: Path,
) -> None:
    file = tmp_path / "forgets.py"
    file.write_text(
        "def reward(group):\n"
        "    return [0.0] * len(group.programs), [len(t.input) for t in group.tests]\n"
    )
    with pytest.raises(ConfigError, match=r"line 2: 'NoneType' .* \(a trial before the run\)"):
        CustomReward(f"{file}:reward")


def test_a_file_of_version_0_2_0_is_refused_with_the_line_to_write(tmp_path: Path) -> None:
    file = tmp_path / "old.py"
    file.write_text(
        "from sparring.rewards.custom import Group\n\n"
        "def reward(group: Group):\n    return [], []\n"
    )
    with pytest.raises(ConfigError) as caught:
        CustomReward(f"{file}:reward")
    assert "\n" not in str(caught.value)
    assert "from sparring import RewardGroup" in str(caught.value)
    file.write_text("import nowhere.at.all\n")
    with pytest.raises(ConfigError, match="raised ModuleNotFoundError in line 1: No module named"):
        CustomReward(f"{file}:reward")


def test_a_reward_that_is_no_number_names_the_task() -> None:
    reward = CustomReward(f"{SHAPED}:reward")
    reward.function = lambda group: ([math.nan] * 2, [0.0] * 2)
    group = replace(example_group("1111", "0000"), task_id="named")
    with pytest.raises(RunError, match=r"task named: the reward of program 0 is nan"):
        reward(group)
