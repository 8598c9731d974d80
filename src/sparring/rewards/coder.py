"""Reward of a program: the ground-truth tests that it passes (CURE, Eq 3).

A masked cell is an infrastructure failure and says nothing about the program. Under COUNT the
number of tests passed is rescaled to all tests. Under ALL_PASS a program with a masked cell has no
label, unless it failed another test.
"""

from __future__ import annotations

import math

import numpy as np

from sparring.matrix import PassMatrix
from sparring.rewards.settings import CoderReward, RewardSettings
from sparring.rewards.terms import Effect, MatrixNames, Rewards, TermSum, names_line

RULES = {
    CoderReward.COUNT: "Eq 3, the number of tests passed",
    CoderReward.SHARE: "the share of the tests passed",
    CoderReward.ALL_PASS: "1 if it passes every test, else 0",
}


def coder_rewards(matrix: PassMatrix, settings: RewardSettings) -> Rewards:
    """Return the reward of every program [P].

    A reward is NaN where none of the program's tests was observed and, under ALL_PASS, where a
    masked cell decides.
    """
    observed, count_G = matrix.observed_PG, matrix.ground_truth
    passed = matrix.passed_PG & observed
    seen, good = observed.sum(axis=1), passed.sum(axis=1)
    total = TermSum(len(good))

    def masked(i: int, names: MatrixNames) -> str:
        return (
            f"{count_G - seen[i]} of {count_G} {names.kind} masked (infrastructure failure): "
            f"{names_line(names.tests, ~observed[i])}"
        )

    def passes(i: int, names: MatrixNames) -> str:
        fails = names_line(names.tests, observed[i] & ~passed[i])
        some = " observed" if seen[i] < count_G else ""
        failed = f"; fails {fails}" if good[i] < seen[i] else ""
        return f"passes {good[i]} of {seen[i]} {names.kind}{some}{failed}"

    def all_or_nothing(i: int, names: MatrixNames) -> str:
        return f"{passes(i, names)}; all or nothing"

    total.say("masked", masked, where=seen < count_G)
    if settings.coder is CoderReward.ALL_PASS:
        known = matrix.correct_P | matrix.wrong_P
        total.put(Effect.SET, "all_pass", matrix.correct_P.astype(float), all_or_nothing, known)
        total.put(
            Effect.SET,
            "no_label",
            math.nan,
            lambda i, names: f"{passes(i, names)}; a masked test decides: no label",
            ~known,
        )
        return Rewards(total.value, total.terms)
    known = seen > 0
    total.put(Effect.ADD, "passed", good, passes, known)
    if settings.coder is CoderReward.SHARE:
        total.put(
            Effect.OVER, "share", seen, lambda i, _: f"as a share: divided by {seen[i]}", known
        )
    else:
        total.put(
            Effect.TIMES,
            "rescaled",
            count_G / np.maximum(seen, 1),
            lambda i, _: f"rescaled to all {count_G}: × {count_G}/{seen[i]}",
            known & (seen < count_G),
        )
    total.put(Effect.SET, "no_label", math.nan, "no test of it was observed: no label", ~known)
    return Rewards(total.value, total.terms)


def largest_coder_reward(matrix: PassMatrix, settings: RewardSettings) -> float:
    """Return the most that a program could earn."""
    return float(matrix.ground_truth) if settings.coder is CoderReward.COUNT else 1.0
