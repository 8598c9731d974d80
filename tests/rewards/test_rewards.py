"""Rewards against matrices worked out by hand, and what must hold for all matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sparring.matrix import PassMatrix
from sparring.rewards.coder import coder_rewards
from sparring.rewards.settings import EQUATIONS, CoderReward, InvalidTest, NoWrong, TesterReward
from sparring.rewards.tester import tester_rewards
from tests.metrics.groups import reward_facts

CURE = EQUATIONS.model_copy(update={"invalid_test": InvalidTest.EQ4})


def matrix(rows: list[str], ground_truth: int) -> PassMatrix:
    """Rows of 1 (passed), 0 (failed) and ? (masked)."""
    passed = np.array([[c == "1" for c in row] for row in rows])
    observed = np.array([[c != "?" for c in row] for row in rows])
    return PassMatrix(passed, observed, ground_truth)


def test_tester_reward_of_a_matrix_worked_out_by_hand() -> None:
    # two ground-truth tests; programs 0 and 1 are correct, 2, 3 and 4 wrong (W = 3)
    m = matrix(["111011", "111011", "100100", "010110", "001101"], 2)
    terms = tester_rewards(reward_facts(m), CURE)
    # test 0: both correct pass; fails for 2, 3 → +2
    # test 1: correct fail; passed by 2, 3, 4 → −3
    # test 2: both correct pass; fails for 2, 4 → +2
    # test 3: both correct pass; fails for 2, 3 → +2
    assert terms.value.tolist() == [2, -3, 2, 2]
    assert terms.accepts_correct.tolist() == [True, False, True, True]
    assert terms.caught.tolist() == [2, 0, 2, 2]
    assert terms.missed.tolist() == [1, 3, 1, 1]


def test_coder_reward_counts_ground_truth_tests_passed() -> None:
    m = matrix(["1110", "1010", "0001"], 3)
    assert coder_rewards(m, CURE).value.tolist() == [3, 2, 0]
    all_pass = EQUATIONS.model_copy(update={"coder": CoderReward.ALL_PASS})
    assert coder_rewards(m, all_pass).value.tolist() == [1, 0, 0]


def test_what_a_program_passes_is_a_whole_number() -> None:
    """15 / 22 · 22 is 14.999999999999998 in floating point."""
    m = matrix(["1" * 15 + "0" * 7, "1" * 22], 22)
    assert coder_rewards(m, CURE).value.tolist() == [15, 22]


def test_equation_4_literally() -> None:
    """The formula as printed, evaluated term by term on random matrices."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        passed = rng.random((6, 9)) < 0.6
        m = PassMatrix(passed, np.ones_like(passed), 3)
        correct = passed[:, :3].all(axis=1)
        if not correct.any() or correct.all():
            continue
        b = passed[:, 3:].astype(int)
        i = correct.astype(int)
        product = np.prod(np.where(i[:, None] == 1, b, 1), axis=0)
        formula = -((1 - i)[:, None] * b).sum(axis=0) + product * (1 - i).sum()
        assert tester_rewards(reward_facts(m), CURE).value.tolist() == formula.tolist()


def test_without_a_correct_program_no_test_has_a_label() -> None:
    m = matrix(["011", "010"], 1)
    assert np.isnan(tester_rewards(reward_facts(m), CURE).value).all()
    # not even a test that could not be parsed: the group is dropped whole
    lowest = EQUATIONS.model_copy(update={"invalid_test": InvalidTest.LOWEST})
    assert np.isnan(tester_rewards(reward_facts(m, np.array([True, False])), lowest).value).all()


def test_without_a_wrong_program_the_reward_is_zero_or_a_sign() -> None:
    m = matrix(["110", "110"], 1)
    assert tester_rewards(reward_facts(m), CURE).value.tolist() == [0, 0]
    sign = EQUATIONS.model_copy(update={"no_wrong_reward": NoWrong.SIGN})
    assert tester_rewards(reward_facts(m), sign).value.tolist() == [1, -1]


def test_an_invalid_test_never_ranks_above_a_valid_one() -> None:
    # by Eq 4 the invalid test 1 (failed by all) would earn 0, the honest but useless test 0 −1
    m = matrix(["100", "010"], 1)
    valid = np.array([True, False])
    assert tester_rewards(reward_facts(m, valid), CURE).value.tolist() == [-1, 0]
    assert tester_rewards(reward_facts(m, valid), EQUATIONS).value.tolist() == [-1, -1]


def test_validity_tells_a_right_test_from_one_that_everybody_fails() -> None:
    # W = 2; test 0 is right and passed by all, test 1 is wrong and failed by all
    m = matrix(["110", "010", "010"], 1)
    assert tester_rewards(reward_facts(m), CURE).value.tolist() == [0, 0]
    paid = EQUATIONS.model_copy(update={"invalid_test": InvalidTest.EQ4, "validity_bonus": 1.0})
    assert tester_rewards(reward_facts(m), paid).value.tolist() == [2, 0]


def test_the_simple_reward_is_correctness_only() -> None:
    m = matrix(["110", "011"], 1)
    simple = EQUATIONS.model_copy(update={"tester": TesterReward.SIMPLE})
    assert tester_rewards(reward_facts(m), simple).value.tolist() == [1, -1]


def test_masked_wrong_programs_are_rescaled_and_masked_correct_ones_say_nothing() -> None:
    # W = 3 wrong programs; test 0 is observed on two of them and fails one: 1 · 3/2
    m = matrix(["11", "00", "01", "0?"], 1)
    assert tester_rewards(reward_facts(m), CURE).value.tolist() == [1.5]
    # the only correct program's cell is masked: no label
    m = matrix(["1?", "00"], 1)
    assert np.isnan(tester_rewards(reward_facts(m), CURE).value[0])


def test_a_program_with_a_masked_ground_truth_cell_is_in_neither_set() -> None:
    m = matrix(["1?", "0?", "11"], 2)
    assert m.correct_P.tolist() == [False, False, True]
    assert m.wrong_P.tolist() == [False, True, False]


def test_zero_ground_truth_tests_are_refused() -> None:
    with pytest.raises(ValueError, match="ground-truth"):
        PassMatrix(np.ones((2, 2), bool), np.ones((2, 2), bool), 0)


matrices = arrays(bool, (5, 7))


@given(matrices, matrices, st.permutations(range(5)), st.permutations(range(4)))
def test_rewards_follow_their_programs_and_tests(
    passed: np.ndarray, observed: np.ndarray, programs: list[int], tests: list[int]
) -> None:
    before = tester_rewards(reward_facts(PassMatrix(passed, observed, 3)), CURE).value
    columns = [0, 1, 2, *(3 + t for t in tests)]
    moved = PassMatrix(passed[programs][:, columns], observed[programs][:, columns], 3)
    after = tester_rewards(reward_facts(moved), CURE).value
    np.testing.assert_allclose(after, before[tests])


@given(matrices, matrices, arrays(bool, 4))
def test_tester_rewards_stay_between_plus_and_minus_the_wrong_programs(
    passed: np.ndarray, observed: np.ndarray, valid: np.ndarray
) -> None:
    m = PassMatrix(passed, observed, 3)
    reward = tester_rewards(reward_facts(m, valid), EQUATIONS).value
    bound = max(1, int(m.wrong_P.sum())) + 1e-9
    assert (np.isnan(reward) | (np.abs(reward) <= bound)).all()
    known = reward[~np.isnan(reward)]
    if len(known) and (~valid).any() and m.correct_P.any():
        assert np.nanmin(reward) == reward[~valid][0]


@given(matrices, matrices)
def test_what_is_under_a_mask_never_matters(passed: np.ndarray, observed: np.ndarray) -> None:
    one = PassMatrix(passed, observed, 3)
    other = PassMatrix(passed ^ ~observed, observed, 3)
    for settings in (CURE, EQUATIONS):
        np.testing.assert_array_equal(
            tester_rewards(reward_facts(one), settings).value,
            tester_rewards(reward_facts(other), settings).value,
        )
        np.testing.assert_array_equal(
            coder_rewards(one, settings).value, coder_rewards(other, settings).value
        )


@given(st.integers(0, 1 << 32))
def test_a_test_without_a_label_changes_no_other_reward(seed: int) -> None:
    rng = np.random.default_rng(seed)
    passed, observed = rng.random((5, 6)) < 0.6, rng.random((5, 6)) < 0.8
    observed[:, :2] = True
    observed[passed[:, :2].all(axis=1), 5] = False  # no correct program is seen on the last test
    valid = np.append(rng.random(3) < 0.8, True)
    hard = EQUATIONS.model_copy(update={"difficulty_exponent": 1.0})
    whole = tester_rewards(reward_facts(PassMatrix(passed, observed, 2), valid), hard).value
    without = tester_rewards(
        reward_facts(PassMatrix(passed[:, :5], observed[:, :5], 2), valid[:3]), hard
    ).value
    assert np.isnan(whole[3])
    np.testing.assert_allclose(whole[:3], without)


def test_what_only_an_unlabelled_test_catches_is_as_hard_as_before() -> None:
    # W = 2, of which test 0 catches the first and test 1 the second; nobody correct is seen on 2
    m = matrix(["111?", "0010", "0101"], 1)
    hard = EQUATIONS.model_copy(update={"difficulty_exponent": 1.0})
    assert tester_rewards(reward_facts(m), hard).value[:2].tolist() == [1, 1]
    # were it counted as right, the first would count 2/3 (caught twice) and the second 4/3
    assert tester_rewards(reward_facts(matrix(["1111", "0010", "0101"], 1)), hard).value[
        :2
    ].tolist() == pytest.approx([2 / 3, 4 / 3])
