"""An example that a text holds, read or refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sparring import values
from sparring.schema import Test, TestKind
from sparring.solving.problems.signatures import FunctionSignature
from sparring.tasks.rows.calls import call_test
from sparring.text import in_line

WORD_WITHOUT_QUOTES = "a text without quotes"
"""Refusal of a value that is a bare word. The text then may show numbers for texts of digits."""
_SHOWN = 60
_TOLERANCE = 1e-6
_ROUNDED = 4
"""Least number of decimals at which a number counts as rounded to them, as in LeetCode's texts."""
_DECIMALS = re.compile(r"\d\.(\d+)(?![\d]*[eE])")


@dataclass(frozen=True, slots=True)
class FoundExample:
    """Passage of a text that looks like an example. ``test`` is None where it is refused, with the
    reason in ``refusal``. ``line`` counts from 1."""

    line: int
    text: str
    test: Test | None = None
    refusal: str = ""

    @property
    def shown(self) -> str:
        """The passage in one short line."""
        return in_line(" ".join(self.text.split()), _SHOWN)


def is_word(text: str) -> bool:
    """Return True for the text of a value that is one word, and no name of a constant."""
    return text.strip(" `.").isidentifier()


def call_example(
    line: int,
    text: str,
    signature: FunctionSignature,
    arguments: Sequence[Any],
    keywords: Mapping[str, Any],
    value: Any,
    value_text: str,
) -> FoundExample:
    """Return a call and its value as an example, or refuse it where the signature contradicts it.

    Floating-point values may differ by a millionth, or by the last of at least four decimals that
    ``value_text`` shows.
    """
    refusal = signature.contradiction(arguments, keywords, value)
    if refusal:
        return FoundExample(line, text, None, refusal)
    try:
        test = call_test(arguments, keywords, value)
    except values.NotPlain as error:
        return FoundExample(line, text, None, str(error))
    return FoundExample(
        line, text, Test(test.input, test.output, TestKind.CALL, _checker(value_text, value))
    )


def _checker(text: str, value: Any) -> str | None:
    """Return the rule for values with floating-point numbers; None for any other value."""
    if not _has_float(value):
        return None
    decimals = [len(d) for d in _DECIMALS.findall(text)]
    shown = min((d for d in decimals if d >= _ROUNDED), default=0)
    near = max(_TOLERANCE, 10.0**-shown) if shown else _TOLERANCE
    return f"value(abs={near:g}, rel={_TOLERANCE:g})"


def _has_float(value: Any) -> bool:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, float):
            return True
        if isinstance(part, dict):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, (list, tuple, set, frozenset)):
            waiting += part
    return False
