"""Reward function with partial credit, for a model that rarely writes a correct answer.

A program gets the share of ground-truth tests that it passes, and 0.1 if it could be
read. A test gets 0.1 if it is valid; if the group has correct programs, the test gets
1 more if all of them pass it, and 1 more if it also catches a wrong program.
A reward that depends on a cell that was not observed is NaN: no reward, which is
different from 0.

Without partial credit all rewards in a small model's groups are equal, and equal
rewards give no advantages to learn from.
"""

from __future__ import annotations

import numpy as np

from sparring import RewardGroup

READABLE = 0.1


def reward(group: RewardGroup) -> tuple[np.ndarray, np.ndarray]:
    """Return the rewards of the programs [P] and of the generated tests [U]."""
    passed_PG, passed_PU = np.split(group.passed_PT, [group.ground_truth], axis=1)
    observed_PG, observed_PU = np.split(group.observed_PT, [group.ground_truth], axis=1)
    is_program = np.array([p is not None for p in group.programs])
    coder = passed_PG.mean(axis=1) + READABLE * is_program
    coder = np.where(observed_PG.all(axis=1), coder, np.nan)
    tester = READABLE * group.valid_U
    correct, wrong = group.correct_P, group.wrong_P
    if correct.any():
        accepts = passed_PU[correct].all(axis=0) & group.valid_U
        catches = (~passed_PU[wrong]).any(axis=0)
        known = observed_PU[correct | wrong].all(axis=0) | ~group.valid_U
        tester = np.where(known, tester + accepts + (accepts & catches), np.nan)
    return coder, tester
