"""What a generated test earns (CURE, Eq 4), and every departure from it.

With W wrong programs, a test that every correct program passes earns the number of wrong programs
that fail it; any other test loses the number of wrong programs that pass it. Written with p, 1 for
a right test and 0 for a wrong one, that is p·caught − (1 − p)·missed. (As printed in version 2 of
the paper Eq 4 is 0 whenever a program is wrong; this is the form that holds.)

A test also needs labels: no correct program, or none observed on it, means that nobody knows
whether it is right, and its reward is NaN, which is masked further on. Over masked cells the sums
run over the observed wrong programs, rescaled by W / W_k.

A departure is off unless a setting says otherwise, and is a term of `_eq4` or `_form`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sparring.rewards.facts import Facts
from sparring.rewards.terms import Effect, Names, Rewards, Sum, listed, number
from sparring.scoring.matrix import Bools, Floats
from sparring.rewards.settings import InvalidTest, NoWrong, RewardSettings, TesterReward


@dataclass(frozen=True, slots=True)
class TesterRewards(Rewards):
    """Rewards of generated tests, and what they are made of, all [U].

    ``accepts_correct``: every observed correct program passes. ``rightness``: that as 0 or 1, or
    the probability that smoothing gives. ``caught`` and ``missed``: wrong programs that fail or
    pass it (weighted by difficulty, rescaled where cells are masked).
    """

    accepts_correct: Bools
    rightness: Floats
    caught: Floats
    missed: Floats


def tester_rewards(facts: Facts, settings: RewardSettings) -> TesterRewards:
    """Reward of every generated test [U] and its terms. The columns of tests that are not valid
    are taken as failed by everyone."""
    group, found = _Group.of(facts, settings), Sum(len(facts.valid_U))
    by_form = group.labelled
    if settings.invalid_test is InvalidTest.LOWEST:
        by_form = by_form & facts.valid_U
        if group.correct_P.any():
            why = "reward.invalid_test = lowest: the lowest reward of this form"
            lowest = _lowest(group.wrong_count, settings)
            found.put(Effect.SET, "lowest", lowest, why, ~facts.valid_U)
    else:
        why = "reward.invalid_test = eq4: taken as failed by every program"
        found.say("as_failed", why, by_form & ~facts.valid_U)
    ...


def rightness(passed: Bools, observed: Bools, smoothing: float) -> Floats:
    """Probability that each test [U] is right, given how the programs that look correct fare on
    it: [correct programs, U] each.

    With ε = ``smoothing`` 0: 1 if every observed one passes, else 0 (Prop A.1's single bit).
    Else Bayes' rule from even odds, where a program that looks correct is wrong with probability
    ε and then passes any test with probability 1/2, and a correct one passes exactly the right
    tests: each pass multiplies the odds by (1 − ε/2) / (ε/2), each failure divides them.
    """
    passes = (passed & observed).sum(axis=0)
    failures = (~passed & observed).sum(axis=0)
    if smoothing == 0:
        return np.asarray(failures == 0, dtype=float)
    step = np.log((1 - smoothing / 2) / (smoothing / 2))
    return np.asarray(1 / (1 + np.exp(-np.clip(step * (passes - failures), -700, 700))))
