"""From rewards to advantages, group by group, and why a group is dropped."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools, Floats
from sparring.rewards.settings import Normalisation

Ints = NDArray[np.int64]
_NO_DIFFERENCE = 1e-9
"""Of the largest reward: rounding is relative, and rewards of one's own have any scale."""


class DropReason(StrEnum):
    """Why a group gives no gradient."""

    NO_LABEL = "no_label"
    """No response of the group has a reward (for tests: no correct program to judge by)."""
    ZERO_VARIANCE = "zero_variance"
    """All rewards are equal."""
    NO_POSITIVE = "no_positive"
    """Learning from good responses only, and there is none."""
    NOT_SAMPLED = "not_sampled"
    """There was nothing to learn from, known before the responses were sampled."""
    NO_TEST = "no_test"
    """Another model's tests stand in for ground truth, and none is left to judge by."""
    EVALUATION = "evaluation"
    """Responses of an evaluation: what they would have earned is known, nothing is learned."""


@dataclass(frozen=True, slots=True)
class Advantages:
    """``value`` [responses] is 0 where ``labelled`` is False: such a response has no reward and
    no part in the loss. ``dropped`` says why a whole group gives no gradient."""

    value: Floats
    labelled: Bools
    dropped: DropReason | None


def advantages(reward: Floats, normalisation: Normalisation) -> Advantages:
    """Advantages of one group. NaN rewards are masked: no part in the statistics, advantage 0."""
    known = ~np.isnan(reward)
    if not len(reward):
        return Advantages(np.zeros(0), known, DropReason.NOT_SAMPLED)
    if not known.any():
        return Advantages(np.zeros_like(reward), known, DropReason.NO_LABEL)
    if same(reward[known]):
        return Advantages(np.zeros_like(reward), known, DropReason.ZERO_VARIANCE)
    centred = np.where(known, reward - reward[known].mean(), 0.0)
    if normalisation is Normalisation.STD:
        centred = centred / float(reward[known].std())
    return Advantages(centred, known, None)


def positives(good: Bools) -> Advantages:
    """Advantage 1 for every ``good`` response, no label for the others: imitation of one's own
    successes (the paper's SFT baseline)."""
    if not len(good):
        return Advantages(np.zeros(0), good, DropReason.NOT_SAMPLED)
    dropped = None if good.any() else DropReason.NO_POSITIVE
    return Advantages(good.astype(float), good, dropped)


def same(reward: Floats) -> bool:
    """Whether rewards differ by no more than rounding, whatever they are measured in."""
    return float(reward.std()) <= _NO_DIFFERENCE * float(np.abs(reward).max())


def dealt(count: int, rng: np.random.Generator) -> Ints:
    """Whose reward each of ``count`` responses is given when they are dealt out at random: the
    control that should teach nothing."""
    return rng.permutation(count)
