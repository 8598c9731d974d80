"""Advantages of a group from its rewards, and the reasons for which a group is dropped.

A group is all responses of one role to one task in one step. Its advantages are
(reward − mean of the group) / standard deviation of the group, as in GRPO and CURE, or without
the division. A group that cannot teach anything gets 0 everywhere and a `DropReason`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools, Floats
from sparring.rewards.settings import Normalisation
from sparring.rewards.terms import Effect, Term, TermSum, number

Ints = NDArray[np.int64]
_NO_DIFFERENCE = 1e-9
"""Largest standard deviation at which rewards count as equal, as a share of the largest reward.
It is relative because rounding grows with the numbers, and a user's reward function may have any
scale."""
_NOTHING = 1e-100
"""Rewards below this are equal to 0: the squares in their deviation would be lost."""


class DropReason(StrEnum):
    """Reason why a group gives no gradient."""

    NO_LABEL = "no_label"
    """No response of the group has a reward (for tests: no program is correct)."""
    ZERO_VARIANCE = "zero_variance"
    """All rewards are equal."""
    NO_POSITIVE = "no_positive"
    """Only good responses are learned from (`learning.objective = "likelihood"`), and the group has
    none."""
    NOT_SAMPLED = "not_sampled"
    """No response was sampled, because the group was known beforehand to have no label."""
    NO_TEST = "no_test"
    """Under label-free training: no pseudo-label test is left to grade the group by."""
    EVALUATION = "evaluation"
    """The responses belong to an evaluation: rewards are recorded, and nothing is learned."""
    SOLVE = "solve"
    """The responses belong to `sparring solve`: there are no rewards, and nothing is learned."""


_DROPPED = {
    DropReason.NO_LABEL: "no response of the group has a reward: the group is dropped (no_label)",
    DropReason.NO_POSITIVE: "only good responses are learned from, and the group has none: dropped "
    "(no_positive)",
    DropReason.NOT_SAMPLED: "nothing was sampled",
    DropReason.NO_TEST: "no pseudo-label test is left: the group is dropped (no_test)",
    DropReason.EVALUATION: "an evaluation: nothing is learned from it",
}


@dataclass(frozen=True, slots=True)
class Advantages:
    """Advantages of one group's responses.

    ``value`` [responses] is 0 where ``labelled`` is False: a response without a label has no reward
    and no part in the loss. ``dropped`` is the reason why the whole group gives no gradient, None
    where the group is learned from. ``terms`` are the steps of the calculation.
    """

    value: Floats
    labelled: Bools
    dropped: DropReason | None
    terms: tuple[Term, ...] = ()


def dropped(labelled: Bools, reason: DropReason, why: str | None = None) -> Advantages:
    """Return advantages of 0 for a group that is dropped for ``reason``."""
    total = TermSum(len(labelled))
    total.put(Effect.SET, "dropped", 0.0, why or _DROPPED[reason])
    return Advantages(total.value, labelled, reason, total.terms)


def advantages(reward: Floats, normalisation: Normalisation) -> Advantages:
    """Return the advantages [responses] of one group. A response whose ``reward`` is NaN has no
    label: it has no part in the group's mean and deviation, and advantage 0."""
    known = ~np.isnan(reward)
    if not len(reward):
        return dropped(known, DropReason.NOT_SAMPLED)
    if not known.any():
        return dropped(known, DropReason.NO_LABEL)
    count = int(known.sum())
    if all_equal(reward[known]):
        why = f"all {count} rewards of the group are equal: it is dropped (zero_variance)"
        return dropped(known, DropReason.ZERO_VARIANCE, why)
    total = TermSum(len(reward))
    total.put(Effect.ADD, "reward", reward, "the reward", known)
    mean = reward[known].mean()
    total.put(Effect.ADD, "mean", -mean, f"the mean of the group's {count} rewards", known)
    if normalisation is Normalisation.STD:
        deviation = float(reward[known].std())
        total.put(Effect.OVER, "deviation", deviation, divided_by(deviation), known)
    without_reward(total, known)
    return Advantages(total.value, known, None, total.terms)


def divided_by(deviation: float) -> str:
    """Return the words for a division by the group's standard deviation."""
    return f"divided by their deviation {number(deviation)}"


def without_reward(total: TermSum, known: Bools) -> None:
    """Give the responses without a reward (not ``known``) the advantage 0, with the reason."""
    why = "no reward: no part in the group's mean and deviation, nor in the loss"
    total.put(Effect.SET, "no_reward", 0.0, why, ~known)


def positives(good: Bools) -> Advantages:
    """Return advantage 1 for every ``good`` response and no label for the others: imitation of the
    model's own successes (the paper's SFT baseline)."""
    if not len(good):
        return dropped(good, DropReason.NOT_SAMPLED)
    if not good.any():
        return dropped(good, DropReason.NO_POSITIVE)
    total = TermSum(len(good))
    total.put(Effect.SET, "good", 1.0, "a good response: its likelihood is raised", good)
    total.put(Effect.SET, "not_good", 0.0, "not a good response: no part in the loss", ~good)
    return Advantages(total.value, good, None, total.terms)


def all_equal(reward: Floats) -> bool:
    """Return True if rewards differ by no more than rounding, or are all as good as 0 (`_NOTHING`).
    Otherwise their scale does not matter."""
    largest = float(np.abs(reward).max())
    return largest < _NOTHING or float(reward.std()) <= _NO_DIFFERENCE * largest


def shuffled_order(count: int, rng: np.random.Generator) -> Ints:
    """Return a random permutation [count]: response i gets the reward of response order[i].

    The control experiment `reward.shuffle` deals rewards out in this way. A model should learn
    nothing from it.
    """
    return rng.permutation(count)
