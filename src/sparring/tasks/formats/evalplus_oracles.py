"""Tasks of EvalPlus whose right answers are more than the canonical solution's.

An oracle makes the test of one input: from its arguments, the encoded call, the encoded value of
the canonical solution, and the tolerance in force. Which tasks, and what each accepts, is from
``evalplus/eval`` 0.3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from sparring import values
from sparring.schema import Kind, Test

Oracle = Callable[[Sequence[Any], str, str, float], Test | None]
_MEMBERS = ("similar_elements", "find_char_long", "common_in_nested_lists", "extract_singly",
            "larg_nnum", "intersection_array", "find_dissimilar", "Diff")  # fmt: skip
_NOT_NONE = ("check_str", "text_match_three", "text_starta_endb")


def oracle_of(task_id: str, entry_point: str) -> Oracle | None:
    """What is special about a task; None for most."""
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
    """A root of the polynomial, of several: its value there is within the tolerance."""
    [coefficients] = arguments
    script = (
        f"import math\ncoefficients = {coefficients!r}\nroot = candidate(coefficients)\n"
        "value = sum(c * math.pow(root, i) for i, c in enumerate(coefficients))\n"
        f"assert abs(value) <= {atol!r}\n"
    )
    return Test(script, "", Kind.SCRIPT)


def _members(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    return Test(call, expected, Kind.CALL, f"members(abs={atol!r})" if atol else "members")


def _not_none(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    found = values.read(expected)
    return Test(call, values.encode(found is not None), Kind.CALL, "not_none")


def _anything(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    return Test(call, expected, Kind.CALL, "returned")


def _either(call: str, expected: str, other: object) -> Test:
    return Test(call, values.encode([values.decode(expected), other]), Kind.CALL, "any_of")


def _or_zero(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    return _either(call, expected, 0)


def _surface(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    """The surface of a pyramid whose second number is its height, beside that where it is the
    slant height."""
    base, height = arguments
    slant = math.sqrt((base / 2) ** 2 + height**2)
    return _either(call, expected, round(base**2 + 2 * base * slant))


def _digits(arguments: Sequence[Any], call: str, expected: str, atol: float) -> Test | None:
    """The distance of digits in the same places from the right, beside what the canonical solution
    makes of numbers of different lengths."""
    texts = [str(number) for number in arguments]
    width = max(map(len, texts))
    first, second = (text.zfill(width) for text in texts)
    try:
        total = sum(abs(int(a) - int(b)) for a, b in zip(first, second, strict=True))
    except ValueError:  # a sign has no digit; the harness would fail here, where it is equal or not
        return None
    return _either(call, expected, total)
