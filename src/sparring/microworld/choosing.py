"""Tests that tell the most mistakes from the right program, chosen from candidates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def chosen(caught_CM: NDArray[np.bool_], count: int) -> list[int]:
    """``count`` candidates C, greedily: each catches the most mistakes M that none before it
    caught. Once all that can be caught are, each is to be caught again."""
    left = np.ones(caught_CM.shape[1], dtype=bool)
    found: list[int] = []
    while len(found) < count:
        gain = (caught_CM & left).sum(axis=1)
        gain[found] = -1
        best = int(gain.argmax())
        if gain[best] == 0 and not left.all():
            left[:] = True  # everything is caught once: catch it twice
            continue
        found.append(best)
        left &= ~caught_CM[best]
    return found
