"""Methods of `unittest` as call tests: the verdicts are those of `unittest` itself."""

from __future__ import annotations

import ast
import unittest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring import values
from sparring.tasks.checkers.checker import accepts
from sparring.tasks.suites.called import CallTest
from sparring.tasks.suites.scopes import assertions
from sparring.tasks.suites.tolerances import of_places

ACTUAL: list[Any] = [
    *(0, 1, 2, True, False, None, "", "a", "b", 0.5, 0.50000004, 0.5000001, 0.51, 1.0, 2.0),
    *([], [1], [1.0], [True], (), (1,), {1}, {1.0}, frozenset({1}), {"a": 1}, {"a": 1.0}, {}),
]
METHODS = [
    *("assertEqual(f(), 1)", "assertEqual([1], f())", "assertEqual(f(), None, 'said')"),
    *("assertTrue(f())", "assertFalse(f())", "assertTrue(f() == 1)", "assertIsNone(f())"),
    *("assertIs(f(), True)", "assertIs(None, f())", "assertTrue(f() is False)"),
    *("assertListEqual(f(), [1])", "assertTupleEqual(f(), (1,))", "assertDictEqual(f(), {'a': 1})"),
    *("assertSetEqual(f(), {1})", "assertMultiLineEqual(f(), 'a')", "assertEqual(f(), {1})"),
]
ALMOST = [
    *("assertAlmostEqual(f(), 0.5)", "assertAlmostEqual(0.5, f(), places=1)"),
    *("assertAlmostEqual(f(), 0.5, 4)", "assertAlmostEqual(f(), 0.5, delta=0.01)"),
    *("assertAlmostEqual(f(), 1, delta=0.49)", "assertAlmostEqual(f(), 0.5, None, 'x', 1e-7)"),
]


def passes(line: str, value: Any) -> bool:
    """Whether the method passes for real where the function returns this value."""
    try:
        eval(f"self.{line}", {"self": unittest.TestCase(), "f": lambda: value})
    except AssertionError:
        return False
    return True


def read(line: str) -> CallTest:
    [assertion] = assertions(ast.parse(f"self.{line}"), "f")
    assert isinstance(assertion.read, CallTest)
    return assertion.read


@pytest.mark.parametrize("line", METHODS)
def test_a_method_accepts_what_unittest_accepts(line: str) -> None:
    test = read(line)
    for value in ACTUAL:
        assert accepts(test.checker, values.encode(value), test.output) == passes(line, value)


@pytest.mark.parametrize("line", ALMOST)
def test_a_tolerance_accepts_what_unittest_accepts(line: str) -> None:
    test = read(line)
    for value in (v for v in ACTUAL if isinstance(v, float)):
        assert accepts(test.checker, values.encode(value), test.output) == passes(line, value)


@given(st.integers(-3, 20), st.floats(0, 1e6), st.floats(-1e-12, 1e-12))
def test_places_are_the_distance_that_rounding_makes_nothing(
    places: int, distance: float, more: float
) -> None:
    most = of_places(places)
    for one in (distance, most, most + more, most * (1 + more)):
        assert (abs(one) <= most) == (round(abs(one), places) == 0)
