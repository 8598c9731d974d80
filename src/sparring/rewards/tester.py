"""Reward of a generated test (CURE, Eq 4), and every departure from the formula.

Let W be the number of wrong programs in the group. A test is right if every correct program passes
it. Under Eq 4 a right test earns the number of wrong programs that fail it (caught). Any other test
loses the number of wrong programs that pass it (missed). With p = 1 for a right test and p = 0 for
any other, the reward is p·caught − (1 − p)·missed.

The defaults depart from the plain formula in two points: a right test also earns half of W
(`reward.validity_bonus`), and a wrong program weighs more, the fewer tests catch it
(`reward.difficulty_exponent`). With W = 0 nothing can be caught, and `reward.no_wrong_reward`
decides.

A test has no label where no program is correct, or where no correct program was observed on the
test: it is then unknown if the test is right. Its reward is NaN, which learning masks. Where cells
are masked, the sums run over the W_k wrong programs observed on test k, and are rescaled by
W / W_k.

The departures are the fields of `RewardSettings`, and three inputs in `RewardFacts`: programs of
the initial policy (`tester_matrix`), refused tests (`valid_U`), masked cells. Each departure is a
term.

To add a term that applies to every form of the reward, edit `tester_rewards`. To add a term that
applies to Eq 4 alone, edit `_eq4`. If the term raises the most that a test can earn,
`largest_tester_reward` must know it, because the largest reward is the unit of the penalty for long
responses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.rewards.counts import Eq4Counts
from sparring.rewards.facts import RewardFacts
from sparring.rewards.settings import InvalidTest, NoWrong, RewardSettings, TesterReward
from sparring.rewards.terms import Effect, MatrixNames, Rewards, TermSum, number


@dataclass(frozen=True, slots=True)
class TesterRewards(Rewards):
    """Rewards of generated tests [U], and the counts [U] from which Eq 4 computes them.

    ``accepts_correct``: every observed correct program passes the test. ``rightness``: the same as
    0 or 1 or, with smoothing, a probability. ``caught`` and ``missed``: wrong programs that fail or
    pass the test, weighted by difficulty and rescaled where cells are masked.
    """

    accepts_correct: Bools
    rightness: Floats
    caught: Floats
    missed: Floats


def tester_rewards(facts: RewardFacts, settings: RewardSettings) -> TesterRewards:
    """Return the reward of every generated test [U] and its terms. An invalid test gets the lowest
    reward or, under `InvalidTest.EQ4`, counts as failed by every program."""
    counts, valid = Eq4Counts(facts, settings), facts.valid_U
    total = TermSum(len(valid))
    lowest = np.zeros_like(valid)
    # Without a correct program nobody is paid: an invalid test then has no label, like any other.
    if settings.invalid_test is InvalidTest.LOWEST and counts.correct_P.any():
        lowest = ~valid
    by_form = counts.labelled & ~lowest
    if settings.invalid_test is InvalidTest.EQ4:
        why = "reward.invalid_test = eq4: taken as failed by every program"
        total.say("as_failed", why, by_form & ~valid)
    total.say("accepts_correct", counts.accepts, by_form)
    if settings.smoothing:
        total.say("rightness", counts.right, by_form, counts.p)
    _form(total, counts, by_form)
    # A further term of every form goes here: after `_form`, which sets the reward, and before the
    # two terms that replace the reward of tests without a label and of invalid tests.
    _discount(total, counts)
    total.put(Effect.SET, "no_label", math.nan, counts.unlabelled, ~counts.labelled & ~lowest)
    why = "reward.invalid_test = lowest: the lowest reward of this form"
    counted = counts.wrong > 0 and settings.tester is TesterReward.CURE
    least = -float(counts.wrong) if counted else -1.0
    total.put(Effect.SET, "lowest", least, why, lowest)
    return TesterRewards(
        total.value, total.terms, counts.accepts_correct, counts.p, counts.caught, counts.missed
    )


def tester_rule(settings: RewardSettings) -> str:
    """Return the formula in force, as a text: p is the rightness, W the number of wrong
    programs."""
    if settings.tester is TesterReward.SIMPLE:
        return "2p − 1"
    if settings.tester is TesterReward.POST_STAGE:
        return "p·[missed = 0] − (1 − p)·[missed > 0]"
    caught = f"(caught + {settings.validity_bonus:g}·W)" if settings.validity_bonus else "caught"
    divided = ", divided by W" if settings.tester is TesterReward.SCALED else ""
    return f"Eq 4, p·{caught} − (1 − p)·missed{divided}"


def largest_tester_reward(facts: RewardFacts, settings: RewardSettings) -> float:
    """Return the largest reward that the form in use allows a test of this group; at least 1."""
    wrong = int(facts.tester_matrix.wrong_P.sum())
    if not wrong or settings.tester in (TesterReward.SIMPLE, TesterReward.POST_STAGE):
        return 1.0
    per_program = 1 + settings.validity_bonus
    return per_program if settings.tester is TesterReward.SCALED else per_program * wrong


def _form(total: TermSum, counts: Eq4Counts, where: Bools) -> None:
    """Set the reward by the form in use."""
    settings, p, missed = counts.settings, counts.p, counts.missed
    if settings.tester is TesterReward.SIMPLE:
        why = "correctness alone: 1 if accepted, −1 if not"
        total.put(Effect.SET, "correctness", 2 * p - 1, why, where)
    elif counts.wrong == 0 and settings.no_wrong_reward is NoWrong.ZERO:
        total.put(
            Effect.SET, "no_wrong_reward", 0.0, "no program is wrong: nothing to catch", where
        )
    elif counts.wrong == 0:
        why = "no program is wrong; reward.no_wrong_reward = sign: +1 if accepted, −1 if not"
        total.put(Effect.SET, "no_wrong_reward", 2 * p - 1, why, where)
    else:
        counts.say_catch(total, where)
        if settings.tester is TesterReward.POST_STAGE:
            why = (
                "second stage: 1 for a right test that lets no wrong program pass, "
                "−1 for a wrong test that lets one pass"
            )
            reward = p * (missed == 0) - (1 - p) * (missed > 0)
            total.put(Effect.SET, "second_stage", reward, why, where)
        else:
            _eq4(total, counts, where)


def _eq4(total: TermSum, counts: Eq4Counts, where: Bools) -> None:
    """Add Eq 4: p times what a right test earns, less (1 − p) times what a wrong test loses.

    The rightness p multiplies every term that stands above it. At p = 1 its term is left out, and
    at p = 0 only ``missed`` remains, so that an explanation shows no step that changes nothing.
    """
    settings, p, wrong = counts.settings, counts.p, counts.wrong
    right, unsure = where & (p > 0), where & (p > 0) & (p < 1)
    total.put(Effect.ADD, "caught", counts.caught, "wrong programs caught", right)
    if settings.validity_bonus:
        why = f"for being right: reward.validity_bonus {settings.validity_bonus:g} × {wrong} wrong"
        total.put(Effect.ADD, "validity", settings.validity_bonus * wrong, why, right)
    total.put(Effect.TIMES, "rightness", p, "its rightness", unsure)

    def let_pass(k: int, _: MatrixNames) -> str:
        weighed = f", times {number(1 - p[k])} for being wrong" if p[k] > 0 else ""
        return f"wrong programs let pass{weighed}"

    total.put(Effect.ADD, "missed", -((1 - p) * counts.missed), let_pass, where & (p < 1))
    if settings.tester is TesterReward.SCALED:
        total.put(Effect.OVER, "scaled", float(wrong), f"divided by W = {wrong}", where)


def _discount(total: TermSum, counts: Eq4Counts) -> None:
    """Multiply the rewards of repeated and copied inputs by their discount. Only a positive reward
    is discounted: repeating a bad test must not make it cheaper."""
    facts, settings = counts.facts, counts.settings
    repeats, copied = np.maximum(facts.repeats_U, 1.0), facts.copied_U
    repeated = (repeats > 1) if settings.duplicates else np.zeros_like(copied)
    discounted = copied if settings.copies else np.zeros_like(copied)
    factor = np.where(repeated, repeats**-settings.duplicates, 1.0)
    factor = factor * np.where(discounted, 1 - settings.copies, 1.0)

    def cost(k: int, _: MatrixNames) -> str:
        n = f"{repeats[k]:.0f}"
        again = f"{n} tests of the group have this input: ÷ {n}^{settings.duplicates:g}"
        public = f"its input is a public example's: reward.copies takes {settings.copies:g} of it"
        return "; ".join([again] * bool(repeated[k]) + [public] * bool(discounted[k]))

    total.put(Effect.TIMES, "discount", factor, cost, (repeated | discounted) & (total.value > 0))
