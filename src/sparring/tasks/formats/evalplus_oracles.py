"""Oracles for EvalPlus's tasks that accept more values than the canonical solution's.

An oracle makes the test of one input, from its arguments, the encoded call, the encoded value of
the canonical solution, and the current tolerance. The tasks, and the values that each accepts, are
from ``evalplus/eval`` 0.3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from sparring import values
from sparring.schema import Test, TestKind

Oracle = Callable[[Sequence[Any], str, str, float], Test | None]
_MEMBERS = ("similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly",
            "larg_nnum", "intersection_array", "find_dissimilar", "Diff")  # fmt: skip
_NOT_NONE = ("check_str", "text_match_three", "text_starta_endb")


def oracle_of(task_id: str, entry_point: str) -> Oracle | None:
    """Return the oracle of a task; None for the tasks without one, which are most."""
    dataset = task_id.partition("/")[0].casefold()
    if dataset == "humaneval" and entry_point == "find_zero":
        return _root
    if dataset != "mbpp":
        return None
    if entry_point in _MEMBERS:
        return _members
    if entry_point in _NOT_NONE:
        return _not_none
    return {
        "are_equivalent": _anything,
        "sum_div": _or_zero,
        "surface_Area": _surface,
        "digit_distance_nums": _digits,
    }.get(entry_point)


def _root(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    """Return a script that accepts any root: the polynomial's value is within the tolerance."""
    [coefficients] = arguments
    script = (
        f"import math\ncoefficients = {coefficients!r}\nroot = candidate(coefficients)\n"
        "value = sum(c * math.pow(root, i) for i, c in enumerate(coefficients))\n"
        f"assert abs(value) <= {atol!r}\n"
    )
    return Test(script, "", TestKind.SCRIPT)


def _members(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    return Test(call, expected, TestKind.CALL, f"members(abs={atol!r})" if atol else "members")


def _not_none(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    value = values.read(expected)
    return Test(call, values.encode(value is not None), TestKind.CALL, "not_none")


def _anything(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    return Test(call, expected, TestKind.CALL, "returned")


def _either(call: str, expected: str, other: object) -> Test:
    return Test(call, values.encode([values.decode(expected), other]), TestKind.CALL, "any_of")


def _or_zero(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    return _either(call, expected, 0)


def _surface(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    """Return a test that accepts both readings of a pyramid's second number.

    The canonical solution takes it for the slant height; the other value takes it for the height.
    """
    base, height = arguments
    slant = math.sqrt((base / 2) ** 2 + height**2)
    return _either(call, expected, round(base**2 + 2 * base * slant))


def _digits(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    """Return a test that accepts two readings of numbers of different lengths.

    One is the canonical solution's. The other compares digits at equal places from the right.
    """
    texts = [str(number) for number in arguments]
    width = max(map(len, texts))
    first, second = (text.zfill(width) for text in texts)
    try:
        total = sum(abs(int(a) - int(b)) for a, b in zip(first, second, strict=True))
    except ValueError:  # a minus sign is not a digit: the harness fails here, even for equal values
        return None
    return _either(call, expected, total)
