"""Advantages that teach a long-reasoning model to be brief (CURE, section 3.4).

Both forms replace the reward of a response by a number of tokens: the median length of the good
responses of its group, minus the response's own length. The gains and the losses are balanced so
that they sum to 0, then divided by the standard deviation. The result is an advantage.

With s the sign of (reward − mean of the group), l the length in tokens, T the
median length of the responses with s > 0 and M their greatest length:

    r̃ = T − l   where s > 0,        r̃ = T − M   elsewhere
    α = Σ |r̃ < 0| / Σ (r̃ > 0),      r* = α r̃ (r̃ > 0) or r̃, over the deviation of r*

`LengthForm.PAPER` is that formula, for tests.

`LengthForm.OFFICIAL` is the form of the released code, for both roles: T is kept within two
thresholds, a response with s = 0 gets 0, and a group whose rewards are all 1 is kept, so that the
model goes on learning length. These points were found by comparison with the official numbers.

A group with a single good response cannot be balanced, because r̃ is 0 for all responses; the group
keeps its normalised rewards. A group in which one of the two sides is empty is dropped.

In either form, a response that sampling cut off is never good: it counts as the lowest reward of
its group. Eq 4 gives 0 to a test that was cut off, as to any test that cannot be read, and 0 may be
above the group's mean. If such a test counted as good, it would pull T and M to the limit. Neither
the paper nor its code mentions such responses. Lengths are of whole responses: the tokens that
`learning.max_response_tokens` leaves out of the loss (the paper learns from the first 8,000) count
here too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.rewards.advantages import (
    Advantages,
    DropReason,
    advantages,
    all_equal,
    divided_by,
    dropped,
    without_reward,
)
from sparring.rewards.settings import LengthForm, Normalisation
from sparring.rewards.terms import Effect, MatrixNames, Term, TermSum


def by_length(
    reward: Floats,
    length: Floats,
    form: LengthForm,
    bounds: tuple[float, float],
    truncated: Bools | None = None,
) -> Advantages:
    """Return the advantages [responses] of one group, from rewards and lengths in tokens.

    ``bounds`` are the least and the greatest T of OFFICIAL. ``truncated`` marks the responses that
    sampling cut off; None: no response was. A NaN reward is masked: it has no part in any
    statistic, and its advantage is 0.
    """
    cut_off = np.zeros(len(reward), dtype=bool) if truncated is None else truncated
    facts = TermSum(len(reward))
    why = "cut off by sampling, so that it counts as the lowest reward of its group"
    facts.say("cut_off", why, cut_off & ~np.isnan(reward))
    group = _by_length(_truncated_lowest(reward, cut_off), length, form, bounds, cut_off)
    return replace(group, terms=(*facts.terms, *group.terms))


def _by_length(
    reward: Floats, length: Floats, form: LengthForm, bounds: tuple[float, float], cut_off: Bools
) -> Advantages:
    known, official = ~np.isnan(reward), form is LengthForm.OFFICIAL
    plain = advantages(reward, Normalisation.STD)
    if plain.dropped is not None and not (official and _all_right(reward[known])):
        return plain
    sign = np.sign(plain.value)
    if plain.dropped:  # all are right
        sign = np.ones(len(reward))
    # The sign alone does not decide: in a group of equal rewards it is 1 for a truncated one too.
    good = known & (sign > 0) & ~cut_off
    if good.sum() <= 1:
        return replace(plain, terms=(*_unbalanced(good), *plain.terms))
    middle, longest = float(np.median(length[good])), length[good].max()
    if official:
        middle = float(np.clip(middle, *bounds))
    gain = np.where(good, middle - length, middle - longest)
    if official:
        gain = np.where((sign == 0) & ~cut_off, 0.0, gain)
    gain = np.where(known, gain, 0.0)
    up, down = gain[gain > 0].sum(), -gain[gain < 0].sum()
    if up == 0 or down == 0:
        why = "lengths leave nothing on one of the two sides: the group is dropped (zero_variance)"
        return dropped(known, DropReason.ZERO_VARIANCE, why)

    def shorter(i: int, _: MatrixNames) -> str:
        if good[i]:
            return f"above the mean: T − its {length[i]:.0f} tokens"
        if sign[i] == 0:
            return (
                "at or below the mean: T − the longest good one, or 0 in the released code's form"
            )
        return f"not a good one: T − {longest:.0f}, the longest good one"

    total = TermSum(len(reward))
    total.say("median", "T, the median length of the good responses", known, middle)
    total.put(Effect.SET, "shorter", gain, shorter, known)
    total.put(Effect.TIMES, "balance", down / up, "α, which balances the two sides", gain > 0)
    deviation = float(total.value[known].std())
    total.put(Effect.OVER, "deviation", deviation, divided_by(deviation), known)
    without_reward(total, known)
    return Advantages(total.value, known, None, total.terms)


def _all_right(reward: Floats) -> bool:
    return len(reward) > 0 and all_equal(reward) and bool(reward[0] == 1)


def _unbalanced(good: Bools) -> tuple[Term, ...]:
    total = TermSum(len(good))
    if good.any():
        total.say("unbalanced", "a single good response cannot be balanced by length")
    return total.terms


def _truncated_lowest(reward: Floats, truncated: Bools) -> Floats:
    """Return the rewards with truncated responses at the group's lowest reward; NaN stays NaN."""
    known = ~np.isnan(reward)
    if not (known & truncated).any():
        return reward
    return np.where(known & truncated, reward[known].min(), reward)
