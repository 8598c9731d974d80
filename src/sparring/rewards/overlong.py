"""What becomes of the rewards of responses that hit, or come close to, their token limit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.rewards.settings import Overlong
from sparring.rewards.terms import AnyRewards, Effect, Sum, number


def overlong(
    reward: AnyRewards,
    length: Floats,
    truncated: Bools,
    how: Overlong,
    limit: int,
    buffer: int,
    largest: float,
) -> AnyRewards:
    """The rewards [responses] with truncated responses treated as ``how`` says.

    Lengths, ``limit`` and ``buffer`` are in tokens. PENALTY takes
    largest · min(1, (length − (limit − buffer)) / buffer) where that is
    positive.
    """
    found = Sum(len(reward.value), reward)
    if how is Overlong.KEEP:
        why = f"cut off at its limit of {limit} tokens; counts as what could be read"
        found.say("cut_off", why, where=truncated)
    elif how is Overlong.MASK:
        why = f"cut off at {limit} tokens; reward.overlong = mask: no label"
        found.put(Effect.SET, "cut_off", math.nan, why, truncated)
    else:
        over = np.clip((length - (limit - buffer)) / buffer, 0.0, 1.0)
        found.put(
            Effect.ADD,
            "overlong",
            -(largest * over),
            lambda i, _: (
                f"{length[i]:.0f} tokens of {limit}: {number(over[i])} of the last {buffer}, times "
                f"the largest reward {number(largest)}"
            ),
            over > 0,
        )
    return replace(reward, value=found.value, terms=found.terms)
