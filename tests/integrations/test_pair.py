"""Rewards of both roles from texts, held to the rewards of our own training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sparring import Recipe, pair_rewards
from sparring.errors import ConfigError, DataError
from sparring.grading.grade import grade
from sparring.grading.group import read_group
from sparring.grading.scorer import facts_of
from sparring.rewards.advantages import DropReason
from sparring.sandbox import Limits, Sandbox
from sparring.schema import Response, Role, StopReason
from tests.integrations.support import DOUBLE, TRIPLE, Failing


def program(body: str) -> str:
    return f"So:\n```python\n{body}\n```"


def unit_test(given: str, wanted: str) -> str:
    return f"**Test Input:**\n```\n{given}\n```\n**Test Output:**\n```\n{wanted}\n```"


PROGRAMS = [
    [program("print(2 * int(input()))"), program("print(int(input()) ** 2)"), "none", program("1")],
    [program("print(3 * int(input()))"), program("print(0)")],
]
TESTS = [
    [unit_test("3", "6"), unit_test("2", "4"), unit_test("3", "7"), "no test"],
    [unit_test("1", "3"), unit_test("0", "0")],
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(2) as opened:
        yield opened


@pytest.mark.parametrize("preset", ["default", "paper", "official"])
def test_rewards_and_advantages_are_those_of_our_own_training(
    sandbox: Sandbox, preset: str
) -> None:
    recipe = Recipe.model_validate({"preset": preset, "reward": {"length": "none"}})
    paid = pair_rewards([DOUBLE, TRIPLE], PROGRAMS, TESTS, recipe=recipe, sandbox=sandbox)
    for one, task, programs, tests in zip(paid, [DOUBLE, TRIPLE], PROGRAMS, TESTS, strict=True):
        answers = {
            role: [
                Response(task.id, role, i, (), (), (), StopReason.END_TOKEN, text)
                for i, text in enumerate(texts)
            ]
            for role, texts in ((Role.CODER, programs), (Role.TESTER, tests))
        }
        rules = dict.fromkeys(Role, recipe.prompts.reading(""))
        group = read_group(task, answers[Role.CODER], answers[Role.TESTER], rules)
        earned = recipe.rules.score(facts_of(grade(sandbox, group, Limits())))
        assert np.allclose(one.coder, earned.coder_rewards.value, rtol=0, atol=1e-9)
        assert np.allclose(one.tester, earned.tester_rewards.value, rtol=0, atol=1e-9)
        assert np.allclose(one.coder_advantages, earned.coder.value, rtol=0, atol=1e-9)
        assert np.allclose(one.tester_advantages, earned.tester.value, rtol=0, atol=1e-9)


def test_by_the_equations_a_test_earns_what_it_catches(sandbox: Sandbox) -> None:
    recipe = Recipe.model_validate({"preset": "paper", "reward": {"length": "none"}})
    [one] = pair_rewards([DOUBLE], PROGRAMS[:1], TESTS[:1], recipe=recipe, sandbox=sandbox)
    assert one.coder == (2.0, 0.0, 0.0, 0.0)
    # "3 → 6" catches all three wrong programs; "2 → 4" lets the square pass; "3 → 7" is failed by
    # the right program, and no wrong one passes it.
    assert one.tester[:3] == (3.0, 2.0, 0.0)
    assert one.graded.task is DOUBLE


def test_reasons_name_programs_and_tests(sandbox: Sandbox) -> None:
    [one] = pair_rewards([DOUBLE], PROGRAMS[:1], TESTS[:1], sandbox=sandbox)
    assert "passes 2 of 2 ground-truth tests" in one.coder_reasons[0]
    assert "fails G0 G1" in one.coder_reasons[1]
    assert one.coder_reasons[2].startswith("nothing could be read (")
    assert "caught: P1 (1.5) P2" in one.tester_reasons[0]
    assert "failed by correct programs: P0" in one.tester_reasons[2]


def test_others_are_caught_and_earn_nothing(sandbox: Sandbox) -> None:
    right = [[PROGRAMS[0][0]] * 2]
    without = pair_rewards([DOUBLE], right, TESTS[:1], sandbox=sandbox)[0]
    others = [[program("print(0)"), program("print(int(input()) ** 2)")]]
    [one] = pair_rewards([DOUBLE], right, TESTS[:1], others=others, sandbox=sandbox)
    assert len(one.coder) == 2
    assert without.tester[0] == 1.0  # nothing to catch: the sign alone
    assert one.tester[0] is not None
    assert one.tester[0] > 2.0
    assert "caught: I0 (" in one.tester_reasons[0]


def test_without_a_correct_program_tests_have_no_label(sandbox: Sandbox) -> None:
    [one] = pair_rewards([DOUBLE], [[program("print(0)")] * 2], TESTS[:1], sandbox=sandbox)
    assert one.tester == (None,) * 4
    assert (one.coder_dropped, one.tester_dropped) == (
        DropReason.ZERO_VARIANCE,
        DropReason.NO_LABEL,
    )
    assert "no test is known to be right" in one.tester_reasons[0]


def test_a_failure_of_ours_is_no_label() -> None:
    recipe = Recipe.model_validate({"reward": {"coder": "all_pass"}})
    with Failing(1) as sandbox:
        [one] = pair_rewards([DOUBLE], PROGRAMS[:1], TESTS[:1], recipe=recipe, sandbox=sandbox)
    assert one.coder[0] is None
    assert one.coder[3] == 0.0


def test_a_role_may_be_silent(sandbox: Sandbox) -> None:
    [one] = pair_rewards([DOUBLE], PROGRAMS[:1], [[]], sandbox=sandbox)
    assert (one.coder[0], one.tester) == (2.0, ())
    [one] = pair_rewards([DOUBLE], [[]], TESTS[:1], sandbox=sandbox)
    assert (one.coder, one.tester) == ((), (None,) * 4)
    assert pair_rewards([], [], [], sandbox=sandbox) == []


def test_what_does_not_fit_is_one_clear_error(sandbox: Sandbox) -> None:
    with pytest.raises(DataError, match="programs: has 1 lists for 2 tasks"):
        pair_rewards([DOUBLE, TRIPLE], PROGRAMS[:1], TESTS, sandbox=sandbox)
    with pytest.raises(DataError, match=r"tests\[0\]: is one text"):
        pair_rewards([DOUBLE], PROGRAMS[:1], ["a text"], sandbox=sandbox)
    with pytest.raises(DataError, match=r"programs\[0\]\[1\]: is NoneType"):
        pair_rewards([DOUBLE], [["a", None]], TESTS[:1], sandbox=sandbox)  # type: ignore[list-item]
    recipe = Recipe.model_validate({"reward": {"overlong": "mask"}})
    with pytest.raises(ConfigError, match=r"reward\.overlong: pair_rewards has texts alone"):
        pair_rewards([DOUBLE], PROGRAMS[:1], TESTS[:1], recipe=recipe, sandbox=sandbox)
    recipe = Recipe.model_validate({"learning": {"objective": "likelihood"}})
    with pytest.raises(ConfigError, match=r"learning\.objective: likelihood has no advantages"):
        pair_rewards([DOUBLE], PROGRAMS[:1], TESTS[:1], recipe=recipe, sandbox=sandbox)
