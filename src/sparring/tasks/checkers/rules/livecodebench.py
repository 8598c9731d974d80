"""LiveCodeBench's own comparison of printed text and of returned values.

Facts from its released harness (``lcb_runner/evaluation/testing_util.py`` of
github.com/LiveCodeBench/LiveCodeBench, as of 2025):

Printed text. White space is taken off both ends of the whole and of each line; lines are divided
at line feeds alone. The number of lines must match. Two lines match if they are equal as text, or
if every word of both is a number as `decimal.Decimal` reads it and the numbers are equal one by
one. So ``0.5`` is ``0.50`` and ``1  2`` is ``1 2``, but ``a  b`` is not ``a b``, ``0.1 x`` is not
``0.10 x``, a blank line in the middle counts, and there is no tolerance.

Values. A returned tuple is made a list, the outermost alone; the rest is Python's ``==`` with what
the expected JSON text holds. So ``(1, 2)`` is ``[1, 2]``, ``[(1, 2)]`` is not ``[[1, 2]]``, and
``True`` is ``1``. A tuple that a written test expects is a list here too; the set's own are JSON
and have none.
"""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from typing import Any

_READING = Context(traps=[InvalidOperation])
"""Numbers are read exactly; only what is no number raises, whatever the caller's context says."""


def printed(actual: str, expected: str) -> bool:
    """Whether the harness accepts a printed text."""
    ours, theirs = _lines(actual), _lines(expected)
    return len(ours) == len(theirs) and all(
        a == e or _equal_numbers(a, e) for a, e in zip(ours, theirs, strict=True)
    )


def returned(value: Any) -> Any:
    """The value that the harness compares: a list in place of a tuple, its items untouched."""
    return list(value) if isinstance(value, tuple) else value


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


def _equal_numbers(actual: str, expected: str) -> bool:
    ours, theirs = actual.split(), expected.split()
    if len(ours) != len(theirs):
        return False
    try:
        return [Decimal(a, _READING) for a in ours] == [Decimal(e, _READING) for e in theirs]
    except InvalidOperation:  # a word is no number, or a NaN that signals, which no == survives
        return False
