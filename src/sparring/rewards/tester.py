"""What a generated test earns (CURE, Eq 4), and every departure from it.

With W wrong programs, a test that every correct program passes earns the number of wrong programs
that fail it; any other test loses the number of wrong programs that pass it. With p = 1 for a right
test and 0 for a wrong one that is p·caught − (1 − p)·missed. By default it is not the plain form:
a right test also earns half of W (`validity`), and a wrong program counts the more, the fewer tests
catch it (`difficulty`). With W = 0 nothing can be caught: `no_wrong` says what is paid.

A test needs labels: where no program is correct, or none was observed on the test, nobody knows
whether the test is right, and its reward is NaN, which is masked further on. Over masked cells the
sums run over the observed wrong programs, rescaled by W / W_k.

`RewardSettings` names the departures, but for three that come in with `Facts`: programs of the
initial policy (`tester_matrix`), refused tests (`valid_U`), masked cells. Each is a term: one that
every form has is put in `tester_rewards`, one of Eq 4 in `_eq4`. What raises the most that a test
can earn goes into `largest_tester_reward` as well, in units of which long responses are taxed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.rewards.counts import Eq4Counts
from sparring.rewards.facts import Facts
from sparring.rewards.settings import InvalidTest, NoWrong, RewardSettings, TesterReward
from sparring.rewards.terms import Effect, MatrixNames, Rewards, Sum, number


@dataclass(frozen=True, slots=True)
class TesterRewards(Rewards):
    """Rewards of generated tests and what Eq 4 makes them of, all [U].

    ``accepts_correct``: every observed correct program passes. ``rightness``: that as 0 or 1, or
    the probability that smoothing gives. ``caught`` and ``missed``: wrong programs that fail or
    pass it (weighted by difficulty, rescaled where cells are masked).
    """

    accepts_correct: Bools
    rightness: Floats
    caught: Floats
    missed: Floats


def tester_rewards(facts: Facts, settings: RewardSettings) -> TesterRewards:
    """Reward of every generated test [U] and its terms. A test that is not valid is taken as
    failed by everyone, unless it gets the lowest reward."""
    counts, valid = Eq4Counts(facts, settings), facts.valid_U
    found = Sum(len(valid))
    lowest = np.zeros_like(valid)
    if settings.invalid_test is InvalidTest.LOWEST and counts.correct_P.any():
        lowest = ~valid
    by_form = counts.labelled & ~lowest
    if settings.invalid_test is InvalidTest.EQ4:
        why = "reward.invalid_test = eq4: taken as failed by every program"
        found.say("as_failed", why, by_form & ~valid)
    found.say("accepts_correct", counts.accepts, by_form)
    if settings.smoothing:
        found.say("rightness", counts.right, by_form, counts.p)
    _form(found, counts, by_form)
    # A further term of every form goes here: behind the form, which sets the number, and before
    # what sets it for tests without a label and for the lowest.
    _discount(found, counts)
    found.put(Effect.SET, "no_label", math.nan, counts.unlabelled, ~counts.labelled & ~lowest)
    why = "reward.invalid_test = lowest: the lowest reward of this form"
    counted = counts.wrong > 0 and settings.tester is TesterReward.CURE
    least = -float(counts.wrong) if counted else -1.0
    found.put(Effect.SET, "lowest", least, why, lowest)
    return TesterRewards(
        found.value, found.terms, counts.accepts_correct, counts.p, counts.caught, counts.missed
    )


def tester_rule(settings: RewardSettings) -> str:
    """The formula in force: p is the rightness, W the number of wrong programs."""
    if settings.tester is TesterReward.SIMPLE:
        return "2p − 1"
    if settings.tester is TesterReward.POST_STAGE:
        return "p·[missed = 0] − (1 − p)·[missed > 0]"
    caught = f"(caught + {settings.validity:g}·W)" if settings.validity else "caught"
    divided = ", divided by W" if settings.tester is TesterReward.SCALED else ""
    return f"Eq 4, p·{caught} − (1 − p)·missed{divided}"


def largest_tester_reward(facts: Facts, settings: RewardSettings) -> float:
    """The most that a test of this group could earn by the form in use, at least 1."""
    wrong = int(facts.tester_matrix.wrong_P.sum())
    if not wrong or settings.tester in (TesterReward.SIMPLE, TesterReward.POST_STAGE):
        return 1.0
    each = 1 + settings.validity
    return each if settings.tester is TesterReward.SCALED else each * wrong


def _form(found: Sum, counts: Eq4Counts, where: Bools) -> None:
    """Put the reward by the form in use."""
    settings, p, missed = counts.settings, counts.p, counts.missed
    if settings.tester is TesterReward.SIMPLE:
        why = "mere correctness: 1 if accepted, −1 if not"
        found.put(Effect.SET, "correctness", 2 * p - 1, why, where)
    elif counts.wrong == 0 and settings.no_wrong is NoWrong.ZERO:
        found.put(Effect.SET, "no_wrong", 0.0, "no program is wrong: nothing to catch", where)
    elif counts.wrong == 0:
        why = "no program is wrong; reward.no_wrong = sign: +1 if accepted, −1 if not"
        found.put(Effect.SET, "no_wrong", 2 * p - 1, why, where)
    else:
        counts.say_catch(found, where)
        if settings.tester is TesterReward.POST_STAGE:
            why = (
                "second stage: 1 for a right test that misses nobody, "
                "−1 for a wrong one that misses"
            )
            reward = p * (missed == 0) - (1 - p) * (missed > 0)
            found.put(Effect.SET, "second_stage", reward, why, where)
        else:
            _eq4(found, counts, where)


def _eq4(found: Sum, counts: Eq4Counts, where: Bools) -> None:
    """Put Eq 4: what a right test earns, times p; less what a wrong one loses, times 1 − p."""
    settings, p, wrong = counts.settings, counts.p, counts.wrong
    right, unsure = where & (p > 0), where & (p > 0) & (p < 1)
    found.put(Effect.ADD, "caught", counts.caught, "wrong programs caught", right)
    if settings.validity:
        why = f"for being right: reward.validity {settings.validity:g} × {wrong} wrong"
        found.put(Effect.ADD, "validity", settings.validity * wrong, why, right)
    found.put(Effect.TIMES, "rightness", p, "its rightness", unsure)

    def let_pass(k: int, _: MatrixNames) -> str:
        weighed = f", times {number(1 - p[k])} for being wrong" if p[k] > 0 else ""
        return f"wrong programs let pass{weighed}"

    found.put(Effect.ADD, "missed", -((1 - p) * counts.missed), let_pass, where & (p < 1))
    if settings.tester is TesterReward.SCALED:
        found.put(Effect.OVER, "scaled", float(wrong), f"divided by W = {wrong}", where)


def _discount(found: Sum, counts: Eq4Counts) -> None:
    """Put what repeated and copied inputs cost. Only a positive reward pays: repeating a bad test
    must not make it cheaper."""
    facts, settings = counts.facts, counts.settings
    repeats, copied = np.maximum(facts.repeats_U, 1.0), facts.copied_U
    repeated = (repeats > 1) if settings.duplicates else np.zeros_like(copied)
    taken = copied if settings.copies else np.zeros_like(copied)
    factor = np.where(repeated, repeats**-settings.duplicates, 1.0)
    factor = factor * np.where(taken, 1 - settings.copies, 1.0)

    def cost(k: int, _: MatrixNames) -> str:
        n = f"{repeats[k]:.0f}"
        again = f"{n} tests of the group have this input: ÷ {n}^{settings.duplicates:g}"
        public = f"its input is a public example's: reward.copies takes {settings.copies:g} of it"
        return "; ".join([again] * bool(repeated[k]) + [public] * bool(taken[k]))

    found.put(Effect.TIMES, "discount", factor, cost, (repeated | taken) & (found.value > 0))
