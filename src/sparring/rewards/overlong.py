"""What becomes of responses that hit, or come close to, their token limit."""

from __future__ import annotations

import numpy as np

from sparring.matrix import Bools, Floats
from sparring.rewards.settings import Overlong


def overlong(
    reward: Floats,
    length: Floats,
    truncated: Bools,
    how: Overlong,
    limit: int,
    buffer: int,
    largest: float,
) -> Floats:
    """The rewards [responses] with truncated responses treated as ``how`` says.

    Lengths, ``limit`` and ``buffer`` are in tokens. PENALTY takes
    largest · min(1, (length − (limit − buffer)) / buffer) where that is
    positive.
    """
    if how is Overlong.MASK:
        return np.where(truncated, np.nan, reward)
    if how is Overlong.PENALTY:
        over = np.clip((length - (limit - buffer)) / buffer, 0.0, 1.0)
        return np.asarray(reward - largest * over)
    return reward
