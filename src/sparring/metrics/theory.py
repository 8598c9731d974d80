"""The precision theorem by exact computation: how often do m tests prefer the correct program?

Model (arXiv 2506.03136, theorem 3.1): a correct program passes every right
test and fails every wrong one; a wrong program passes a right test with
probability p01 and a wrong one with p00; a test is right with probability
p_u; all tests are independent. Then on one test a correct program scores
X ∈ {−1, 0, 1} more than a wrong one,

    P(X = 1) = p_u (1 − p01)    P(X = −1) = (1 − p_u) p00    μ = E X

and on m tests D_m, the sum of m such X. The theorem: P(D_m > 0) → 1 iff
μ > 0, and then P(D_m > 0) ≥ 1 − exp(−μ² m / 8). Here the law of D_m is
computed as it is, by convolution, beside that bound.

Pure functions of the rates. Where the rates come from is `rates`, what the
pass matrices say about the same precision `precision`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
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
    """The law of X: ``up`` = P(X = 1), ``down`` = P(X = −1), X = 0 with the rest.

    Raises ValueError when these are no probabilities; a sum over 1 by
    rounding is forgiven.
    """

    up: float
    down: float

    def __post_init__(self) -> None:
        if not (self.up >= 0 and self.down >= 0 and self.up + self.down <= 1 + 1e-9):
            raise ValueError(f"no law: P(X = 1) = {self.up}, P(X = −1) = {self.down}")

    @property
    def mu(self) -> float:
        """E X."""
        return self.up - self.down

    @property
    def one(self) -> Floats:
        """P(X = −1), P(X = 0), P(X = 1)."""
        return np.array([self.down, max(0.0, 1 - self.up - self.down), self.up])


def law(p_u: float, p01: float, p00: float) -> Law:
    """The law of X by the model's rates, each in [0, 1]."""
    return Law(p_u * (1 - p01), (1 - p_u) * p00)


def difference(x: Law, m: int) -> Floats:
    """P(D_m = d) for d = −m … m: index d + m. Raises ValueError for a negative m."""
    if m < 0:
        raise ValueError(f"m must not be negative, as {m} is")
    found = np.ones(1)
    for _ in range(m):
        found = np.convolve(found, x.one)
    return found


def precision(x: Law, m: int, ties: Ties) -> float:
    """P(D_m > 0), with ties lost or halved."""
    return _won(difference(x, m), ties)


def slopes(x: Law, m: int, ties: Ties) -> tuple[float, float]:
    """The derivatives of `precision` by ``up`` and by ``down`` (each takes from X = 0).

    The law of D_m is the m-th convolution power of that of X, so its
    derivative by ``up`` is m times what the precision of m − 1 tests gains by
    one more of X = 1 instead of X = 0. One such step wins what stood at 0,
    and with ties halved half of what stood at −1 and at 0.
    """
    if m == 0:
        return 0.0, 0.0
    before = np.concatenate([np.zeros(1), difference(x, m - 1), np.zeros(1)])
    below, at, above = before[m - 1 : m + 2]
    if ties is Ties.LOST:
        return m * float(at), -m * float(above)
    return m * float(below + at) / 2, -m * float(at + above) / 2


def bound(mu: float, m: int) -> float:
    """The theorem's lower bound of P(D_m > 0): 1 − exp(−μ² m / 8). 0, which says nothing, where
    μ ≤ 0."""
    return -math.expm1(-(mu**2) * m / 8) if mu > 0 else 0.0


def tests_for(x: Law, wanted: float, ties: Ties, cap: int) -> int | None:
    """The smallest m whose precision is at least ``wanted``, in (0, 1); None when μ ≤ 0 or no m
    up to ``cap`` has it.

    One test more can fall short again while ties are lost, because an even
    number of tests is likelier to tie.
    """
    _check_wanted(wanted)
    if x.mu <= ZERO:
        return None
    return next((m for m, won in _precisions(x, ties, cap) if won >= wanted), None)


def tests_by_bound(mu: float, wanted: float) -> int | None:
    """The smallest m for which the bound promises ``wanted``, in (0, 1): m ≥ (8/μ²) ln(1/δ) with
    δ = 1 − wanted. None when μ ≤ 0."""
    _check_wanted(wanted)
    if mu <= ZERO:
        return None
    m = max(1, math.floor(-8 / mu**2 * math.log1p(-wanted)))
    return m if bound(mu, m) >= wanted else m + 1


def _precisions(x: Law, ties: Ties, cap: int) -> Iterator[tuple[int, float]]:
    """m and its precision for m = 1 … ``cap``."""
    found = np.ones(1)
    for m in range(1, cap + 1):
        found = np.convolve(found, x.one)
        yield m, _won(found, ties)


def _won(difference: Floats, ties: Ties) -> float:
    """The probability above the middle, and half of that in it if ties are halved."""
    m = len(difference) // 2
    tied = float(difference[m]) / 2 if ties is Ties.HALVED else 0.0
    return float(difference[m + 1 :].sum()) + tied


def _check_wanted(wanted: float) -> None:
    if not 0 < wanted < 1:
        raise ValueError(f"the precision wanted must be between 0 and 1, not {wanted}")
