"""Why a reward became that advantage: the group's mean, its deviation, lengths, or a drop."""

from __future__ import annotations

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.rewards.advantages import DropReason, same
from sparring.rewards.lengths import truncated_lowest
from sparring.rewards.settings import LengthForm, Normalisation
from sparring.view.explain.terms import Effect, Term, fact, number

Found = tuple[list[Term], DropReason | None]


def plain_terms(reward: Floats, i: int, how: Normalisation) -> Found:
    """(r − mean), over the deviation or not, for response ``i`` of its group."""
    known = ~np.isnan(reward)
    count = int(known.sum())
    if count == 0:
        why = "no response of the group has a reward: the group is dropped (no_label)"
        return [Term(Effect.SET, 0.0, why)], DropReason.NO_LABEL
    if same(reward[known]):
        why = f"all {count} rewards of the group are equal: it is dropped (zero_variance)"
        return [Term(Effect.SET, 0.0, why)], DropReason.ZERO_VARIANCE
    if not known[i]:
        return [_unknown()], None
    mean, deviation = float(reward[known].mean()), float(reward[known].std())
    terms = [
        Term(Effect.ADD, float(reward[i]), "the reward"),
        Term(Effect.ADD, -mean, f"the mean of the group's {count} rewards"),
    ]
    if how is Normalisation.STD:
        why = f"divided by their deviation {number(deviation)}"
        terms.append(Term(Effect.TIMES, 1 / deviation, why))
    return terms, None


def _unknown() -> Term:
    why = "no reward: no part in the group's mean and deviation, nor in the loss"
    return Term(Effect.SET, 0.0, why)


def length_terms(
    reward: Floats,
    length: Floats,
    i: int,
    form: LengthForm,
    bounds: tuple[float, float],
    truncated: Bools,
) -> Found:
    """By how much shorter than the median good response; see `sparring.rewards.lengths`."""
    found, dropped = _length_terms(
        truncated_lowest(reward, truncated), length, i, form, bounds, truncated
    )
    if truncated[i] and not np.isnan(reward[i]):
        why = "cut off by sampling, so that it counts as the lowest reward of its group"
        found = [fact(why), *found]
    return found, dropped


def _length_terms(
    reward: Floats,
    length: Floats,
    i: int,
    form: LengthForm,
    bounds: tuple[float, float],
    truncated: Bools,
) -> Found:
    known = ~np.isnan(reward)
    official = form is LengthForm.OFFICIAL
    r, tokens = reward[known], length[known]
    plain, dropped = plain_terms(reward, i, Normalisation.STD)
    all_right = official and len(r) > 0 and same(r) and r[0] == 1
    if dropped is not None and not all_right:
        return plain, dropped
    sign = np.ones(len(r)) if dropped else np.sign(r - r.mean())
    good = (sign > 0) & ~truncated[known]
    if good.sum() == 0:
        return plain, dropped
    if good.sum() == 1:
        return [fact("a single good response cannot be balanced by length"), *plain], dropped
    middle = float(np.median(tokens[good]))
    if official:
        middle = float(np.clip(middle, *bounds))
    longest = float(tokens[good].max())
    gain = np.where(good, middle - tokens, middle - longest)
    if official:
        gain = np.where((sign == 0) & ~truncated[known], 0.0, gain)
    up, down = gain[gain > 0].sum(), -gain[gain < 0].sum()
    if up == 0 or down == 0:
        why = "lengths leave nothing on one of the two sides: the group is dropped (zero_variance)"
        return [Term(Effect.SET, 0.0, why)], DropReason.ZERO_VARIANCE
    if not known[i]:
        return [_unknown()], None
    own = int(known[: i + 1].sum()) - 1
    balanced = np.where(gain > 0, gain * (down / up), gain)
    terms = [
        fact("T, the median length of the good responses", middle),
        Term(Effect.SET, float(gain[own]), _shorter(good[own], sign[own], tokens[own], longest)),
    ]
    if gain[own] > 0:
        terms.append(Term(Effect.TIMES, float(down / up), "α, which balances the two sides"))
    deviation = float(balanced.std())
    terms.append(Term(Effect.TIMES, 1 / deviation, f"divided by the deviation {number(deviation)}"))
    return terms, None


def _shorter(good: bool, sign: float, tokens: float, longest: float) -> str:
    if good:
        return f"above the mean: T − its {tokens:.0f} tokens"
    if sign == 0:
        return "at or below the mean: T − the longest good one, or 0 in the released code's form"
    return f"not a good one: T − {longest:.0f}, the longest good one"


def likelihood_terms(good: Bools, i: int) -> Found:
    """1 for a good response, no part for the others: imitation of one's own successes."""
    if not good.any():
        why = "learning from good responses only, and there is none: dropped (no_positive)"
        return [Term(Effect.SET, 0.0, why)], DropReason.NO_POSITIVE
    if good[i]:
        return [Term(Effect.SET, 1.0, "a good response: its likelihood is raised")], None
    return [Term(Effect.SET, 0.0, "not a good response: no part in the loss")], None
