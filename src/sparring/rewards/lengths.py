"""Advantages that teach a long-reasoning model to be brief (CURE, section 3.4).

Both forms replace the reward of a response by how much shorter it is than the
median good response of its group, balance the two sides so that they sum to
nothing, and divide by the deviation: what comes out are advantages.

With s the sign of (reward − mean of the group), l the length in tokens, T the
median length of the responses with s > 0 and M their greatest length:

    r̃ = T − l   where s > 0,        r̃ = T − M   elsewhere
    α = Σ |r̃ < 0| / Σ (r̃ > 0),      r* = α r̃ (r̃ > 0) or r̃, over the deviation of r*

`LengthForm.PAPER` is that, for tests. `LengthForm.OFFICIAL` is what the
released code does, for both roles: T is kept within two thresholds, a response
with s = 0 gets 0, and a group whose rewards are all 1 is kept, so that length
goes on being learned. Found by comparison with the official numbers.

A group with a single good response cannot be balanced (r̃ is 0 for all); it
keeps its normalised rewards. One where balancing leaves nothing on one of the
two sides is dropped.

A response that sampling cut off is never good, in either form: it counts as
the lowest reward of its group. Eq 4 gives it 0, as any test that cannot be
read, which may be above the group's mean; as a good one it would pull T and M
to the limit. Neither paper nor code say anything of it. What learning leaves
away afterwards (`learning.max_response_tokens`: the paper's first 8,000
tokens) plays no part here: lengths are of whole responses.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.rewards.advantages import (
    Advantages,
    DropReason,
    advantages,
    divided_by,
    dropped,
    same,
    without_reward,
)
from sparring.rewards.settings import LengthForm, Normalisation
from sparring.rewards.terms import Effect, MatrixNames, Sum, Term


def by_length(
    reward: Floats,
    length: Floats,
    form: LengthForm,
    bounds: tuple[float, float],
    truncated: Bools | None = None,
) -> Advantages:
    """Advantages [responses] of one group from rewards and lengths in tokens.

    ``bounds`` are OFFICIAL's least and greatest T; ``truncated`` marks what
    sampling cut off (None: nothing). NaN rewards are masked: no part in any
    statistic, advantage 0.
    """
    cut_off = np.zeros(len(reward), dtype=bool) if truncated is None else truncated
    first = Sum(len(reward))
    why = "cut off by sampling, so that it counts as the lowest reward of its group"
    first.say("cut_off", why, cut_off & ~np.isnan(reward))
    found = _by_length(_truncated_lowest(reward, cut_off), length, form, bounds, cut_off)
    return replace(found, terms=(*first.terms, *found.terms))


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
    good = known & (sign > 0) & ~cut_off  # of equal rewards sign does not tell
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

    found = Sum(len(reward))
    found.say("median", "T, the median length of the good responses", known, middle)
    found.put(Effect.SET, "shorter", gain, shorter, known)
    found.put(Effect.TIMES, "balance", down / up, "α, which balances the two sides", gain > 0)
    deviation = float(found.value[known].std())
    found.put(Effect.OVER, "deviation", deviation, divided_by(deviation), known)
    without_reward(found, known)
    return Advantages(found.value, known, None, found.terms)


def _all_right(reward: Floats) -> bool:
    return len(reward) > 0 and same(reward) and bool(reward[0] == 1)


def _unbalanced(good: Bools) -> tuple[Term, ...]:
    found = Sum(len(good))
    if good.any():
        found.say("unbalanced", "a single good response cannot be balanced by length")
    return found.terms


def _truncated_lowest(reward: Floats, truncated: Bools) -> Floats:
    """The rewards of a group in which truncated responses have the lowest of all; NaN stays."""
    known = ~np.isnan(reward)
    if not (known & truncated).any():
        return reward
    return np.where(known & truncated, reward[known].min(), reward)
