"""LiveCodeBench's own comparison of printed text and of returned values.

Source: the released harness, ``lcb_runner/evaluation/testing_util.py`` of
github.com/LiveCodeBench/LiveCodeBench, as of 2025.

Printed text:

- White space is taken off both ends of the text and of each line. Lines end at line feeds alone.
- The number of lines must match; a blank line in the middle counts.
- Two lines match if they are equal as text, or if every word of both is a number for
  `decimal.Decimal` and the numbers are equal one by one. Numbers have no tolerance.
- So ``0.5`` matches ``0.50``, and ``1  2`` matches ``1 2``; but ``a  b`` does not match ``a b``,
  and ``0.1 x`` does not match ``0.10 x``.

Values:

- A returned tuple becomes a list, at the outermost level alone. Then Python's ``==`` compares with
  the value of the expected JSON text.
- So ``(1, 2)`` is ``[1, 2]``, ``[(1, 2)]`` is not ``[[1, 2]]``, and ``True`` is ``1``.
- A tuple that a written test expects becomes a list too; the data set's own tests are JSON and
  have no tuples.
"""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from typing import Any

_READING = Context(traps=[InvalidOperation])
"""Context that reads numbers exactly and raises only for a text that is not a number, whatever the
caller's own context is."""


def printed(actual: str, expected: str) -> bool:
    """Return True if the harness accepts a printed text."""
    ours, theirs = _lines(actual), _lines(expected)
    return len(ours) == len(theirs) and all(
        a == e or _equal_numbers(a, e) for a, e in zip(ours, theirs, strict=True)
    )


def returned(value: Any) -> Any:
    """Return the value that the harness compares: for a tuple a list, with its items unchanged."""
    return list(value) if isinstance(value, tuple) else value


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


def _equal_numbers(actual: str, expected: str) -> bool:
    ours, theirs = actual.split(), expected.split()
    if len(ours) != len(theirs):
        return False
    try:
        return [Decimal(a, _READING) for a in ours] == [Decimal(e, _READING) for e in theirs]
    except InvalidOperation:  # a word is not a number, or a signalling NaN, for which == raises
        return False
