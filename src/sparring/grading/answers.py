"""Equality of inputs, equality of programs' answers, and the size of an input.

In printed text white space does not count. In a call the values count, not the way in which they
are written: the order of a set's members and of a dict's keys does not matter, and 1, 1.0 and True
are equal. The answer of a script is its verdict, because a script has no output. No checker is
involved: programs agree or disagree, be they right or wrong.
"""

from __future__ import annotations

import json
import math
from collections.abc import Hashable
from hashlib import sha256
from typing import Any

from sparring.schema import Outcome, Test, TestKind, Verdict

_UNORDERED = ("set", "frozenset")
_MAPPINGS = ("dict", "OrderedDict", "defaultdict", "Counter")
_EXACT = 2.0**53
_ANSWERED = (Verdict.FINISHED, Verdict.ACCEPTED, Verdict.WRONG_ANSWER)
_SHORT = 60


def input_key(test: Test) -> Hashable:
    """Return a test's input in a form by which inputs are told apart: text as it is, other inputs
    in one way of writing."""
    return test.input if test.kind is TestKind.STDIN else plain_input(test)


def plain_input(test: Test) -> tuple[str, ...]:
    """Return an input in a form that is equal for equal inputs: text without blank lines and runs
    of white space, the values of a call in one way of writing."""
    if test.kind is TestKind.CALL:
        return (plain_value(test.input),)
    return tuple(" ".join(line.split()) for line in test.input.splitlines() if line.strip())


def plain_output(test: Test) -> tuple[str, ...]:
    """Return a test's expected output in a form that is equal for equal outputs."""
    return (plain_value(test.output),) if test.kind is TestKind.CALL else tuple(test.output.split())


def answer(test: Test, outcome: Outcome) -> Hashable:
    """Return the answer that an execution came to, in a form that is equal for equal answers."""
    if test.kind is TestKind.STDIN:
        return tuple(outcome.output.split())
    if test.kind is TestKind.CALL:
        return plain_value(outcome.output)
    return outcome.verdict


def given_answer(test: Test, outcome: Outcome | None) -> Hashable:
    """Return the answer that a program gave, None if it gave none: it was not executed, or failed.

    A script has no output. Programs that it accepts gave the same answer; programs that fail it
    need not have done the same, so that they gave none.
    """
    if outcome is None or outcome.verdict not in _ANSWERED:
        return None
    if test.kind is TestKind.SCRIPT and outcome.verdict is not Verdict.ACCEPTED:
        return None
    return answer(test, outcome)


def size(test: Test) -> float:
    """Return the number of values in an input.

    Text: its words. A call: the numbers, booleans, Nones and words of strings among its arguments;
    an empty string counts one, a container nothing. NaN for a script, whose arguments are unknown.
    """
    if test.kind is TestKind.STDIN:
        return float(len(test.input.split()))
    if test.kind is TestKind.SCRIPT:
        return math.nan
    try:
        return float(_leaves(json.loads(test.input)))
    except (ValueError, RecursionError):
        return math.nan


def plain_value(text: str) -> str:
    """Return the text of an encoded value (`sparring.values`) in a form that is equal for equal
    values; any other text unchanged. Two OrderedDicts are equal here whatever their order."""
    try:
        return json.dumps(_plain_form(json.loads(text)), separators=(",", ":"))
    except (ValueError, TypeError, RecursionError):  # a program may have forged the text
        return text


def _plain_form(data: Any) -> Any:
    if isinstance(data, bool):
        return int(data)
    if isinstance(data, list):
        return [_plain_form(item) for item in data]
    if not isinstance(data, dict) or len(data) != 1:
        return data
    [(name, content)] = data.items()
    if name == "float":
        value = float(content)
        return int(value) if value.is_integer() and abs(value) < _EXACT else {name: repr(value)}
    if not isinstance(content, list):
        return data
    if name in _UNORDERED:
        return {"set": _sorted(content)}
    if name in _MAPPINGS:
        return {"dict": _sorted(content)}
    return {name: _plain_form(content)}


def _sorted(members: list[Any]) -> list[str]:
    """Return the members as texts in sorted order; a long text as its digest.

    Each level of nested texts doubles the quotes of the level below. 261 bytes of nested sets,
    which a program may write, would become 268 MB.
    """
    texts = (json.dumps(_plain_form(item)) for item in members)
    return sorted(t if len(t) <= _SHORT else sha256(t.encode()).hexdigest() for t in texts)


def _leaves(data: Any) -> int:
    if isinstance(data, str):
        return max(1, len(data.split()))
    if isinstance(data, list):
        return sum(map(_leaves, data))
    if isinstance(data, dict) and len(data) == 1:
        [(name, content)] = data.items()
        # Names of arguments and of types do not count; `range` and the like are one value.
        if name in _MAPPINGS:
            return sum(_leaves(value) for _, value in content) if isinstance(content, list) else 1
        if name in (*_UNORDERED, "tuple", "deque", "iterator"):
            return _leaves(content)
    return 1
