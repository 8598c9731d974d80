"""The switches by which rewards depart from Eq 4: by hand, bounds, permutations, masks."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sparring.matrix import PassMatrix, stacked
from sparring.rewards.advantages import DropReason, positives
from sparring.rewards.coder import coder_rewards
from sparring.rewards.counts import rightness
from sparring.rewards.settings import (
    EQUATIONS,
    CoderReward,
    InvalidTest,
    NoWrong,
    RewardSettings,
    TesterReward,
)
from sparring.rewards.terms import Effect, TermSum
from sparring.rewards.tester import tester_rewards
from tests.metrics.groups import reward_facts
from tests.rewards.test_rewards import matrix

EQ4 = EQUATIONS.model_copy(update={"invalid_test": InvalidTest.EQ4})
# programs 0 and 1 are correct, 2, 3 and 4 wrong; rewards by Eq 4 are 2, −3, 2, 2
M = matrix(["111011", "111011", "100100", "010110", "001101"], 2)
ALL = np.ones(4, bool)


def rewards(m: PassMatrix, settings: RewardSettings) -> list[float]:
    return [float(r) for r in tester_rewards(reward_facts(m), settings).value]


def test_the_official_form_is_eq_4_per_wrong_program() -> None:
    scaled = EQ4.model_copy(update={"tester": TesterReward.SCALED})
    assert rewards(M, scaled) == pytest.approx([2 / 3, -1, 2 / 3, 2 / 3])


def test_the_second_stage_wants_all_wrong_programs_caught() -> None:
    # tests: right and catches both, right and catches one, wrong and passed, wrong and failed
    m = matrix(["11100", "00110", "00000"], 1)
    assert rewards(m, EQ4.model_copy(update={"tester": TesterReward.POST_STAGE})) == [1, 0, -1, 0]


def test_coder_rewards_as_a_share() -> None:
    m = matrix(["1110", "1010", "0001"], 3)
    share = RewardSettings(coder=CoderReward.SHARE)
    assert coder_rewards(m, share).value.tolist() == pytest.approx([1, 2 / 3, 0])


def test_rightness_is_bayes_rule() -> None:
    passed = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0]], dtype=bool)
    seen = np.ones_like(passed)
    assert rightness(passed, seen, 0).tolist() == [1, 0, 0]
    found = rightness(passed, seen, 0.1)
    # P(pass | right) = 0.95, P(pass | wrong) = 0.05, even odds before
    right = np.array([0.95**3, 0.95**2 * 0.05, 0.05**3])
    wrong = np.array([0.05**3, 0.05**2 * 0.95, 0.95**3])
    np.testing.assert_allclose(found, right / (right + wrong))


def test_smoothing_survives_one_program_that_only_looks_correct() -> None:
    # three programs pass the ground truth; the last one fails the right test 0
    m = matrix(["11", "11", "10", "00"], 1)
    assert rewards(m, EQ4) == [0]  # taken for wrong, and it lets nobody pass
    smooth = EQ4.model_copy(update={"smoothing": 0.1, "validity_bonus": 1.0})
    odds = 0.95 / 0.05
    assert rewards(m, smooth) == pytest.approx([odds / (1 + odds) * 2])


def test_difficulty_pays_more_for_what_few_tests_catch() -> None:
    # wrong program 1 is caught by tests 0 and 1, wrong program 2 by test 2 alone
    m = matrix(["1111", "0001", "0110"], 1)
    assert rewards(m, EQ4) == [1, 1, 1]
    # weights 1/2 and 1, scaled to sum to 2
    assert rewards(m, EQ4.model_copy(update={"difficulty_exponent": 1.0})) == pytest.approx(
        [2 / 3, 2 / 3, 4 / 3]
    )


def test_repeated_and_copied_inputs_share_what_they_earn() -> None:
    repeats, copied = np.array([2.0, 2.0, 1.0, 1.0]), np.array([False, False, False, True])
    cheaper = EQ4.model_copy(update={"duplicates": 1.0, "copies": 0.75})
    found = tester_rewards(reward_facts(M, ALL, repeats, copied), cheaper).value
    # the second test is wrong: −3 stays −3 however often it is written
    assert found.tolist() == [1, -3, 2, 0.5]


def test_positives_are_learned_from_alone() -> None:
    found = positives(np.array([True, False]))
    assert (found.value.tolist(), found.labelled.tolist()) == ([1, 0], [True, False])
    assert positives(np.array([False])).dropped is DropReason.NO_POSITIVE
    assert positives(np.zeros(0, bool)).dropped is DropReason.NOT_SAMPLED


def test_initial_policy_programs_judge_tests_as_further_programs() -> None:
    both = stacked(M, matrix(["000000", "111111"], 2))
    assert both.passed_PT.shape == (7, 6)
    # one more wrong program that every test catches, one more correct that passes all four
    assert rewards(both, EQ4) == [3, -3, 3, 3]


settings_ = st.builds(
    RewardSettings,
    tester=st.sampled_from(TesterReward),
    no_wrong_reward=st.sampled_from(NoWrong),
    invalid_test=st.sampled_from(InvalidTest),
    validity_bonus=st.sampled_from([0.0, 1.0]),
    smoothing=st.sampled_from([0.0, 0.05]),
    difficulty_exponent=st.sampled_from([0.0, 1.0]),
    duplicates=st.sampled_from([0.0, 1.0]),
    copies=st.sampled_from([0.0, 0.5]),
)
cells = arrays(bool, (6, 7))
four = arrays(bool, 4)
counts = arrays(float, 4, elements=st.integers(1, 4))


@given(
    cells,
    cells,
    four,
    counts,
    four,
    settings_,
    st.permutations(range(6)),
    st.permutations(range(4)),
)
def test_every_form_follows_its_programs_and_tests_and_keeps_its_bounds(
    passed: np.ndarray,
    observed: np.ndarray,
    valid: np.ndarray,
    repeats: np.ndarray,
    copied: np.ndarray,
    how: RewardSettings,
    programs: list[int],
    tests: list[int],
) -> None:
    m = PassMatrix(passed, observed, 3)
    before = tester_rewards(reward_facts(m, valid, repeats, copied), how).value
    columns = [0, 1, 2, *(3 + t for t in tests)]
    moved = PassMatrix(passed[programs][:, columns], observed[programs][:, columns], 3)
    after = tester_rewards(
        reward_facts(moved, valid[tests], repeats[tests], copied[tests]), how
    ).value
    np.testing.assert_allclose(after, before[tests], atol=1e-9)
    eq4 = how.tester is TesterReward.CURE
    bound = (max(1, int(m.wrong_P.sum())) if eq4 else 1) * (1 + how.validity_bonus) + 1e-9
    assert (np.isnan(before) | (np.abs(before) <= bound)).all()
    if not m.correct_P.any():
        assert np.isnan(before).all()


@given(cells, cells, settings_)
def test_what_is_under_a_mask_never_matters_in_any_form(
    passed: np.ndarray, observed: np.ndarray, how: RewardSettings
) -> None:
    one, other = PassMatrix(passed, observed, 3), PassMatrix(passed ^ ~observed, observed, 3)
    np.testing.assert_array_equal(
        tester_rewards(reward_facts(one), how).value, tester_rewards(reward_facts(other), how).value
    )


def test_the_odds_of_a_step_are_those_of_the_docstring() -> None:
    found = rightness(np.ones((1, 1), bool), np.ones((1, 1), bool), 0.2)
    assert log(found[0] / (1 - found[0])) == pytest.approx(log(0.9 / 0.1))


def test_a_response_has_one_term_of_a_name() -> None:
    """A record keeps terms by name: of two the first would be lost."""
    found, first = TermSum(2), np.array([True, False])
    found.put(Effect.ADD, "novelty", 1.0, "why", first)
    found.put(Effect.ADD, "novelty", 2.0, "why", ~first)  # of another response
    found.say("novelty", "a fact is not recorded", value=3.0)
    with pytest.raises(ValueError, match="two terms 'novelty'"):
        found.put(Effect.ADD, "novelty", 1.0, "why")
    assert found.value.tolist() == [1.0, 2.0]
