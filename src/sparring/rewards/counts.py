"""Counts from which Eq 4 computes the reward of each generated test.

A program accepts a test if it passes the test. A test catches the wrong programs that fail it, and
lets the other wrong programs pass.
"""

from __future__ import annotations

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.rewards.facts import RewardFacts
from sparring.rewards.settings import RewardSettings, TesterReward
from sparring.rewards.terms import MatrixNames, TermSum, Why, names_line, number


class Eq4Counts:
    """Counts for the tests of a group against all programs of `RewardFacts.tester_matrix`: the
    group's own and those of the initial policy. An invalid test counts as failed by every program.

    ``wrong``: W, the number of wrong programs. ``weight_P``: the weight of each program, 1 unless
    `reward.difficulty_exponent` weighs wrong programs. ``p`` [U]: the probability that a test is
    right. ``caught`` and ``missed`` [U]: the weight of the wrong programs that fail or pass a test.
    Where cells are masked, the factor ``scale`` rescales both from the ``observed_weight`` to W.
    """

    def __init__(self, facts: RewardFacts, settings: RewardSettings) -> None:
        matrix, valid = facts.tester_matrix, facts.valid_U
        self.facts, self.settings = facts, settings
        self.correct_P, self.wrong_P = correct, wrong = matrix.correct_P, matrix.wrong_P
        self.observed_PU = observed = matrix.observed_PU | ~valid
        self.passed_PU = passed = matrix.passed_PU & observed & valid
        self.accepts_correct: Bools = np.asarray((passed | ~observed)[correct].all(axis=0))
        self.p = rightness(passed[correct], observed[correct], settings.smoothing)
        self.labelled: Bools = np.asarray(observed[correct].any(axis=0))
        # No correct program observed: all() over nothing is True, but the test is not known to be
        # right, so it must not make the programs that it catches look easy to catch.
        right_U = self.accepts_correct & valid & self.labelled
        weight_W = _weights(passed[wrong], observed[wrong], right_U, settings.difficulty_exponent)
        self.weight_P = np.ones(len(wrong))
        self.weight_P[wrong] = weight_W
        self.observed_weight: Floats = (observed[wrong] * weight_W[:, None]).sum(axis=0)
        missed = (passed[wrong] * weight_W[:, None]).sum(axis=0)
        self.wrong = int(wrong.sum())
        if self.wrong and settings.tester is not TesterReward.SIMPLE:
            self.labelled = self.labelled & (self.observed_weight > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.scale = np.where(self.observed_weight > 0, self.wrong / self.observed_weight, 0.0)
        self.caught, self.missed = (self.observed_weight - missed) * self.scale, missed * self.scale

    def accepts(self, k: int, names: MatrixNames) -> str:
        """Return the reason's words: which correct programs fail test ``k``, if any."""
        fails = self.correct_P & self.observed_PU[:, k] & ~self.passed_PU[:, k]
        if fails.any():
            return f"failed by correct programs: {names_line(names.programs, fails)}"
        return "accepted by every correct program that was observed on it"

    def right(self, k: int, _: MatrixNames) -> str:
        """Return the reason's words: the counts that the probability ``p`` of test ``k`` follows
        from."""
        seen = self.correct_P & self.observed_PU[:, k]
        passes = int((seen & self.passed_PU[:, k]).sum())
        return (
            f"rightness: {passes} correct programs pass, {int(seen.sum()) - passes} fail, and each "
            f"of them is wrong with probability {self.settings.smoothing:g}"
        )

    def unlabelled(self, k: int, _: MatrixNames) -> str:
        """Return the reason why test ``k`` has no label."""
        if not self.correct_P.any():
            return "no program is correct, so that no test is known to be right: no label"
        group = self.observed_PU[self.correct_P, k].any()
        return f"no {'wrong' if group else 'correct'} program was observed on it: no label"

    def say_catch(self, total: TermSum, where: Bools) -> None:
        """Add the facts that name the wrong programs which fail each test and which pass it."""
        by_difficulty = self.settings.difficulty_exponent != 0

        def some(word: str, passed_PU: Bools) -> Why:
            return lambda k, names: (
                f"{word}: "
                + names_line(
                    names.programs,
                    self.wrong_P & self.observed_PU[:, k] & passed_PU[:, k],
                    self.weight_P if by_difficulty else None,
                )
            )

        def masked(k: int, names: MatrixNames) -> str:
            hidden = names_line(names.programs, self.wrong_P & ~self.observed_PU[:, k])
            scale = f"{self.wrong}/{number(self.observed_weight[k])}"
            return f"masked on it: {hidden}; both rescaled by W/W_k = {scale}"

        with np.errstate(invalid="ignore", divide="ignore"):
            caught, missed = self.caught / self.scale, self.missed / self.scale
        total.say("catches", some("caught", ~self.passed_PU), where, caught)
        total.say("lets_pass", some("let pass", self.passed_PU), where, missed)
        if by_difficulty:
            why = "(weights: the fewer right tests catch a program, the more it counts)"
            total.say("weights", why, where)
        hidden_U = ~self.observed_PU[self.wrong_P].all(axis=0)
        total.say("masked", masked, where & hidden_U, self.scale)


def rightness(passed: Bools, observed: Bools, smoothing: float) -> Floats:
    """Return the probability [U] that each test is right, from the programs that look correct.

    ``passed`` and ``observed`` are [correct programs, U]. With ε = ``smoothing`` 0, a test has
    probability 1 if every observed program passes it, else 0 (the single bit of Prop A.1).
    Otherwise Bayes' rule applies, from even odds: a program that looks correct is wrong with
    probability ε; a wrong program passes any test with probability 1/2, a correct one passes
    exactly the right tests. Each pass then multiplies the odds by (1 − ε/2) / (ε/2), and each
    failure divides them by the same number.
    """
    passes = (passed & observed).sum(axis=0)
    failures = (~passed & observed).sum(axis=0)
    if smoothing == 0:
        return np.asarray(failures == 0, dtype=float)
    step = np.log((1 - smoothing / 2) / (smoothing / 2))
    return np.asarray(1 / (1 + np.exp(-np.clip(step * (passes - failures), -700, 700))))


def _weights(passed_WU: Bools, observed_WU: Bools, right_U: Bools, power: float) -> Floats:
    """Return the weight of each wrong program [W]: ∝ (number of right tests that catch the
    program)^−power, with the number of wrong programs as their sum."""
    if power == 0 or not len(passed_WU):
        return np.ones(len(passed_WU))
    catches = (~passed_WU & observed_WU & right_U).sum(axis=1)
    weight = np.maximum(catches, 1.0) ** -power
    return np.asarray(weight * len(weight) / weight.sum())
