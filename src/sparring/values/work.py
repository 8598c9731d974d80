"""A bound on what texts cost to read and to compare, beyond a constant for each character."""

from __future__ import annotations

import math

from sparring.values.plain import NotPlain

_ALWAYS = 10_000
_A_CHARACTER = 2
"""A unit is about a tenth of a microsecond: 0.2 seconds for 2**20 characters."""
_UNITS = 43  # squared limbs, of 30 bits, that are converted or divided in a unit


class Work:
    """What may still be spent on texts of so many characters; None: as much as it takes.

    Parts that are read, named or compared once are not counted: the text holds a character or
    more for each. Counted are comparisons of members with one hash, whose number grows with the
    square of theirs, and conversions of long numbers, which grow with the square of their digits.
    """

    __slots__ = ("limit", "spent")

    def __init__(self, characters: int | None = None) -> None:
        self.spent = 0
        self.limit = math.inf if characters is None else _ALWAYS + _A_CHARACTER * characters

    def spend(self, units: int) -> None:
        """Counts so much. Raises `NotPlain` if it is more than there is."""
        self.spent += units
        if self.spent > self.limit:
            raise NotPlain("too many members with one hash, or too long numbers, for its length")

    def spend_on_bits(self, bits: int, others: int) -> None:
        """Counts what the product of two lengths takes: a conversion, a division, a gcd."""
        self.spend((bits // 30) * (others // 30) // _UNITS)
