"""Bound on the cost of reading and comparing texts, beyond a constant for each character."""

from __future__ import annotations

import math

from sparring.values.plain import NotPlain

_ALWAYS = 10_000
"""Units that a text of any length may use."""
_A_CHARACTER = 2
"""Units per character. A unit is about 0.1 microseconds: 0.2 seconds for 2**20 characters."""
_UNITS = 43  # squared limbs, of 30 bits, that one unit converts or divides


class WorkBudget:
    """Budget of work for texts of this many characters; None: unlimited.

    Parts that are read, named or compared once are free, because the text holds a character or more
    for each. Two costs are charged: comparisons of members with one hash, whose number grows with
    the square of the members, and conversions of long numbers, which grow with the square of the
    digits.
    """

    __slots__ = ("limit", "spent")

    def __init__(self, characters: int | None = None) -> None:
        self.spent = 0
        self.limit = math.inf if characters is None else _ALWAYS + _A_CHARACTER * characters

    def spend(self, units: int) -> None:
        """Charge this many units. Raises `NotPlain` if fewer are left."""
        self.spent += units
        if self.spent > self.limit:
            raise NotPlain("too many members with one hash, or too long numbers, for its length")

    def spend_on_bits(self, bits: int, others: int) -> None:
        """Charge the product of two lengths in bits: a conversion, a division, a gcd."""
        self.spend((bits // 30) * (others // 30) // _UNITS)
