"""From rewards to advantages, group by group, and why a group is dropped."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sparring.matrix import Bools, Floats
from sparring.rewards.settings import Normalisation
from sparring.rewards.terms import Effect, Sum, Term, number

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


_DROPPED = {
    DropReason.NO_LABEL: "no response of the group has a reward: the group is dropped (no_label)",
    DropReason.NO_POSITIVE: "learning from good responses only, and there is none: dropped "
    "(no_positive)",
    DropReason.NOT_SAMPLED: "nothing was sampled",
    DropReason.NO_TEST: "there is no test to judge by: the group is dropped (no_test)",
    DropReason.EVALUATION: "an evaluation: nothing is learned from it",
}


@dataclass(frozen=True, slots=True)
class Advantages:
    """``value`` [responses] is 0 where ``labelled`` is False: such a response has no reward and
    no part in the loss. ``dropped`` says why a whole group gives no gradient, ``terms`` how the
    values came about."""

    value: Floats
    labelled: Bools
    dropped: DropReason | None
    terms: tuple[Term, ...] = ()


def dropped(labelled: Bools, reason: DropReason, why: str | None = None) -> Advantages:
    """The advantages of a group that nothing is learned from: 0."""
    found = Sum(len(labelled))
    found.put(Effect.SET, "dropped", 0.0, why or _DROPPED[reason])
    return Advantages(found.value, labelled, reason, found.terms)


def advantages(reward: Floats, normalisation: Normalisation) -> Advantages:
    """Advantages of one group. NaN rewards are masked: no part in the statistics, advantage 0."""
    known = ~np.isnan(reward)
    if not len(reward):
        return dropped(known, DropReason.NOT_SAMPLED)
    if not known.any():
        return dropped(known, DropReason.NO_LABEL)
    count = int(known.sum())
    if same(reward[known]):
        why = f"all {count} rewards of the group are equal: it is dropped (zero_variance)"
        return dropped(known, DropReason.ZERO_VARIANCE, why)
    found = Sum(len(reward))
    found.put(Effect.ADD, "reward", reward, "the reward", known)
    mean = reward[known].mean()
    found.put(Effect.ADD, "mean", -mean, f"the mean of the group's {count} rewards", known)
    if normalisation is Normalisation.STD:
        deviation = float(reward[known].std())
        found.put(Effect.OVER, "deviation", deviation, divided_by(deviation), known)
    without_reward(found, known)
    return Advantages(found.value, known, None, found.terms)


def divided_by(deviation: float) -> str:
    """The words for a division by the group's deviation."""
    return f"divided by their deviation {number(deviation)}"


def without_reward(found: Sum, known: Bools) -> None:
    """Say of responses without a reward that they have no advantage."""
    why = "no reward: no part in the group's mean and deviation, nor in the loss"
    found.put(Effect.SET, "no_reward", 0.0, why, ~known)


def positives(good: Bools) -> Advantages:
    """Advantage 1 for every ``good`` response, no label for the others: imitation of one's own
    successes (the paper's SFT baseline)."""
    if not len(good):
        return dropped(good, DropReason.NOT_SAMPLED)
    if not good.any():
        return dropped(good, DropReason.NO_POSITIVE)
    found = Sum(len(good))
    found.put(Effect.SET, "good", 1.0, "a good response: its likelihood is raised", good)
    found.put(Effect.SET, "not_good", 0.0, "not a good response: no part in the loss", ~good)
    return Advantages(found.value, good, None, found.terms)


def same(reward: Floats) -> bool:
    """Whether rewards differ by no more than rounding, whatever they are measured in."""
    return float(reward.std()) <= _NO_DIFFERENCE * float(np.abs(reward).max())


def dealt(count: int, rng: np.random.Generator) -> Ints:
    """Whose reward each of ``count`` responses is given when they are dealt out at random: the
    control that should teach nothing."""
    return rng.permutation(count)
