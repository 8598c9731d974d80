"""When two inputs are the same, when two programs have answered the same, how large an input is.

For printed text white space does not count. Of a call the values count, not how they are written:
the order of a set's members and of a dict's keys is no part of them, and 1, 1.0 and True are equal.
A script's answer is its verdict: nothing else comes out of it. No checker is asked here: programs
agree or not, whether they are right or not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable
from hashlib import sha256
from typing import Any

from sparring.schema import Kind, Outcome, Test

_UNORDERED = ("set", "frozenset")
_MAPPINGS = ("dict", "OrderedDict", "defaultdict", "Counter")
_EXACT = 2.0**53
_SHORT = 60


def plain_input(test: Test) -> tuple[str, ...]:
    """An input without what makes equal ones look different: in text blank lines and runs of
    white space, in a call how its values are written."""
    if test.kind is Kind.CALL:
        return (plain_value(test.input),)
    return tuple(" ".join(line.split()) for line in test.input.splitlines() if line.strip())


def plain_output(test: Test) -> tuple[str, ...]:
    """An expected output likewise."""
    return (plain_value(test.output),) if test.kind is Kind.CALL else tuple(test.output.split())


def answer(test: Test, outcome: Outcome) -> Hashable:
    """What a run came to, equal for runs that came to the same."""
    if test.kind is Kind.STDIN:
        return tuple(outcome.output.split())
    if test.kind is Kind.CALL:
        return plain_value(outcome.output)
    return outcome.verdict


def size(test: Test) -> float:
    """How many values an input holds: words of text; of a call the numbers, truths, Nones and
    words of strings among its arguments, an empty string counting one, a container nothing.
    NaN for a script, whose arguments are not known."""
    if test.kind is Kind.STDIN:
        return float(len(test.input.split()))
    if test.kind is Kind.SCRIPT:
        return math.nan
    try:
        return float(_leaves(json.loads(test.input)))
    except (ValueError, RecursionError):
        return math.nan


def plain_value(text: str) -> str:
    """The text of an encoded value (`sparring.values`), the same for equal values; any other text
    as it is. Two ordered dicts are equal here whatever their order."""
    try:
        return json.dumps(_plain(json.loads(text)), separators=(",", ":"))
    except (ValueError, TypeError, RecursionError):  # a program may have written it itself
        return text


def _plain(data: Any) -> Any:
    if isinstance(data, bool):
        return int(data)
    if isinstance(data, list):
        return [_plain(item) for item in data]
    if not isinstance(data, dict) or len(data) != 1:
        return data
    [(name, held)] = data.items()
    if name == "float":
        value = float(held)
        return int(value) if value.is_integer() and abs(value) < _EXACT else {name: repr(value)}
    if not isinstance(held, list):
        return data
    if name in _UNORDERED:
        return {"set": _sorted(held)}
    if name in _MAPPINGS:
        return {"dict": _sorted(held)}
    return {name: _plain(held)}


def _sorted(held: list[Any]) -> list[str]:
    """Members in one order, each as a text; as a digest if it is long.

    A text inside of texts doubles its quotes with each of them: 261 bytes of nested sets, which a
    program may write, would be 268 MB.
    """
    texts = (json.dumps(_plain(item)) for item in held)
    return sorted(t if len(t) <= _SHORT else sha256(t.encode()).hexdigest() for t in texts)


def _leaves(data: Any) -> int:
    if isinstance(data, str):
        return max(1, len(data.split()))
    if isinstance(data, list):
        return sum(map(_leaves, data))
    if isinstance(data, dict) and len(data) == 1:
        [(name, held)] = data.items()
        # Names of arguments count as little as those of types; `range` and the like are one value.
        if name in _MAPPINGS:
            return sum(_leaves(value) for _, value in held) if isinstance(held, list) else 1
        if name in (*_UNORDERED, "tuple", "deque", "iterator"):
            return _leaves(held)
    return 1
