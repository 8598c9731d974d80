"""Rewards and advantages of one group: the formulas in the order in which they apply."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.rewards.advantages import (
    Advantages,
    DropReason,
    advantages,
    dropped,
    positives,
    shuffled_order,
)
from sparring.rewards.coder import coder_rewards, largest_coder_reward
from sparring.rewards.facts import RewardFacts
from sparring.rewards.lengths import by_length
from sparring.rewards.overlong import overlong
from sparring.rewards.settings import LengthForm, RewardSettings
from sparring.rewards.terms import Effect, Rewards, TermSum, replaced_rewards
from sparring.rewards.tester import TesterRewards, largest_tester_reward, tester_rewards
from sparring.schema import Role


@dataclass(frozen=True, slots=True)
class Earned:
    """Rewards and advantages of both roles in one group."""

    coder_rewards: Rewards
    tester_rewards: TesterRewards
    coder: Advantages
    tester: Advantages

    def rewards(self, role: Role) -> Rewards:
        """Return the rewards of a role."""
        return self.coder_rewards if role is Role.CODER else self.tester_rewards

    def advantages(self, role: Role) -> Advantages:
        """Return the advantages of a role."""
        return self.coder if role is Role.CODER else self.tester

    def not_learned(self, why: DropReason) -> Earned:
        """Return the same rewards with advantages of 0, because the group is dropped (``why``)."""
        coder, tester = (
            dropped(np.zeros(len(r.value), dtype=bool), why)
            for r in (self.coder_rewards, self.tester_rewards)
        )
        return replace(self, coder=coder, tester=tester)


@dataclass(frozen=True, slots=True)
class RewardRules:
    """Rules by which a recipe pays a group.

    ``coder_limit`` and ``tester_limit`` are the tokens that a response of the role may have. With
    ``imitation`` only good responses are learned from, all with the same weight.
    """

    settings: RewardSettings
    coder_limit: int
    tester_limit: int
    imitation: bool = False

    def score(
        self,
        facts: RewardFacts,
        own: tuple[Floats, Floats] | None = None,
        rng: np.random.Generator | None = None,
    ) -> Earned:
        """Return the rewards of the programs [P] and the tests [U], with their advantages.

        A response without a label has reward NaN and advantage 0. ``own``: rewards from the user's
        reward function, in place of the formulas. ``rng`` deals the rewards out at random
        (`RewardSettings.shuffle`).
        """
        coder = coder_rewards(facts.matrix, self.settings)
        tester = tester_rewards(facts, self.settings)
        good_P = facts.matrix.correct_P
        if own is not None:
            why = f"returned by the reward function {self.settings.function}, without reasons"
            coder, tester = (
                replaced_rewards(coder, own[0], why),
                replaced_rewards(tester, own[1], why),
            )
            good_P = _positive(coder.value)
        coder, tester = self._overlong(facts, coder, tester)
        good_P = good_P & ~np.isnan(coder.value)
        if rng is not None:
            order_P = shuffled_order(len(coder.value), rng)
            coder, good_P = coder.dealt(order_P), good_P[order_P]
            tester = tester.dealt(shuffled_order(len(tester.value), rng))
        return self.learned(facts, coder, tester, good_P)

    def learned(
        self, facts: RewardFacts, coder: Rewards, tester: TesterRewards, good_P: Bools
    ) -> Earned:
        """Return these rewards with the advantages that follow from them. NaN means no label.
        ``good_P`` marks the programs that imitation learns from."""
        settings, (P, U) = self.settings, (coder.value, tester.value)
        if self.imitation:
            return Earned(coder, tester, positives(good_P), positives(_positive(U)))
        form, bounds = settings.length, (settings.length_least, settings.length_most)
        return Earned(
            coder,
            tester,
            by_length(P, facts.lengths_P, form, bounds, facts.truncated_P)
            if form is LengthForm.OFFICIAL
            else advantages(P, settings.normalisation),
            by_length(U, facts.lengths_U, form, bounds, facts.truncated_U)
            if form is not LengthForm.NONE
            else advantages(U, settings.normalisation),
        )

    def _overlong(
        self, facts: RewardFacts, coder: Rewards, tester: TesterRewards
    ) -> tuple[Rewards, TesterRewards]:
        """Return both rewards with truncated responses treated by the settings."""
        settings = self.settings
        how, buffer = settings.overlong, settings.overlong_buffer
        most_P = largest_coder_reward(facts.matrix, settings)
        most_U = largest_tester_reward(facts, settings)
        P = (facts.lengths_P, facts.truncated_P, how, self.coder_limit, buffer, most_P)
        U = (facts.lengths_U, facts.truncated_U, how, self.tester_limit, buffer, most_U)
        return overlong(coder, *P), overlong(tester, *U)


def no_test(programs: int, tests: int) -> Earned:
    """Return the score of a group without any test to grade it by. Its responses have no label:
    with no test to fail, every program would count as correct."""
    why = "no pseudo-label test is left: no label (no_test)"
    P, U = TermSum(programs), TermSum(tests)
    for one in (P, U):
        one.put(Effect.SET, "no_test", math.nan, why)
    none_U, zero_U = np.zeros(tests, dtype=bool), np.zeros(tests)
    coder = Rewards(P.value, P.terms)
    tester = TesterRewards(U.value, U.terms, none_U, zero_U, zero_U, zero_U)
    nothing = Advantages(zero_U, none_U, None)
    return Earned(coder, tester, nothing, nothing).not_learned(DropReason.NO_TEST)


def _positive(reward: Floats) -> Bools:
    with np.errstate(invalid="ignore"):  # NaN is not positive
        return np.asarray(reward > 0)
