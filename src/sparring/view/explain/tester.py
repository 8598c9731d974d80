"""Why a test was paid what it was paid: Eq 4 in numbers, with every departure that is on.

The arithmetic is that of `sparring.rewards.rewards`, made a second time for one
test and with words, so that the one checks the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.rewards.settings import InvalidTest, NoWrong, RewardSettings, TesterReward
from sparring.schema import TestRefusal
from sparring.training.reward import Facts
from sparring.view.explain.case import Case, listed
from sparring.view.explain.coder import NO_TEST, overlong_terms
from sparring.view.explain.terms import Effect, Term, fact, number, result


@dataclass(frozen=True, slots=True)
class _Column:
    """One test against all programs: who passes it, who was seen on it, what wrong ones weigh."""

    passed_P: Bools
    seen_P: Bools
    correct_P: Bools
    wrong_P: Bools
    weight_P: Floats

    def weight(self, chosen: Bools) -> float:
        return float(self.weight_P[chosen & self.wrong_P & self.seen_P].sum())


def tester_rule(settings: RewardSettings) -> str:
    """The formula in force: p is the rightness, W the number of wrong programs."""
    if settings.tester is TesterReward.SIMPLE:
        return "2p − 1"
    if settings.tester is TesterReward.POST_STAGE:
        return "p·[missed = 0] − (1 − p)·[missed > 0]"
    caught = f"(caught + {settings.validity:g}·W)" if settings.validity else "caught"
    divided = ", divided by W" if settings.tester is TesterReward.SCALED else ""
    return f"Eq 4, p·{caught} − (1 − p)·missed{divided}"


def tester_terms(case: Case, k: int) -> list[Term]:
    """The terms of generated test ``k``'s reward."""
    facts, settings = case.facts, case.settings
    if facts is None:
        return [Term(Effect.SET, math.nan, NO_TEST)]
    column = _column(facts, settings, k)
    lowest, largest = _bounds(facts, settings)
    terms = [fact(_who(case, column))]
    if not facts.valid_U[k]:
        terms.append(fact(_refused(case, k)))
    if not facts.valid_U[k] and settings.invalid_test is InvalidTest.LOWEST:
        if column.correct_P.any():
            why = "reward.invalid_test = lowest: the lowest reward of this form"
            terms.append(Term(Effect.SET, lowest, why))
        else:
            terms.append(Term(Effect.SET, math.nan, _NO_CORRECT))
    elif (reason := _unlabelled(column, settings)) is not None:
        terms.append(Term(Effect.SET, math.nan, reason))
    else:
        if not facts.valid_U[k]:
            terms.append(fact("reward.invalid_test = eq4: taken as failed by every program"))
        terms += _form(case, column, settings)
        terms += _discounts(facts, settings, k, result(terms))
    limit = case.recipe.sampling.tester_max_tokens
    return terms + overlong_terms(
        case, facts.lengths_U[k], case.judged.tester[k].stop, limit, largest
    )


_NO_CORRECT = "no program is correct, so nobody knows whether a test is right: no label"


def _column(facts: Facts, settings: RewardSettings, k: int) -> _Column:
    matrix = facts.tester_matrix
    valid = bool(facts.valid_U[k])
    seen = matrix.observed_PU[:, k] | (not valid)
    passed = matrix.passed_PU[:, k] & seen & valid
    weight = np.ones(len(seen))
    wrong, correct = matrix.wrong_P, matrix.correct_P
    if settings.difficulty and wrong.any():
        failing = ~(matrix.passed_PU | ~matrix.observed_PU)
        accepted = (matrix.passed_PU | ~matrix.observed_PU)[correct].all(axis=0)
        known = matrix.observed_PU[correct].any(axis=0)  # else nobody knows that it is right
        catches = (failing & (accepted & known & facts.valid_U)).sum(axis=1)
        raw = np.maximum(catches, 1.0) ** -settings.difficulty
        weight = raw * wrong.sum() / raw[wrong].sum()
    return _Column(passed, seen, correct, wrong, weight)


def _bounds(facts: Facts, settings: RewardSettings) -> tuple[float, float]:
    """The lowest reward of the form in use, and the largest that this group could earn (at least
    1)."""
    wrong = int(facts.tester_matrix.wrong_P.sum())
    if not wrong or settings.tester in (TesterReward.SIMPLE, TesterReward.POST_STAGE):
        return -1.0, 1.0
    if settings.tester is TesterReward.SCALED:
        return -1.0, 1 + settings.validity
    return -float(wrong), (1 + settings.validity) * wrong


def _who(case: Case, column: _Column) -> str:
    unknown = ~column.correct_P & ~column.wrong_P
    by = " by the supervising tests" if case.judged.supervision else ""
    return (
        f"judged by {_count(column.correct_P, 'correct', case)} and "
        f"{_count(column.wrong_P, 'wrong', case)} programs{by}"
        + (f"; in neither set: {listed(case.rows, unknown)} (masked)" if unknown.any() else "")
    )


def _count(chosen: Bools, word: str, case: Case) -> str:
    own = len(case.judged.programs)
    others = int(chosen[own:].sum())
    return f"{int(chosen.sum())} {word}" + (f" ({others} of opponents)" if others else "")


def _refused(case: Case, k: int) -> str:
    if failure := case.judged.tests[k].failure:
        return f"its response holds no test ({failure})"
    refusal = case.judged.refused_U[k] if case.judged.refused_U else None
    if refusal is TestRefusal.FORBIDDEN:
        return "the task's validator refuses the input (forbidden)"
    if refusal is TestRefusal.UNFINISHED:
        return "the reference solution does not finish on it (unfinished)"
    return "it is not valid for the task"


def _unlabelled(column: _Column, settings: RewardSettings) -> str | None:
    if not column.correct_P.any():
        return _NO_CORRECT
    if not column.seen_P[column.correct_P].any():
        return "no run of a correct program on it was observed: no label"
    if settings.tester is TesterReward.SIMPLE or not column.wrong_P.any():
        return None
    if column.weight(np.ones_like(column.seen_P)) == 0:
        return "no run of a wrong program on it was observed: no label"
    return None


def _form(case: Case, column: _Column, settings: RewardSettings) -> list[Term]:
    """The reward by the form in use, before discounts."""
    good = column.correct_P & column.seen_P
    failing = good & ~column.passed_P
    p, terms = _rightness(int((good & ~failing).sum()), int(failing.sum()), settings.smoothing)
    if failing.any():
        terms.insert(0, fact(f"refused by correct programs: {listed(case.rows, failing)}"))
    else:
        terms.insert(0, fact("accepted by every correct program that was observed on it"))
    wrong_count = int(column.wrong_P.sum())
    if settings.tester is TesterReward.SIMPLE:
        return [*terms, Term(Effect.SET, 2 * p - 1, "mere correctness: 1 if accepted, −1 if not")]
    if wrong_count == 0:
        if settings.no_wrong is NoWrong.ZERO:
            return [*terms, Term(Effect.SET, 0.0, "no program is wrong: nothing to catch")]
        why = "no program is wrong; reward.no_wrong = sign: +1 if accepted, −1 if not"
        return [*terms, Term(Effect.SET, 2 * p - 1, why)]
    missed, caught, more = _catch(case, column, settings, wrong_count)
    terms += more
    if settings.tester is TesterReward.POST_STAGE:
        why = "second stage: 1 for a right test that misses nobody, −1 for a wrong one that misses"
        return [*terms, Term(Effect.SET, p * (missed == 0) - (1 - p) * (missed > 0), why)]
    sure = p in (0.0, 1.0)
    if p > 0:
        weighed = "" if sure else f", times its rightness {number(p)}"
        terms.append(Term(Effect.ADD, p * caught, f"wrong programs caught{weighed}"))
        if settings.validity:
            bonus = p * settings.validity * wrong_count
            why = f"for being right: reward.validity {settings.validity:g} × {wrong_count} wrong"
            terms.append(Term(Effect.ADD, bonus, why + weighed))
    if p < 1:
        weighed = "" if sure else f", times {number(1 - p)} for being wrong"
        terms.append(Term(Effect.ADD, -(1 - p) * missed, f"wrong programs let pass{weighed}"))
    if settings.tester is TesterReward.SCALED:
        terms.append(Term(Effect.TIMES, 1 / wrong_count, f"divided by W = {wrong_count}"))
    return terms


def _rightness(passes: int, failures: int, smoothing: float) -> tuple[float, list[Term]]:
    """The probability that the test is right; see `sparring.rewards.rewards.rightness`."""
    if smoothing == 0:
        return float(failures == 0), []
    step = math.log((1 - smoothing / 2) / (smoothing / 2))
    p = 1 / (1 + math.exp(-min(max(step * (passes - failures), -700), 700)))
    why = (
        f"rightness: {passes} correct programs pass, {failures} fail, and each of them is wrong "
        f"with probability {smoothing:g}"
    )
    return p, [fact(why, p)]


def _catch(
    case: Case, column: _Column, settings: RewardSettings, wrong_count: int
) -> tuple[float, float, list[Term]]:
    """Wrong programs that pass and that fail it, weighed and rescaled, with the reasons."""
    seen_wrong = column.wrong_P & column.seen_P
    missed = column.weight(column.passed_P)
    seen = column.weight(np.ones_like(column.seen_P))
    caught = seen - missed
    scale = wrong_count / seen
    fails, passes = seen_wrong & ~column.passed_P, seen_wrong & column.passed_P
    each = column.weight_P if settings.difficulty else None
    terms = [
        fact(f"caught: {listed(case.rows, fails, each)}", caught),
        fact(f"let pass: {listed(case.rows, passes, each)}", missed),
    ]
    if settings.difficulty:
        why = "(weights: the fewer right tests catch a program, the more it counts)"
        terms.append(fact(why))
    hidden = column.wrong_P & ~column.seen_P
    if hidden.any():
        why = (
            f"masked on it: {listed(case.rows, hidden)}; both rescaled by W/W_k = "
            f"{wrong_count}/{number(seen)}"
        )
        terms.append(fact(why, scale))
    return missed * scale, caught * scale, terms


def _discounts(facts: Facts, settings: RewardSettings, k: int, so_far: float) -> list[Term]:
    """What is taken from a positive reward for a repeated or copied input."""
    terms: list[Term] = []
    if not so_far > 0:
        return terms
    count = max(float(facts.repeats_U[k]), 1.0)
    if settings.duplicates and count > 1:
        why = (
            f"{count:.0f} tests of the group have this input: ÷ {count:.0f}^{settings.duplicates:g}"
        )
        terms.append(Term(Effect.TIMES, count**-settings.duplicates, why))
    if settings.copies and facts.copied_U[k]:
        why = f"its input is a public example's: reward.copies takes {settings.copies:g} of it"
        terms.append(Term(Effect.TIMES, 1 - settings.copies, why))
    return terms
