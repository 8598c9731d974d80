"""Your own reward function: edit `reward` below, then train with it.

    sparring train --set reward.function=my_reward.py:reward

In a recipe, the same setting is

    [reward]
    function = "my_reward.py:reward"

To see what the function would have changed in a finished run, without training:

    sparring rescore RUN --set reward.function=my_reward.py:reward

Sparring calls the function once per task and step. A group is all responses to
one task in one step: P programs and U generated tests, with the pass matrix.
The function returns two arrays: one reward per program, one per generated test.
A group also has texts: the statement, every response, every program and test, the
output and verdict of every execution, and the reason of every refusal
(`RewardGroup` in docs/api.md lists all fields).
It must depend on its argument alone, because a resumed run calls it again and
compares the rewards with the recorded ones.

A name ends with its axes: P programs, G ground-truth tests, U generated tests,
T all tests (ground truth first, then generated). `passed_PT[p, t]` says whether
program p passed test t. `observed_PT[p, t]` is False where the machine, not the
program, failed: such a cell says nothing about the program.

test_my_reward.py tests this file without a model: python -m pytest test_my_reward.py
"""

from __future__ import annotations

import numpy as np

from sparring import RewardGroup

TOKEN_PRICE = 0.001
"""Subtracted from a program's reward for each token of its response."""


def reward(group: RewardGroup) -> tuple[np.ndarray, np.ndarray]:
    """Return the rewards of the programs [P] and of the generated tests [U].

    A program gets the share of ground-truth tests that it passes, less a price per
    token. A test gets 1 if it is valid (`valid_U`: readable, with an input that the
    statement allows), every correct program passes it and at least one wrong program
    fails it; else 0.

    NaN means "no reward" and differs from 0: return NaN where a reward would depend
    on a cell that was not observed. Sparring turns rewards into advantages by
    comparing them within the group's programs, and within its tests. If all of these
    rewards are equal, there is nothing to learn from and the group is left out.
    """
    passed_PG, passed_PU = np.split(group.passed_PT, [group.ground_truth], axis=1)
    observed_PG, observed_PU = np.split(group.observed_PT, [group.ground_truth], axis=1)
    coder = passed_PG.mean(axis=1) - TOKEN_PRICE * group.lengths_P
    coder = np.where(observed_PG.all(axis=1), coder, np.nan)

    correct, wrong = group.correct_P, group.wrong_P  # unobserved cells: a program may be neither
    if not correct.any():  # without a correct program no test is known to be right
        return coder, np.zeros(len(group.tests))
    accepts = passed_PU[correct].all(axis=0)
    catches = (~passed_PU[wrong]).any(axis=0)
    known = observed_PU[correct | wrong].all(axis=0) | ~group.valid_U
    return coder, np.where(known, accepts & catches & group.valid_U, np.nan)
