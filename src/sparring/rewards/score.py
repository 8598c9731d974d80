"""What a group of responses earns, and what learning goes by: rewards, then advantages.

    earned = score(facts, rules, rng)

SKELETON: the shapes that callers build on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sparring.rewards.terms import Rewards
from sparring.scoring.advantages import Advantages
from sparring.scoring.matrix import Bools, Floats, PassMatrix

if TYPE_CHECKING:
    from sparring.recipe import RewardSection  # rewards/settings.py, once it is there


@dataclass(frozen=True, slots=True)
class Facts:
    """What rewards follow from. ``tester_matrix`` has the opponents' programs below the group's
    own, where there are any; lengths are in tokens."""

    matrix: PassMatrix
    tester_matrix: PassMatrix
    valid_U: Bools
    repeats_U: Floats
    copied_U: Bools
    lengths_P: Floats
    lengths_U: Floats
    truncated_P: Bools
    truncated_U: Bools


@dataclass(frozen=True, slots=True)
class Rules:
    """The parts of a recipe that rewards and advantages are made by."""

    reward: RewardSection
    coder_max_tokens: int
    tester_max_tokens: int
    likelihood: bool


@dataclass(frozen=True, slots=True)
class TesterRewards(Rewards):
    """Rewards of generated tests, and what Eq 4 counts for each (see `tester_rewards`)."""

    accepts_correct: Bools
    rightness: Floats
    caught: Floats
    missed: Floats


@dataclass(frozen=True, slots=True)
class Earned:
    """Rewards and advantages of both roles. `Advantages` has terms too: ``.terms``."""

    coder_rewards: Rewards
    tester_rewards: TesterRewards
    coder: Advantages
    tester: Advantages


def score(
    facts: Facts,
    rules: Rules,
    own: tuple[Floats, Floats] | None = None,
    rng: np.random.Generator | None = None,
) -> Earned:
    """Rewards [P] and [U] and their advantages.

    ``own``: the rewards of a function of the user's, in place of the formulas. ``rng`` deals
    rewards out at random (reward.shuffle).
    """
    raise NotImplementedError
