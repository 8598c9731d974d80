"""Rewards that teach a long-reasoning model to be brief (CURE, section 3.4).

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

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.rewards.advantages import Advantages, DropReason, advantages, same
from sparring.rewards.settings import LengthForm, Normalisation


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
    reward = truncated_lowest(reward, cut_off)
    known = ~np.isnan(reward)
    r, tokens = reward[known], length[known]
    official = form is LengthForm.OFFICIAL
    plain = advantages(reward, Normalisation.STD)
    if plain.dropped is not None and not (official and len(r) and same(r) and r[0] == 1):
        return plain
    sign = np.ones(len(r)) if plain.dropped else np.sign(plain.value[known])
    good = (sign > 0) & ~cut_off[known]  # of equal rewards sign does not tell
    if good.sum() <= 1:
        return plain
    middle = float(np.median(tokens[good]))
    if official:
        middle = float(np.clip(middle, *bounds))
    gain = np.where(good, middle - tokens, middle - tokens[good].max())
    if official:
        gain = np.where((sign == 0) & ~cut_off[known], 0.0, gain)
    up, down = gain[gain > 0].sum(), -gain[gain < 0].sum()
    if up == 0 or down == 0:
        return Advantages(np.zeros_like(reward), known, DropReason.ZERO_VARIANCE)
    balanced = np.where(gain > 0, gain * (down / up), gain)
    value = np.zeros_like(reward)
    value[known] = balanced / balanced.std()
    return Advantages(value, known, None)


def truncated_lowest(reward: Floats, truncated: Bools) -> Floats:
    """The rewards of a group in which truncated responses have the lowest of all; NaN stays."""
    known = ~np.isnan(reward)
    if not (known & truncated).any():
        return reward
    return np.where(known & truncated, reward[known].min(), reward)
