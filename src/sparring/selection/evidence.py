"""Evidence for a choice among n programs: what running them has shown, as arrays.

Axes: P programs; U generated tests; I distinct inputs. The inputs are those of the tests, and any
further inputs without an expected output on which the programs were run. All arrays may have the
same axes in front (``...``), such as draws of programs and tests; every rule then scores each draw
by itself.

Every rule treats a masked cell alike. A masked cell is an execution that failed by our fault or was
never made: it is neither a pass nor a failure.

- No count includes it.
- A test that was observed on no program does not exist.
- A program with a masked cell on another test is alike to itself only, because the tests that it
  passes are unknown.
- A rule that needs a value for the cell takes the share of the test's observed programs that pass
  the test (`Evidence.filled_PU`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.selection.consensus import NONE, Answers


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of n programs of one task, without ground truth.

    ``passed_PU`` and ``observed_PU`` [..., P, U]: the pass matrix of the generated tests that could
    be read, with its mask; equal tests are columns of their own. ``answers_PI`` [..., P, I]: each
    program's answer to each distinct input as numbers, equal where the answers are equal,
    `consensus.NONE` where there is none (an error, a limit, no execution). An answer is compared
    with answers of the same column only.

    Raises ValueError where the shapes do not fit.
    """

    passed_PU: Bools
    observed_PU: Bools
    answers_PI: Answers

    def __post_init__(self) -> None:
        shape = self.passed_PU.shape
        if len(shape) < 2 or shape != self.observed_PU.shape:
            raise ValueError("passed_PU and observed_PU must be equal in shape, [programs, tests]")
        if self.answers_PI.ndim != len(shape) or self.answers_PI.shape[:-1] != shape[:-1]:
            raise ValueError(
                "answers_PI must be [programs, inputs], with the programs of the matrix"
            )

    @property
    def programs(self) -> int:
        """Number of programs."""
        return int(self.passed_PU.shape[-2])

    @property
    def cells_PU(self) -> Floats:
        """The passed and observed cells, as 0 and 1 [..., P, U]."""
        return np.asarray(self.passed_PU & self.observed_PU, dtype=float)

    @property
    def used_U(self) -> Bools:
        """Tests that were observed on some program [..., U]."""
        return np.asarray(self.observed_PU.any(axis=-2))

    @property
    def complete_P(self) -> Bools:
        """Programs without a masked cell on any used test [..., P]."""
        return np.asarray((self.observed_PU | ~self.used_U[..., None, :]).all(axis=-1))

    @property
    def filled_PU(self) -> Floats:
        """The cells as 0 and 1, a masked cell as its test's mean; 0 for a test that is not used."""
        cells, observed = self.cells_PU, self.observed_PU
        mean = cells.sum(axis=-2) / np.maximum(observed.sum(axis=-2), 1)
        return np.asarray(np.where(observed, cells, mean[..., None, :]))

    def alike_PP(self) -> Bools:
        """Return the pairs of programs that pass the same tests [..., P, P]. Every program is alike
        to itself."""
        passed = self.cells_PU
        failed = 1.0 - passed
        both = passed @ passed.swapaxes(-1, -2) + failed @ failed.swapaxes(-1, -2)
        return self.of_complete(both == passed.shape[-1])

    def same_answers_PPI(self) -> Bools:
        """Return for each input the pairs of programs that gave the same answer [..., P, P, I].
        Where a program has no answer it is the same as no program, itself included."""
        answers = self.answers_PI
        same = answers[..., :, None, :] == answers[..., None, :, :]
        return np.asarray(same & (answers != NONE)[..., :, None, :])

    def of_complete(self, pairs_PP: Bools) -> Bools:
        """Return the pairs [..., P, P] of two complete programs, and each program with itself."""
        complete = self.complete_P
        pairs = pairs_PP & complete[..., :, None] & complete[..., None, :]
        return np.asarray(pairs | np.eye(self.programs, dtype=bool))

    def part(self, programs: Bools | None = None, tests: Bools | None = None) -> Evidence:
        """Return the evidence of some programs [P] on some tests [U], with all inputs."""
        keep_P = np.ones(self.programs, bool) if programs is None else programs
        keep_U = np.ones(self.passed_PU.shape[-1], bool) if tests is None else tests
        return Evidence(
            self.passed_PU[..., keep_P, :][..., keep_U],
            self.observed_PU[..., keep_P, :][..., keep_U],
            self.answers_PI[..., keep_P, :],
        )


def chances(score_P: Floats) -> Floats:
    """Return the chance that each program is chosen [..., P]: equal among those of the highest
    score.

    A score of −∞ rules a program out. Without any program that can be chosen all chances are 0.
    """
    highest = score_P.max(axis=-1, keepdims=True, initial=-np.inf)
    best_P = (score_P == highest) & (score_P > -np.inf)
    return np.asarray(best_P / np.maximum(best_P.sum(axis=-1, keepdims=True), 1))


def ties_by(score_P: Floats, second_P: Floats) -> Floats:
    """Return ranks [..., P] in the order of ``score_P``, with equal scores in the order of
    ``second_P``.

    Programs that are equal in both have equal ranks; −∞ stays −∞.
    """
    order = np.lexsort((second_P, score_P), axis=-1)
    first, second = (np.take_along_axis(x, order, axis=-1) for x in (score_P, second_P))
    steps = np.zeros(score_P.shape)
    steps[..., 1:] = (first[..., 1:] != first[..., :-1]) | (second[..., 1:] != second[..., :-1])
    rank_P = np.empty(score_P.shape)
    np.put_along_axis(rank_P, order, steps.cumsum(axis=-1), axis=-1)
    return np.asarray(np.where(score_P == -np.inf, -np.inf, rank_P))
