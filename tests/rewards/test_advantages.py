"""Normalisation: worked numbers, masks, dropped groups."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sparring.rewards.advantages import DropReason, advantages, shuffled_order
from sparring.rewards.settings import Normalisation


def test_population_deviation_by_hand() -> None:
    # mean 2, deviations −2, 0, 0, 2, population variance 2
    group_advantages = advantages(np.array([0.0, 2.0, 2.0, 4.0]), Normalisation.STD)
    np.testing.assert_allclose(group_advantages.value, np.array([-2, 0, 0, 2]) / np.sqrt(2))
    plain = advantages(np.array([0.0, 2.0, 2.0, 4.0]), Normalisation.MEAN)
    assert plain.value.tolist() == [-2, 0, 0, 2]


def test_masked_rewards_take_no_part() -> None:
    group_advantages = advantages(np.array([1.0, np.nan, 3.0]), Normalisation.STD)
    assert group_advantages.value.tolist() == [-1, 0, 1]


def test_groups_without_signal_say_why() -> None:
    assert advantages(np.array([2.0, 2.0]), Normalisation.STD).dropped is DropReason.ZERO_VARIANCE
    assert advantages(np.array([np.nan]), Normalisation.STD).dropped is DropReason.NO_LABEL
    assert advantages(np.array([2.0, 2.0]), Normalisation.STD).value.tolist() == [0, 0]


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20))
def test_advantages_are_centred_with_unit_deviation_or_dropped(rewards: list[float]) -> None:
    group_advantages = advantages(np.array(rewards), Normalisation.STD)
    if group_advantages.dropped is None:
        assert abs(group_advantages.value.mean()) < 1e-6
        assert abs(group_advantages.value.std() - 1) < 1e-6
    else:
        assert (group_advantages.value == 0).all()


def test_shuffling_keeps_the_rewards_and_loses_their_owners() -> None:
    reward = np.arange(12.0)
    mixed = reward[shuffled_order(12, np.random.default_rng(0))]
    assert sorted(mixed) == sorted(reward)
    assert (mixed != reward).any()


def test_what_counts_as_rounding_is_relative_to_the_rewards() -> None:
    large = np.full(11, 1e9 / 3)  # all equal, and their mean is rounded
    assert large.std() > 1e-9
    assert advantages(large, Normalisation.MEAN).dropped is DropReason.ZERO_VARIANCE
    lost = np.array([0.0, 5e-162])  # the squares of the deviation vanish in float64
    assert advantages(lost, Normalisation.STD).dropped is DropReason.ZERO_VARIANCE
    small = advantages(np.array([0.9e-9, 1e-9, 1.1e-9]), Normalisation.STD)
    assert small.dropped is None
    np.testing.assert_allclose(small.value, np.array([-1, 0, 1]) * np.sqrt(1.5))
