"""Partial credit for a model that hardly ever writes a whole right answer.

Programs: the share of ground-truth tests passed, and a tenth for being a
program at all. Tests: a tenth for being readable; where a correct program
exists, one more for being passed by it, and one for a wrong program caught.
Without such steps a small model's groups are all equal and teach nothing.
"""

from __future__ import annotations

import numpy as np

from sparring.scoring.custom import Bout

READABLE = 0.1


def reward(bout: Bout) -> tuple[np.ndarray, np.ndarray]:
    """Rewards of the programs [P] and of the generated tests [U]."""
    passed_PG = bout.passed_PT[:, : bout.ground_truth]
    passed_PU = bout.passed_PT[:, bout.ground_truth :]
    is_program = np.array([p is not None for p in bout.programs])
    coder = passed_PG.mean(axis=1) + READABLE * is_program
    tester = READABLE * bout.valid_U
    correct = passed_PG.all(axis=1)
    if correct.any():
        accepts = passed_PU[correct].all(axis=0) & bout.valid_U
        catches = (~passed_PU[~correct]).any(axis=0)
        tester = tester + accepts + (accepts & catches)
    return coder, tester
