"""Rewards of programs and tests from one pass matrix.

Coder (CURE, Eq 3): the number of ground-truth tests passed. Tester (Eq 4, in
the form that holds): with W wrong programs, a test that every correct program
passes earns the number of wrong programs that fail it; any other test loses
the number of wrong programs that pass it.

A test also needs labels: no correct program, or none observed, means that
nobody knows whether the test is right, and its reward is NaN, which is masked
further on. Over masked cells the sums run over observed wrong programs,
rescaled by W / W_k.

`RewardSettings` names each departure from the paper, and `EQUATIONS` has none
of those from Eq 4. Lengths are the business of `sparring.rewards.lengths`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sparring.matrix import Bools, Floats, PassMatrix
from sparring.rewards.settings import (
    CoderReward,
    InvalidTest,
    NoWrong,
    RewardSettings,
    TesterReward,
)


@dataclass(frozen=True, slots=True)
class TesterTerms:
    """Why each test earned what it did, all [generated tests].

    ``accepts_correct``: every observed correct program passes. ``rightness``:
    that as 0 or 1, or the probability that smoothing gives. ``caught`` and
    ``missed``: wrong programs that fail or pass it (weighted by difficulty,
    rescaled where cells are masked). ``reward`` is NaN where there is no
    label.
    """

    __test__ = False

    accepts_correct: Bools
    rightness: Floats
    caught: Floats
    missed: Floats
    reward: Floats


def coder_rewards(matrix: PassMatrix, settings: RewardSettings) -> Floats:
    """Reward of every program [P]. NaN where a ground-truth cell is masked and, for ALL_PASS,
    none failed; COUNT and SHARE are then of the observed tests, COUNT rescaled to all."""
    observed = matrix.observed_PG
    count = observed.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (matrix.passed_PG & observed).sum(axis=1) / count
    if settings.coder is CoderReward.ALL_PASS:
        known = matrix.correct_P | matrix.wrong_P
        return np.where(known, matrix.correct_P.astype(float), np.nan)
    return np.asarray(share if settings.coder is CoderReward.SHARE else share * matrix.ground_truth)


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


def tester_rewards(
    matrix: PassMatrix,
    valid_U: Bools,
    settings: RewardSettings,
    repeats_U: Floats | None = None,
    copied_U: Bools | None = None,
) -> TesterTerms:
    """Reward of every generated test [U] and its terms.

    ``valid_U`` is False for tests that could not be parsed or that the
    statement does not allow; their columns are taken as failed by everyone.
    ``repeats_U``: how many tests of the group have this one's input (itself
    included); ``copied_U``: the input is that of a public example.
    """
    correct, wrong = matrix.correct_P, matrix.wrong_P
    observed = matrix.observed_PU | ~valid_U
    passed = matrix.passed_PU & observed & valid_U
    accepts = (passed | ~observed)[correct].all(axis=0)
    p = rightness(passed[correct], observed[correct], settings.smoothing)
    wrong_count = int(wrong.sum())
    labelled = observed[correct].any(axis=0)
    right_U = accepts & valid_U & labelled  # not known to be right where nobody correct was seen
    weight_W = _weights(passed[wrong], observed[wrong], right_U, settings.difficulty)
    seen = (observed[wrong] * weight_W[:, None]).sum(axis=0)
    missed = (passed[wrong] * weight_W[:, None]).sum(axis=0)
    caught = seen - missed
    if wrong_count and settings.tester is not TesterReward.SIMPLE:
        labelled = labelled & (seen > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(seen > 0, wrong_count / seen, 0.0)
    caught, missed = caught * scale, missed * scale
    terms = TesterTerms(np.asarray(accepts), p, caught, missed, np.zeros_like(p))
    reward, lowest = _form(terms, wrong_count, settings)
    reward = _discounted(reward, settings, repeats_U, copied_U)
    reward = np.where(labelled, reward + 0.0, np.nan)  # no −0
    if settings.invalid_test is InvalidTest.LOWEST and correct.any():
        reward = np.where(valid_U, reward, lowest)
    return replace(terms, reward=reward)


def _form(terms: TesterTerms, wrong_count: int, settings: RewardSettings) -> tuple[Floats, float]:
    """The reward by the form in use, and the lowest that this form gives."""
    p, caught, missed = terms.rightness, terms.caught, terms.missed
    sign = 2 * p - 1
    if settings.tester is TesterReward.SIMPLE:
        return sign, -1.0
    if wrong_count == 0:
        nothing = settings.no_wrong is NoWrong.ZERO
        return (np.zeros_like(p) if nothing else sign), -1.0
    if settings.tester is TesterReward.POST_STAGE:
        return p * (missed == 0) - (1 - p) * (missed > 0), -1.0
    reward = p * (caught + settings.validity * wrong_count) - (1 - p) * missed
    if settings.tester is TesterReward.SCALED:
        return reward / wrong_count, -1.0
    return reward, -float(wrong_count)


def largest_reward(matrix: PassMatrix, settings: RewardSettings) -> float:
    """The most that a test of this group could earn by the form in use, at least 1."""
    wrong_count = int(matrix.wrong_P.sum())
    if wrong_count and settings.tester in (TesterReward.CURE, TesterReward.SCALED):
        one = 1 + settings.validity
        return one if settings.tester is TesterReward.SCALED else one * wrong_count
    return 1.0


def _weights(passed_WU: Bools, observed_WU: Bools, right_U: Bools, power: float) -> Floats:
    """What each wrong program counts [W], summing to their number."""
    if power == 0 or not len(passed_WU):
        return np.ones(len(passed_WU))
    catches = (~passed_WU & observed_WU & right_U).sum(axis=1)
    weight = np.maximum(catches, 1.0) ** -power
    return np.asarray(weight * len(weight) / weight.sum())


def _discounted(
    reward: Floats, settings: RewardSettings, repeats_U: Floats | None, copied_U: Bools | None
) -> Floats:
    """Positive rewards, less for repeated and copied inputs. What is negative stays: repeating a
    bad test must not make it cheaper."""
    factor = np.ones_like(reward)
    if settings.duplicates and repeats_U is not None:
        factor = np.maximum(repeats_U, 1.0) ** -settings.duplicates
    if settings.copies and copied_U is not None:
        factor = factor * np.where(copied_U, 1 - settings.copies, 1.0)
    return np.where(reward > 0, reward * factor, reward)
