"""What a program earns: the ground-truth tests that it passes (CURE, Eq 3).

A masked cell is a failure of ours: it is no test of the program. Under COUNT the rest is rescaled
to all tests; under ALL_PASS a program with a masked cell has no label unless it failed another.
"""

from __future__ import annotations

import math

import numpy as np

from sparring.matrix import PassMatrix
from sparring.rewards.settings import CoderReward, RewardSettings
from sparring.rewards.terms import Effect, MatrixNames, Rewards, Sum, listed

RULES = {
    CoderReward.COUNT: "Eq 3, the number of tests passed",
    CoderReward.SHARE: "the share of the tests passed",
    CoderReward.ALL_PASS: "1 if it passes every test, else 0",
}


def coder_rewards(matrix: PassMatrix, settings: RewardSettings) -> Rewards:
    """Reward of every program [P]; NaN where none of its tests was observed, or, under ALL_PASS,
    where a masked one decides."""
    observed, total = matrix.observed_PG, matrix.ground_truth
    passed = matrix.passed_PG & observed
    seen, good = observed.sum(axis=1), passed.sum(axis=1)
    found = Sum(len(good))

    def masked(i: int, names: MatrixNames) -> str:
        return (
            f"{total - seen[i]} of {total} {names.kind} masked, a failure of our own: "
            f"{listed(names.tests, ~observed[i])}"
        )

    def passes(i: int, names: MatrixNames) -> str:
        fails = listed(names.tests, observed[i] & ~passed[i])
        some = " observed" if seen[i] < total else ""
        failed = f"; fails {fails}" if good[i] < seen[i] else ""
        return f"passes {good[i]} of {seen[i]} {names.kind}{some}{failed}"

    def all_or_nothing(i: int, names: MatrixNames) -> str:
        return f"{passes(i, names)}; all or nothing"

    found.say("masked", masked, where=seen < total)
    if settings.coder is CoderReward.ALL_PASS:
        known = matrix.correct_P | matrix.wrong_P
        found.put(Effect.SET, "all_pass", matrix.correct_P.astype(float), all_or_nothing, known)
        found.put(
            Effect.SET,
            "no_label",
            math.nan,
            lambda i, names: f"{passes(i, names)}; whether it passes all is not known: no label",
            ~known,
        )
        return Rewards(found.value, found.terms)
    known = seen > 0
    found.put(Effect.ADD, "passed", good, passes, known)
    if settings.coder is CoderReward.SHARE:
        found.put(
            Effect.OVER, "share", seen, lambda i, _: f"their share: divided by {seen[i]}", known
        )
    else:
        found.put(
            Effect.TIMES,
            "rescaled",
            total / np.maximum(seen, 1),
            lambda i, _: f"rescaled to all {total}: × {total}/{seen[i]}",
            known & (seen < total),
        )
    found.put(Effect.SET, "no_label", math.nan, "no test of it was observed: no label", ~known)
    return Rewards(found.value, found.terms)


def largest_coder_reward(matrix: PassMatrix, settings: RewardSettings) -> float:
    """The most that a program could earn."""
    return float(matrix.ground_truth) if settings.coder is CoderReward.COUNT else 1.0
