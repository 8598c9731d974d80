"""Rewards of programs and tests from one pass matrix.

Coder (CURE, Eq 3): the number of ground-truth tests passed. Tester (Eq 4, in
the form that holds): with W wrong programs, a test that every correct program
passes earns the number of wrong programs that fail it; any other test loses
the number of wrong programs that pass it.

A test also needs labels: no correct program, or none observed, means that
nobody knows whether the test is right, and its reward is NaN, which is masked
further on. Over masked cells the sums run over observed wrong programs,
rescaled by W / W_k.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sparring.scoring.matrix import Bools, Floats, PassMatrix


class CoderReward(StrEnum):
    """What a program is paid for."""

    COUNT = "count"
    """Ground-truth tests passed (Eq 3): partial credit."""
    ALL_PASS = "all_pass"
    """1 for passing all of them, else 0."""


class TesterReward(StrEnum):
    """What a test is paid for."""

    __test__ = False

    CURE = "cure"
    """Eq 4: accept every correct program and catch the wrong ones."""
    CORRECTNESS = "correctness"
    """The paper's simple reward: 1 if every correct program passes, else 0."""


class NoWrong(StrEnum):
    """What a test is paid when no program is wrong, so that there is nothing to catch."""

    ZERO = "zero"
    """Eq 4 as it stands: 0 for every test, no signal."""
    SIGN = "sign"
    """+1 if every program passes it, else −1, as the official code does."""


class InvalidTest(StrEnum):
    """What a test is paid that could not be parsed or that the statement does not allow."""

    LOWEST = "lowest"
    """The lowest reward of Eq 4, −W (at least −1 unit). Under Eq 4 itself a test that every
    program fails earns 0, more than an honest test that lets wrong programs pass."""
    EQ4 = "eq4"
    """A test that every program fails."""


@dataclass(frozen=True, slots=True)
class RewardSettings:
    """Which rewards are used; see the enums."""

    coder: CoderReward = CoderReward.COUNT
    tester: TesterReward = TesterReward.CURE
    no_wrong: NoWrong = NoWrong.ZERO
    invalid_test: InvalidTest = InvalidTest.LOWEST
    validity: float = 0.0
    """Added to Eq 4 for a test that every correct program passes, in units of W. Eq 4 alone pays
    a wrong test that everybody fails as much as a right one that everybody passes: nothing."""


@dataclass(frozen=True, slots=True)
class TesterTerms:
    """Why each test earned what it did, all [generated tests].

    ``accepts_correct``: every observed correct program passes. ``caught`` and
    ``missed``: wrong programs that fail or pass it (rescaled where cells are
    masked). ``reward`` is NaN where there is no label.
    """

    __test__ = False

    accepts_correct: Bools
    caught: Floats
    missed: Floats
    reward: Floats


def coder_rewards(matrix: PassMatrix, settings: RewardSettings) -> Floats:
    """Reward of every program [P]. NaN where a ground-truth cell is masked and, for ALL_PASS,
    none failed; COUNT is then rescaled to the full number of tests."""
    observed = matrix.observed_PG
    count = observed.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (matrix.passed_PG & observed).sum(axis=1) / count
    if settings.coder is CoderReward.ALL_PASS:
        known = matrix.correct_P | matrix.wrong_P
        return np.where(known, matrix.correct_P.astype(float), np.nan)
    return np.asarray(share * matrix.ground_truth)


def tester_rewards(matrix: PassMatrix, valid_U: Bools, settings: RewardSettings) -> TesterTerms:
    """Reward of every generated test [U] and its terms.

    ``valid_U`` is False for tests that could not be parsed or that the
    statement does not allow; their columns are taken as failed by everyone.
    """
    correct, wrong = matrix.correct_P, matrix.wrong_P
    observed = matrix.observed_PU | ~valid_U
    passed = matrix.passed_PU & observed & valid_U
    accepts = (passed | ~observed)[correct].all(axis=0)
    wrong_count = int(wrong.sum())
    seen = observed[wrong].sum(axis=0)
    missed = passed[wrong].sum(axis=0).astype(float)
    caught = seen - missed
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(seen > 0, wrong_count / seen, np.nan)
    labelled = observed[correct].any(axis=0)
    if wrong_count:
        labelled = labelled & (seen > 0)
        caught, missed = caught * scale, missed * scale
    if settings.tester is TesterReward.CORRECTNESS:
        reward = accepts.astype(float)
        lowest = 0.0
        labelled = observed[correct].any(axis=0)
    elif wrong_count == 0 and settings.no_wrong is NoWrong.SIGN:
        reward = np.where(accepts, 1.0, -1.0)
        lowest = -1.0
    else:
        reward = np.where(accepts, caught + settings.validity * wrong_count, -missed)
        lowest = -float(max(wrong_count, 1))
    reward = np.where(labelled, reward + 0.0, np.nan)  # no −0
    if settings.invalid_test is InvalidTest.LOWEST and correct.any():
        reward = np.where(valid_U, reward, lowest)
    return TesterTerms(np.asarray(accepts), caught, missed, reward)
