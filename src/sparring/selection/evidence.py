"""Evidence for a choice among n programs: what running them has shown, as arrays.

Axes: P programs; U generated tests; I distinct inputs. The inputs are those of the tests, and any
further inputs without an expected output on which the programs were run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.selection.consensus import Answers


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of n programs of one task, without ground truth.

    ``passed_PU`` and ``observed_PU``: the pass matrix of the generated tests that could be read,
    with its mask; equal tests are columns of their own. ``answers_PI``: each program's answer to
    each distinct input as numbers, equal where the answers are equal, `consensus.NONE` where there
    is none (an error, a limit). An answer is compared with answers of the same column only.

    Raises ValueError where the shapes do not fit.
    """

    passed_PU: Bools
    observed_PU: Bools
    answers_PI: Answers

    def __post_init__(self) -> None:
        if self.passed_PU.ndim != 2 or self.passed_PU.shape != self.observed_PU.shape:
            raise ValueError("passed_PU and observed_PU must be equal in shape, [programs, tests]")
        if self.answers_PI.ndim != 2 or len(self.answers_PI) != len(self.passed_PU):
            raise ValueError(
                "answers_PI must be [programs, inputs], with the programs of the matrix"
            )

    @property
    def programs(self) -> int:
        """Number of programs."""
        return len(self.passed_PU)

    def part(self, programs: Bools | None = None, tests: Bools | None = None) -> Evidence:
        """Return the evidence of some programs [P] on some tests [U], with all inputs."""
        keep_P = np.ones(self.programs, bool) if programs is None else programs
        keep_U = np.ones(self.passed_PU.shape[1], bool) if tests is None else tests
        return Evidence(
            self.passed_PU[keep_P][:, keep_U],
            self.observed_PU[keep_P][:, keep_U],
            self.answers_PI[keep_P],
        )


def chances(score_P: Floats) -> Floats:
    """Return the chance that each program is chosen [P]: equal among those of the highest score.

    A score of −∞ rules a program out. Without any program that can be chosen all chances are 0.
    """
    best_P = (score_P == score_P.max(initial=-np.inf)) & (score_P > -np.inf)
    return np.asarray(best_P / max(int(best_P.sum()), 1))


def ties_by(score_P: Floats, second_P: Floats) -> Floats:
    """Return ranks [P] in the order of ``score_P``, with equal scores in the order of ``second_P``.

    Programs that are equal in both have equal ranks; −∞ stays −∞.
    """
    order = np.lexsort((second_P, score_P))
    pairs = np.stack([score_P[order], second_P[order]])
    new = np.concatenate([[0.0], (pairs[:, 1:] != pairs[:, :-1]).any(axis=0).astype(float)])
    rank_P = np.empty(len(score_P))
    rank_P[order] = new[: len(order)].cumsum()
    return np.asarray(np.where(score_P == -np.inf, -np.inf, rank_P))
