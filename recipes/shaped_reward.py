"""Partial credit for a model that hardly ever writes a whole right answer.

Programs: the share of ground-truth tests passed, and a tenth for being a
program at all. Tests: a tenth for being readable; where a correct program
exists, one more for being passed by it, and one for a wrong program caught.
What depends on a cell that was not observed has no reward (NaN), not 0.
Without such steps a small model's groups are all equal and teach nothing.
"""

from __future__ import annotations

import numpy as np

from sparring.rewards.custom import Bout

READABLE = 0.1


def reward(bout: Bout) -> tuple[np.ndarray, np.ndarray]:
    """Rewards of the programs [P] and of the generated tests [U]."""
    passed_PG, passed_PU = np.split(bout.passed_PT, [bout.ground_truth], axis=1)
    observed_PG, observed_PU = np.split(bout.observed_PT, [bout.ground_truth], axis=1)
    is_program = np.array([p is not None for p in bout.programs])
    coder = passed_PG.mean(axis=1) + READABLE * is_program
    coder = np.where(observed_PG.all(axis=1), coder, np.nan)
    tester = READABLE * bout.valid_U
    correct, wrong = bout.correct_P, bout.wrong_P
    if correct.any():
        accepts = passed_PU[correct].all(axis=0) & bout.valid_U
        catches = (~passed_PU[wrong]).any(axis=0)
        known = observed_PU[correct | wrong].all(axis=0) | ~bout.valid_U
        tester = np.where(known, tester + accepts + (accepts & catches), np.nan)
    return coder, tester
