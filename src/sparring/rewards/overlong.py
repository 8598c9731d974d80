"""Treatment of responses that reached their token limit or came close to it: `reward.overlong`."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.rewards.settings import Overlong
from sparring.rewards.terms import AnyRewards, Effect, TermSum, number


def overlong(
    reward: AnyRewards,
    length: Floats,
    truncated: Bools,
    how: Overlong,
    limit: int,
    buffer: int,
    largest: float,
) -> AnyRewards:
    """Return the rewards [responses] with truncated responses treated by ``how``.

    ``length``, ``limit`` and ``buffer`` are in tokens. MASK takes the label away. PENALTY subtracts
    largest · min(1, (length − (limit − buffer)) / buffer) wherever that is positive (DAPO,
    arXiv 2503.14476, Eq 13).
    """
    total = TermSum(len(reward.value), reward)
    if how is Overlong.KEEP:
        why = f"cut off at its limit of {limit} tokens; graded by what could be read"
        total.say("cut_off", why, where=truncated)
    elif how is Overlong.MASK:
        why = f"cut off at {limit} tokens; reward.overlong = mask: no label"
        total.put(Effect.SET, "cut_off", math.nan, why, truncated)
    else:
        over = np.clip((length - (limit - buffer)) / buffer, 0.0, 1.0)
        total.put(
            Effect.ADD,
            "overlong",
            -(largest * over),
            lambda i, _: (
                f"{length[i]:.0f} tokens of {limit}: {number(over[i])} of the last {buffer}, times "
                f"the largest reward {number(largest)}"
            ),
            over > 0,
        )
    return replace(reward, value=total.value, terms=total.terms)
