"""Examples in sentences: ``For lst = [1, 2, 3] the output should be 14``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sparring.solving.problems.found_example import FoundExample, call_example
from sparring.solving.problems.literals import NotLiteral, leading_literal, literal, literal_end
from sparring.solving.problems.signatures import FunctionSignature

_FOR = re.compile(r"\b(?:[Ff]or|[Ii]f|[Ww]ith|[Gg]iven)\s+(?=[A-Za-z_]\w*\s*=[^=])")
_NAME = re.compile(r"\s*(?:,\s*(?:and\s+)?|and\s+)?([A-Za-z_]\w*)\s*=\s*")
_THEN = re.compile(
    r"[\s,]*(?:the\s+)?(?:expected\s+)?(?:output|result|answer|function|value)\s+"
    r"(?:(?:should|must|will|would)\s+(?:be|return)|is|returns):?\s*"
)


def described_examples(text: str, signature: FunctionSignature) -> Iterator[FoundExample]:
    """Yield the sentences that give each argument by its parameter's name, and then the value."""
    names = signature.parameters or []
    for match in _FOR.finditer(text):
        given, end = _given(text, match.end())
        then = _THEN.match(text, end)
        if not given or then is None:
            continue
        line = text.count("\n", 0, match.start()) + 1
        called = _called(signature).match(text, then.end())
        value_at = called.end() if called else then.end()
        rest = text[value_at : value_at + 20_000]
        shown = f"{text[match.start() : value_at]}{rest.split(chr(10), 1)[0]}"
        if {*given} != {*names[: len(given)]}:
            yield FoundExample(line, shown, None, "names that are not the parameters")
            continue
        try:
            value, behind = leading_literal(rest)
        except NotLiteral as error:
            yield FoundExample(line, shown, None, str(error))
            continue
        source = rest[: len(rest) - len(behind)]
        arguments = [given[name] for name in names[: len(given)]]
        yield call_example(line, shown, signature, arguments, {}, value, source)


def _called(signature: FunctionSignature) -> re.Pattern[str]:
    """Return the form of a call with the parameters' names before its value: ``f(a, b) =``."""
    return re.compile(rf"\s*`?{re.escape(signature.name)}\([\w\s,]*\)`?\s*=(?!=)\s*`?")


def _given(text: str, start: int) -> tuple[dict[str, Any], int]:
    """Return the named values that a text begins with, and the position behind them."""
    given: dict[str, Any] = {}
    while (name := _NAME.match(text, start)) is not None:
        at = name.end()
        length = literal_end(text[at : at + 20_000])
        if length is None:
            return {}, start
        try:
            given[name[1]] = literal(text[at : at + length])
        except NotLiteral:
            return {}, start
        start = at + length
    return given, start
