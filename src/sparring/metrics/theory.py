"""The precision theorem (arXiv 2506.03136, theorem 3.1) by exact computation: how often do m tests
prefer the correct program?

On one test a correct program scores X ∈ {−1, 0, 1} more than a wrong one, and on m independent
tests D_m. The theorem: P(D_m > 0) → 1 iff μ = E X > 0, and then P(D_m > 0) ≥ 1 − exp(−μ² m / 8).
docs/theory.md has the model, `rates` where P(X) comes from, `precision` what the matrices say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from sparring.matrix import Floats

CAP = 10_000
"""Where to stop looking for a number of tests: beyond any budget."""
ZERO = 1e-12
"""A μ up to this is 0, met by rounding."""


class Ties(StrEnum):
    """What D_m = 0 counts for."""

    LOST = "lost"
    """Nothing: P(D_m > 0), the precision of the paper."""
    HALVED = "halved"
    """One half, as if a coin were tossed: P(D_m > 0) + P(D_m = 0) / 2."""


@dataclass(frozen=True, slots=True)
class Law:
    """``up`` = P(X = 1), ``down`` = P(X = −1), X = 0 with the rest. Raises ValueError when these
    are no probabilities; a sum over 1 by rounding is forgiven."""

    up: float
    down: float

    def __post_init__(self) -> None:
        if not (self.up >= 0 and self.down >= 0 and self.up + self.down <= 1 + 1e-9):
            raise ValueError(f"no law: P(X = 1) = {self.up}, P(X = −1) = {self.down}")

    @property
    def mu(self) -> float:
        """E X."""
        return self.up - self.down

    def one_more(self, law: Floats) -> Floats:
        """The law of D with one test more than ``law``'s."""
        return np.convolve(law, [self.down, max(0.0, 1 - self.up - self.down), self.up])


def difference(x: Law, m: int) -> Floats:
    """P(D_m = d) for d = −m … m: index d + m. Raises ValueError for a negative m."""
    if m < 0:
        raise ValueError(f"m must not be negative, as {m} is")
    found = np.ones(1)
    for _ in range(m):
        found = x.one_more(found)
    return found


def precision(x: Law, m: int, ties: Ties) -> float:
    """P(D_m > 0), with ties lost or halved."""
    return _won(difference(x, m), ties)


def slopes(x: Law, m: int, ties: Ties) -> tuple[float, float]:
    """The derivatives of `precision` by ``up`` and by ``down`` (each takes from X = 0): m times
    what the precision of m − 1 tests gains by one more of X = 1, or −1, instead of 0. A step up
    wins what stood at 0, and with ties halved half of what stood at −1 and at 0."""
    if m == 0:
        return 0.0, 0.0
    below, at, above = np.pad(difference(x, m - 1), 1)[m - 1 : m + 2]
    if ties is Ties.LOST:
        return m * float(at), -m * float(above)
    return m * float(below + at) / 2, -m * float(at + above) / 2


def bound(mu: float, m: int) -> float:
    """The theorem's lower bound of P(D_m > 0); 0, which says nothing, where μ ≤ 0."""
    return -math.expm1(-(mu**2) * m / 8) if mu > 0 else 0.0


def tests_for(x: Law, wanted: float, ties: Ties, cap: int) -> int | None:
    """The smallest m whose precision is at least ``wanted``, in (0, 1); None when μ ≤ 0 or no m
    up to ``cap`` has it. One more can fall short again: an even number is likelier to tie."""
    _check_wanted(wanted)
    found = np.ones(1)
    for m in range(1, cap + 1) if x.mu > ZERO else ():
        found = x.one_more(found)
        if _won(found, ties) >= wanted:
            return m
    return None


def tests_by_bound(mu: float, wanted: float) -> int | None:
    """The smallest m for which the bound promises ``wanted``, in (0, 1); None when μ ≤ 0."""
    _check_wanted(wanted)
    if not mu > ZERO:
        return None
    m = max(1, math.floor(-8 / mu**2 * math.log1p(-wanted)))
    return m if bound(mu, m) >= wanted else m + 1


def _won(law: Floats, ties: Ties) -> float:
    """The probability above the middle, and half of that in it if ties are halved."""
    m = len(law) // 2
    tied = float(law[m]) / 2 if ties is Ties.HALVED else 0.0
    return float(law[m + 1 :].sum()) + tied


def _check_wanted(wanted: float) -> None:
    if not 0 < wanted < 1:
        raise ValueError(f"the precision wanted must be between 0 and 1, not {wanted}")
