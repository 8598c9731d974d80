"""Why a program was paid what it was paid (Eq 3 and its forms)."""

from __future__ import annotations

import math

import numpy as np

from sparring.rewards.settings import CoderReward, Overlong
from sparring.schema import StopReason
from sparring.view.explain.case import Case, listed
from sparring.view.explain.terms import Effect, Term, fact, number

RULES = {
    CoderReward.COUNT: "Eq 3, the number of tests passed",
    CoderReward.SHARE: "the share of the tests passed",
    CoderReward.ALL_PASS: "1 if it passes every test, else 0",
}


def coder_terms(case: Case, i: int) -> list[Term]:
    """The terms of program ``i``'s reward."""
    facts, how = case.facts, case.settings.coder
    if facts is None:
        return [Term(Effect.SET, math.nan, NO_TEST)]
    seen, passed = facts.matrix.observed_PG[i], facts.matrix.passed_PG[i]
    total, known, good = len(seen), int(seen.sum()), int((passed & seen).sum())
    kind = "supervising tests" if case.judged.supervision else "ground-truth tests"
    terms = []
    if failure := case.judged.programs[i].failure:
        terms.append(fact(f"its response holds no program ({failure}): it fails every test"))
    if known < total:
        terms.append(
            fact(
                f"{total - known} of {total} {kind} masked, a failure of our own: "
                f"{listed(case.columns, ~seen)}"
            )
        )
    failed = f"; fails {listed(case.columns, seen & ~passed)}" if good < known else ""
    which = f"passes {good} of {known} {kind}{' observed' if known < total else ''}{failed}"
    if how is CoderReward.ALL_PASS:
        terms += _all_or_nothing(known, total, good, which)
    elif known == 0:
        terms.append(Term(Effect.SET, math.nan, "no test of it was observed: no label"))
    else:
        terms.append(Term(Effect.ADD, float(good), which))
        if how is CoderReward.SHARE:
            terms.append(Term(Effect.TIMES, 1 / known, f"their share: divided by {known}"))
        elif known < total:
            scale = total / known
            terms.append(Term(Effect.TIMES, scale, f"rescaled to all {total}: × {total}/{known}"))
    counted = how is CoderReward.COUNT
    largest = float(facts.matrix.ground_truth if counted else 1)
    limit = case.recipe.sampling.coder_max_tokens
    stop = case.judged.coder[i].stop
    return terms + overlong_terms(case, facts.lengths_P[i], stop, limit, largest)


def _all_or_nothing(known: int, total: int, good: int, which: str) -> list[Term]:
    if good < known:
        return [Term(Effect.SET, 0.0, f"{which}; all or nothing")]
    if known < total:
        return [
            Term(Effect.SET, math.nan, f"{which}; whether it passes all is not known: no label")
        ]
    return [Term(Effect.SET, 1.0, f"{which}; all or nothing")]


NO_TEST = "no supervising test is left to judge by: no label (no_test)"


def overlong_terms(
    case: Case, length: float, stop: StopReason, limit: int, largest: float
) -> list[Term]:
    """What the recipe makes of a response that hit, or came near, its token limit."""
    how, buffer = case.recipe.reward.overlong, case.recipe.reward.overlong_buffer
    if stop is StopReason.LENGTH:
        if how is Overlong.MASK:
            why = f"cut off at {limit} tokens; reward.overlong = mask: no label"
            return [Term(Effect.SET, math.nan, why)]
        if how is Overlong.KEEP:
            return [fact(f"cut off at its limit of {limit} tokens; counts as what could be read")]
    over = float(np.clip((length - (limit - buffer)) / buffer, 0.0, 1.0))
    if how is Overlong.PENALTY and over > 0:
        why = (
            f"{length:.0f} tokens of {limit}: {number(over)} of the last {buffer}, times the "
            f"largest reward {number(largest)}"
        )
        return [Term(Effect.ADD, -largest * over, why)]
    return []
