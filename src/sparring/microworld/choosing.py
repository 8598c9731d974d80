"""Greedy choice of the tests that catch the most mistakes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def choose_greedily(caught_CM: NDArray[np.bool_], count: int) -> list[int]:
    """Return the indices of ``count`` candidates, chosen greedily.

    ``caught_CM`` [candidates, mistakes] is True where the candidate catches the mistake. Each
    choice catches the most mistakes that no earlier choice caught. When no candidate catches a
    further mistake, all mistakes have to be caught once more.
    """
    uncaught = np.ones(caught_CM.shape[1], dtype=bool)
    indices: list[int] = []
    while len(indices) < count:
        gain = (caught_CM & uncaught).sum(axis=1)
        gain[indices] = -1
        best = int(gain.argmax())
        if gain[best] == 0 and not uncaught.all():
            uncaught[:] = True  # start anew over all mistakes
            continue
        indices.append(best)
        uncaught &= ~caught_CM[best]
    return indices
