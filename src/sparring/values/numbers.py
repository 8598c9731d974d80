"""Numbers of all types, and the cost of comparing two of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sparring.values.forms import late_name
from sparring.values.work import WorkBudget

_SIMPLE = frozenset({int, bool, float, complex})
_DIGITS = 40  # longest Decimal that is converted: the conversion takes quadratic time
_MIXED = 20  # units of work for converting a short number to another type


def is_number(value: object) -> bool:
    """Return True if Python compares the value by its number, whatever the type of the other."""
    return type(value) in _SIMPLE or late_name(type(value)) is not None


def short_whole(value: Any) -> int | None:
    """Return the whole number that a number equals; None if it equals none, or one with very many
    digits."""
    if isinstance(value, int):
        return value
    name = late_name(type(value))
    if name == "Fraction":
        return int(value) if value.denominator == 1 else None
    if name == "Decimal":
        if not value.is_finite() or value.adjusted() > _DIGITS:
            return None
        integer = int(value)
        return integer if integer == value else None
    if isinstance(value, complex):
        if value.imag:
            return None
        value = value.real
    return int(value) if value.is_integer() else None


def equal_numbers(a: Any, b: Any, work: WorkBudget) -> bool:
    """Return ``a == b`` for numbers of two types, and charge ``work`` by their length. Raises
    `NotPlain` if too little work is left."""
    if "Decimal" in (late_name(type(a)), late_name(type(b))):
        if hash(a) != hash(b):
            return False
        bits = max(_bits(a), _bits(b))  # Decimal converts a whole number in quadratic time
        work.spend_on_bits(bits, bits)
    work.spend(_MIXED + max(length_of(a), length_of(b)))
    return bool(a == b)


def units_to_tell_apart(value: Any) -> int:
    """Return at least the units of `WorkBudget` that Python needs to compare a hashable value with
    another one of the same hash."""
    if isinstance(value, tuple):
        return 1 + sum(map(units_to_tell_apart, value))
    if isinstance(value, frozenset):
        crowds = Counter(str(hash(item)) for item in value)
        return 1 + sum(crowds[str(hash(item))] * units_to_tell_apart(item) for item in value)
    if not is_number(value):
        return 1
    every = WorkBudget()
    every.spend_on_bits(_bits(value), _bits(value))
    return 1 + length_of(value) + every.spent


def _bits(value: Any) -> int:
    """Return the bits of the whole numbers that a number consists of."""
    if isinstance(value, int):
        return value.bit_length()
    if late_name(type(value)) == "Fraction":
        return int(value.numerator.bit_length() + value.denominator.bit_length())
    return 0


def length_of(value: Any) -> int:
    """Return the units of `WorkBudget` for looking at all of a number."""
    kind = type(value)
    if kind is int:
        return value.bit_length() >> 12  # type: ignore[no-any-return]
    if kind in _SIMPLE:
        return 0
    return 10 + (len(str(value)) >> 5 if late_name(kind) == "Decimal" else _bits(value) >> 12)
