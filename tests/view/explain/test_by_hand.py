"""Rollouts of a real run of the nano model, explained, with the numbers worked out by hand.

`rollouts.json` holds three groups as recorded: one by the paper's preset, two by the default.
Only token ids and log-probs are taken out.
"""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest

from sparring.config.load import make_recipe
from sparring.config.recipe import Recipe
from sparring.rewards.terms import Effect
from sparring.view.explain import Explained, Explanation, explain

GROUPS: dict[str, Any] = json.loads((Path(__file__).parent / "rollouts.json").read_text())


def recipe(preset: str, **changes: str) -> Recipe:
    return make_recipe({"preset": preset}, [f"reward.{k}={v}" for k, v in changes.items()], "test")


def told(name: str, preset: str, **changes: str) -> Explained:
    return explain(GROUPS[name], recipe(preset, **changes), 0)


def reasons(one: Explanation) -> str:
    return "\n".join(t.reason for t in (*one.reward_terms, *one.advantage_terms))


# The paper's group. The 8 ground-truth tests:     the 5 generated ones:
#   P0  x x x x x x x x                              x x x v x
#   P1  x x x x x x x x                              x x x x x
#   P2  v e v e e v v e     4 of 8                   x x v x x
#   P3  v e v e e v v e     4 of 8                   x x v x x
#   P4  v v v v v v v v     the only correct one     x x v x x
# so W = 4 and right is what P4 passes: U2 alone.


def test_a_program_of_the_paper_is_paid_the_tests_it_passes() -> None:
    """P2: 4. Rewards 0 0 4 4 8: mean 3.2, squares of deviations 10.24 10.24 .64 .64 23.04 = 44.8,
    deviation √8.96 = 2.99333. (4 − 3.2) / 2.99333 = 0.267261."""
    p2 = told("paper", "paper").coder[2]
    assert p2.reward == 4
    assert p2.advantage == pytest.approx(0.267261, abs=1e-6)
    assert "passes 4 of 8 ground-truth tests; fails G1 G3 G4 G7" in reasons(p2)
    assert p2.differs() == []


def test_a_wrong_test_of_the_paper_loses_a_point_for_each_wrong_program_that_passes() -> None:
    """U3: P4, which is correct, fails it, and P0 alone passes it: −1. Rewards 0 0 2 −1 0: mean 0.2,
    squares .04 .04 3.24 1.44 .04 = 4.8, deviation √0.96 = 0.979796. −1.2 / 0.979796 = −1.224745."""
    u3 = told("paper", "paper").tester[3]
    assert u3.reward == -1
    assert u3.advantage == pytest.approx(-1.224745, abs=1e-6)
    assert "failed by correct programs: P4" in reasons(u3)
    assert "let pass: P0" in reasons(u3)
    assert u3.differs() == []


def test_a_right_test_of_the_paper_earns_a_point_for_each_program_caught() -> None:
    """U2: P4 passes; it catches P0 and P1: 2. (2 − 0.2) / 0.979796 = 1.837117."""
    u2 = told("paper", "paper").tester[2]
    assert u2.reward == 2
    assert u2.advantage == pytest.approx(1.837117, abs=1e-6)
    assert "caught: P0 P1" in reasons(u2)


# The same task by the default preset, with two initial-policy programs:
#   P0  wrong      v v x v x
#   P1  wrong      x x x x x
#   P2  wrong      x v v x x
#   P3  wrong      x v v x x
#   P4  correct    x v v x x
#   I0  wrong      x x v x x
#   I1  correct    x v v x x
# W = 5 and U1 and U2 are right. Right tests that catch: P0 one (U2), P1 two, P2 and P3 none, which
# counts as one, I0 one (U1). Weights ∝ 1, 1/2, 1, 1, 1, in all 4.5, so times 5/4.5:
# P1 0.5556, the others 1.1111.


def test_a_right_test_of_the_default_is_paid_by_weight_and_for_being_right() -> None:
    """U1 catches P1 and I0: 0.5556 + 1.1111 = 1.6667; for being right half of W, 2.5: 4.1667.
    Rewards −1.1111 4.1667 4.1667 −1.1111 0: mean 1.2222; squares 5.4444 8.6698 8.6698 5.4444
    1.4938 = 29.7222, deviation √5.94444 = 2.438123. 2.94444 / 2.438123 = 1.207669."""
    u1 = told("default", "default").tester[1]
    assert u1.reward == pytest.approx(25 / 6, abs=1e-9)
    assert [t.value for t in u1.reward_terms if t.effect is Effect.ADD] == pytest.approx(
        [5 / 3, 2.5]
    )
    assert u1.advantage == pytest.approx(1.207669, abs=1e-6)
    assert (
        "graded by 2 correct (1 of the initial policy) and 5 wrong (1 of the initial policy)"
        in reasons(u1)
    )
    assert "caught: P1 (0.5556) I0 (1.111)" in reasons(u1)
    assert u1.differs() == []


def test_a_forbidden_input_earns_the_lowest_reward_of_its_group() -> None:
    """Six programs are wrong, so −6. Right are U2, U3, U4; of these P0 and P2 fail U3 and U4, I0
    fails U2 and U3, and P1, P4, I1 none: weights ∝ 1/2 three times and 1 three times, × 6/4.5. So
    U2 3.6667, U3 5, U4 4.3333 (half of W and what is caught). Mean 0.2; squares 38.44 38.44 12.0178
    23.04 17.0844 = 129.0222, deviation √25.80444 = 5.079808. −6.2 / 5.079808 = −1.220519."""
    found = told("forbidden", "default")
    u0 = found.tester[0]
    assert u0.reward == -6
    assert [u.reward for u in found.tester] == pytest.approx([-6, -6, 11 / 3, 5, 13 / 3])
    assert u0.advantage == pytest.approx(-1.220519, abs=1e-6)
    assert "the task's validator refuses the input (forbidden)" in reasons(u0)
    assert u0.differs() == []


def masked(*cells: tuple[int, int]) -> dict[str, Any]:
    """The paper's group with these runs failed on our side: program, and test from G0 on."""
    record = copy.deepcopy(GROUPS["paper"])
    for program, test in cells:
        record["programs"][program]["runs"][test] = {"verdict": "infra", "output": ""}
    for entry in (*record["programs"], *record["tests"]):
        del entry["reward"], entry["advantage"]
    return record


def test_masked_executions_are_left_out_and_sums_are_rescaled() -> None:
    """Masked: P2 on G1, P1 on U3, P2 on U2. P2 passes 4 of 7: × 8/7 = 4.5714. U3 was seen on three
    of the four wrong programs, and P0 passes: −1 × 4/3. U2 was seen on P0, P1, P3, and catches two:
    2 × 4/3 = 2.6667. Rewards of tests 0 0 2.6667 −1.3333 0: mean 0.26667; squares .07111 three
    times, 5.76, 2.56 = 8.53333, deviation √1.706667 = 1.306395. U3: −1.6 / 1.306395 = −1.224745."""
    found = explain(masked((2, 1), (1, 8 + 3), (2, 8 + 2)), recipe("paper"), 0)
    p2, u2, u3 = found.coder[2], found.tester[2], found.tester[3]
    assert p2.reward == pytest.approx(32 / 7)
    assert "1 of 8 ground-truth tests masked (infrastructure failure): G1" in reasons(p2)
    assert "rescaled to all 8: × 8/7" in reasons(p2)
    assert u2.reward == pytest.approx(8 / 3)
    assert u3.reward == pytest.approx(-4 / 3)
    assert "masked on it: P1; both rescaled by W/W_k = 4/3" in reasons(u3)
    assert u3.advantage == pytest.approx(-1.224745, abs=1e-6)


def test_a_program_that_may_be_correct_leaves_the_tests_without_a_label() -> None:
    """P4 on G0 is masked: it passes 7 of 7, × 8/7 = 8, but nobody knows whether it is correct, so
    no program is, and no test can be graded."""
    found = explain(masked((4, 0)), recipe("paper"), 0)
    assert found.coder[4].reward == pytest.approx(8)
    assert all(math.isnan(u.reward) and u.advantage == 0 for u in found.tester)
    assert found.tester[0].dropped == "no_label"
    assert "neither, because masked: P4" in reasons(found.tester[0])


def test_by_the_simple_reward_a_right_test_earns_1_and_any_other_loses_1() -> None:
    """Rewards −1 −1 1 −1 −1: mean −0.6, deviation 0.8; the right one 1.6 / 0.8 = 2. The run was
    paid otherwise, which is said."""
    found = told("paper", "paper", tester="simple")
    assert [u.reward for u in found.tester] == [-1, -1, 1, -1, -1]
    assert found.tester[2].advantage == pytest.approx(2)
    assert found.tester[2].differs()


def test_by_the_released_code_the_reward_is_divided_by_the_wrong_programs() -> None:
    """U2: 2 / 4 = 0.5; P2: 4 of 8 = 0.5."""
    found = told("paper", "official")
    assert found.tester[2].reward == pytest.approx(0.5)
    assert found.coder[2].reward == pytest.approx(0.5)
