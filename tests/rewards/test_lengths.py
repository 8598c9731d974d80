"""Length transforms against groups worked out by hand, and overlong responses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sparring.rewards.advantages import DropReason, advantages
from sparring.rewards.lengths import by_length
from sparring.rewards.overlong import overlong
from sparring.rewards.settings import LengthForm, Normalisation, Overlong
from sparring.rewards.terms import Rewards

BOUNDS = (1000.0, 8000.0)


def numbers(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def test_the_papers_transform_by_hand() -> None:
    # mean 0, so the first three are good: T = 20, M = 40
    # r̃ = 10, 0, −20 and twice 20 − 40 = −20; α = 60/10; 60, 0, −20, −20, −20
    found = by_length(
        numbers(1, 1, 1, -1, -2), numbers(10, 20, 40, 5, 90), LengthForm.PAPER, BOUNDS
    )
    balanced = numbers(60, 0, -20, -20, -20)
    np.testing.assert_allclose(found.value, balanced / balanced.std())
    assert found.dropped is None


def test_a_right_but_long_response_loses() -> None:
    found = by_length(numbers(1, 1, 1, 0), numbers(10, 20, 40, 5), LengthForm.PAPER, BOUNDS)
    assert found.value[2] < 0


def test_the_official_transform_bounds_the_median_and_spares_the_middle() -> None:
    # standardised signs +, +, 0, −; T = 150 raised to 1000; M = 200
    # 900, 800, 0, 1000 − 200 = 800: nothing is left below, so the group is dropped
    reward, length = numbers(2, 2, 1, -1), numbers(100, 200, 5, 7)
    assert by_length(reward, length, LengthForm.OFFICIAL, BOUNDS).dropped is not None
    # T = 150 within bounds (1, 8000): 50, −50, 0, −50 → ×2: 100, −50, 0, −50
    found = by_length(reward, length, LengthForm.OFFICIAL, (1.0, 8000.0))
    balanced = numbers(100, -50, 0, -50)
    np.testing.assert_allclose(found.value, balanced / balanced.std())


def test_a_group_of_ones_goes_on_learning_length_officially() -> None:
    found = by_length(numbers(1, 1), numbers(3202, 3760), LengthForm.OFFICIAL, BOUNDS)
    assert found.value.tolist() == [1, -1]
    paper = by_length(numbers(1, 1), numbers(3202, 3760), LengthForm.PAPER, BOUNDS)
    assert paper.dropped is DropReason.ZERO_VARIANCE


def test_a_single_good_response_keeps_its_normalised_reward() -> None:
    reward = numbers(0, 0, 3)
    found = by_length(reward, numbers(10, 20, 30), LengthForm.PAPER, BOUNDS)
    np.testing.assert_array_equal(found.value, advantages(reward, Normalisation.STD).value)


FORMS = [LengthForm.PAPER, LengthForm.OFFICIAL]


@pytest.mark.parametrize("form", FORMS)
def test_a_truncated_response_is_never_a_good_one(form: LengthForm) -> None:
    """By Eq 4 a test that was cut off earns 0, here above the mean: as a good one it would make the
    limit the longest good length, and a good test of 3,000 tokens a short one."""
    reward, length = numbers(2, 1, -5, -6, 0), numbers(2000, 3000, 500, 500, 16000)
    cut = np.array([False, False, False, False, True])
    found = by_length(reward, length, form, BOUNDS, cut)
    # the truncated one counts as −6: T = 2,500, M = 3,000; 500, −500 four times
    balanced = numbers(2000, -500, -500, -500, -500)
    np.testing.assert_allclose(found.value, balanced / balanced.std())
    pulled = by_length(reward, length, form, BOUNDS)
    assert pulled.value[1] == 0 > found.value[1]


@pytest.mark.parametrize("form", FORMS)
def test_a_group_whose_only_good_response_was_cut_off_does_not_reward_it(form: LengthForm) -> None:
    cut = np.array([False, False, True])
    found = by_length(numbers(-1, -2, 0), numbers(10, 20, 16000), form, BOUNDS, cut)
    assert found.value[2] < 0 < found.value[0]  # one good one is left: normalised rewards
    gone = by_length(numbers(-1, -1, 0), numbers(10, 20, 16000), form, BOUNDS, cut)
    assert gone.dropped is DropReason.ZERO_VARIANCE


def test_equal_rewards_do_not_make_a_truncated_response_good() -> None:
    """The released code's form goes on with a group of ones."""
    cut = np.array([False, False, True])
    found = by_length(
        numbers(1, 1, 1), numbers(2000, 3000, 16000), LengthForm.OFFICIAL, BOUNDS, cut
    )
    balanced = numbers(1000, -500, -500)
    np.testing.assert_allclose(found.value, balanced / balanced.std())
    every = np.ones(3, dtype=bool)
    none = by_length(numbers(1, 1, 1), numbers(9, 9, 9), LengthForm.OFFICIAL, BOUNDS, every)
    assert none.dropped is DropReason.ZERO_VARIANCE


@given(
    arrays(float, 6, elements=st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0, np.nan])),
    arrays(float, 6, elements=st.integers(1, 9000)),
    st.sampled_from(FORMS),
    st.permutations(range(6)),
    arrays(bool, 6),
)
def test_transformed_groups_are_balanced_and_follow_their_responses(
    reward: np.ndarray,
    length: np.ndarray,
    form: LengthForm,
    order: list[int],
    cut: np.ndarray,
) -> None:
    found = by_length(reward, length, form, BOUNDS, cut)
    moved = by_length(reward[order], length[order], form, BOUNDS, cut[order])
    assert (found.value[cut] <= 0).all()
    np.testing.assert_allclose(moved.value, found.value[order], atol=1e-9)
    assert (found.value[np.isnan(reward)] == 0).all()
    if found.dropped is None:
        assert found.value.sum() == pytest.approx(0, abs=1e-6)
        assert found.value[found.labelled].std() == pytest.approx(1)


def test_overlong_responses_count_as_they_are_or_not_or_less() -> None:
    reward, length = Rewards(numbers(3, 2, 1), ()), numbers(60, 90, 100)
    cut = np.array([False, False, True])
    args = (length, cut)
    assert overlong(reward, *args, Overlong.KEEP, 100, 20, 8.0).value.tolist() == [3, 2, 1]
    masked = overlong(reward, *args, Overlong.MASK, 100, 20, 8.0).value
    assert np.isnan(masked[2])
    assert masked[:2].tolist() == [3, 2]
    # over the last 20 tokens: none, half, all of 8
    assert overlong(reward, *args, Overlong.PENALTY, 100, 20, 8.0).value.tolist() == [3, -2, -7]
