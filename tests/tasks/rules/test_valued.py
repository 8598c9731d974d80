"""Values compared as EvalPlus, APPS and TACO compare them; numpy's own functions as the oracle."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import numpy as np
import pytest

from sparring import values
from sparring.tasks.checkers.checker import accepts, parse_checker
from sparring.tasks.checkers.rules import closeness

EVALPLUS = "evalplus(abs=1e-6)"
ROWS: list[tuple[str, Any, Any, bool]] = [
    (EVALPLUS, 1.0000005, 1.0, True),
    (EVALPLUS, 1.000002, 1.0, False),
    (EVALPLUS, 1, 1.0, True),  # equal before types are looked at
    (EVALPLUS, 1, 1.0000001, False),  # int and float are two types
    (EVALPLUS, (0.5, 1.0000001), [0.5, 1.0], False),
    (EVALPLUS, [0.5, 1.0000001], [0.5, 1.0], True),
    (EVALPLUS, [0.5], [0.5, 1.0], False),
    (EVALPLUS, [[0.5000001], [1.0]], [[0.5], [1.0]], True),
    (EVALPLUS, [0.5000001, "a"], [0.5, "a"], False),  # numpy makes no numbers of it
    (EVALPLUS, [0.5000001, None], [0.5, None], False),
    (EVALPLUS, {1.0000001}, {1.0}, False),
    (EVALPLUS, 1e10 + 500, 1e10, True),  # the relative tolerance beside it
    (EVALPLUS, 1e10 + 2000, 1e10, False),
    (EVALPLUS, float("inf"), float("inf"), True),
    (EVALPLUS, float("nan"), float("nan"), False),
    (EVALPLUS, 1 + 1e-8j, 1 + 0j, True),
    ("allclose(abs=1e-6, rel=1e-7)", (0.5, 1.0000001), [0.5, 1.0], True),
    ("allclose(abs=1e-6, rel=1e-7)", [5.0], [], True),  # an empty list is broadcast
    ("allclose(abs=1e-6, rel=1e-7)", [5.0, 6.0], [], False),
    ("members", [2, 1, 1], (1, 2), True),
    ("members", {1, 2}, [1, 2], True),
    ("members", [1], [1, 2], False),
    ("members", [[1]], [[1]], False),  # lists have no set
    ("members", "ab", ["a", "b"], True),
    ("members", 3, [3], False),
    ("members", [1.0], [1], True),
    ("members", [1.0000001], [1.0], False),
    ("members(abs=1e-6)", [1.0000001], [1.0], True),
    ("members(abs=1e-6)", (1.0000001,), [1.0], False),
    ("not_none", True, True, True),
    ("not_none", False, True, False),
    ("not_none", False, False, True),
    ("not_none", "x", True, True),
    ("not_none", None, False, True),
    ("not_none", 0, True, True),
    ("not_none", None, True, False),
    ("any_of", 0, [6, 0], True),
    ("any_of", 6, [6, 0], True),
    ("any_of", 1, [6, 0], False),
    ("returned", None, 3, True),
    ("unwrapped", 4, [4], True),
    ("unwrapped", [4], [4], True),
    ("unwrapped", (4,), [4], True),
    ("unwrapped", 5, [4], False),
    ("unwrapped", [1, 2], [[1, 2]], True),
    ("unwrapped", (1, 2), [[1, 2]], True),
    ("unwrapped", [(1, 2), (3, 4)], [[[1, 2], [3, 4]]], True),
    ("unwrapped", [(1, 2), (3, 4)], [[1, 2], [3, 4]], False),  # only in the first item
    ("unwrapped", [[1], (2,)], [[[1], [2]]], False),  # only if the first item is a tuple
    ("unwrapped", 4, 4, True),
    ("unwrapped", "a", "ab", False),  # a text is no list
    ("unwrapped", {1: "a"}, [{1: "a"}], True),
    ("unwrapped", 4.0, [4], True),
    ("unwrapped", 4, [], False),
]


@pytest.mark.parametrize(("rule", "actual", "expected", "right"), ROWS)
def test_values_are_compared_as_their_harness_does(
    rule: str, actual: Any, expected: Any, right: bool
) -> None:
    assert accepts(rule, values.encode(actual), values.encode(expected)) is right


def test_an_object_of_the_programs_own_equals_nothing() -> None:
    mine = '{"object":"Mine"}'
    for rule in (EVALPLUS, "allclose", "members", "any_of", "unwrapped"):
        assert not accepts(rule, mine, values.encode([1.0]))
    assert accepts("not_none", mine, "true")  # as a match of a regular expression does
    assert not accepts("members", f"[{mine}, 1]", values.encode([1]))


def test_ranges_of_any_length_take_no_memory() -> None:
    long = values.encode(range(10**15))
    assert not accepts("members", long, values.encode([1]))
    assert not accepts(EVALPLUS, long, values.encode(range(10**15 + 1)))


def test_options_are_those_of_the_rule() -> None:
    assert str(parse_checker("evalplus(abs=1e-06)")) == "evalplus(abs=1e-06, rel=0)"
    with pytest.raises(ValueError, match="takes no options"):
        parse_checker("unwrapped(abs=1)")


def _number(rng: random.Random) -> Any:
    return rng.choice(
        [0, 1, -1, True, 0.0, 1.0, 1.0000001, 1.00001, 1 + 1e-9, float("inf"), -float("inf"),
         float("nan"), 1e308, 2**53, 2**62, 2**63 - 1, -(2**63), 1 + 2j, 1j, rng.random()]
    )  # fmt: skip


def _value(rng: random.Random, depth: int = 0) -> Any:
    if depth > 2 or rng.random() < 0.35:
        return _number(rng) if rng.random() < 0.97 else rng.choice(["1", None, [], ()])
    one = _value(rng, depth + 1)
    items = [one if rng.random() < 0.7 else _other(one, rng) for _ in range(rng.randrange(1, 4))]
    return rng.choice([list, tuple, deque])(items)


def _other(value: Any, rng: random.Random) -> Any:
    if isinstance(value, (list, tuple, deque)):
        items = [_other(item, rng) for item in value]
        return (list if rng.random() < 0.2 else type(value))(items[: rng.choice([None, None, 1])])
    if isinstance(value, float) and rng.random() < 0.5:
        return value + rng.choice([0, 1e-9, 1e-7, 1e-6, 1e-5])
    return value if rng.random() < 0.9 else _number(rng)


def _says(function: Any, *arguments: Any) -> bool:
    try:
        return function(*arguments) in (True, None)
    except (AssertionError, TypeError, ValueError):
        return False


@pytest.mark.filterwarnings("ignore")
def test_closeness_is_numpys() -> None:
    rng = random.Random(7)
    seen = [0, 0]
    for _ in range(3000):
        expected = _value(rng)
        actual = _other(expected, rng) if rng.random() < 0.8 else _value(rng)
        for rtol, atol in ((1e-5, 1e-8), (1e-7, 1e-6), (0, 1e-6)):
            theirs = _says(lambda *a: bool(np.allclose(*a)), actual, expected, rtol, atol)
            assert _says(closeness.allclose, actual, expected, rtol, atol) is theirs, (
                actual, expected, rtol, atol,
            )  # fmt: skip
            seen[theirs] += 1
        strict = _says(np.testing.assert_allclose, actual, expected, 1e-7, 1e-6)
        ours = _says(closeness.assert_allclose, actual, expected, 1e-7, 1e-6)
        assert ours is strict, (actual, expected)
    assert min(seen) > 1000
