"""Read assertions with a tolerance as call tests.

The forms are ``abs(f(x) - y) < t``, `math.isclose`, `pytest.approx`, and a distance that is rounded
to some places.
"""

from __future__ import annotations

import ast
import math

from sparring.tasks.suites.called import Arguments, CallTest, NameMeanings, encoded_test
from sparring.tasks.suites.constants import NotConstant, dotted

_FINE = 1e-4
"""Largest relative tolerance of ``isclose`` that is read."""
_MOST_PLACES = 300


def within(
    call: Arguments, value: object, absolute: float, relative: float, *, several: bool = False
) -> CallTest:
    """Return the test that a call's value is near another.

    The value is a number or, with ``several``, also numbers in a list, tuple or dictionary.
    Raises `NotConstant` for any other value.
    """
    numbers = [value]
    if several and isinstance(value, (list, tuple)):
        numbers = list(value)
    elif several and isinstance(value, dict):
        numbers = list(value.values())
    if any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in numbers):
        raise NotConstant("a tolerance around what is no number")
    if isinstance(value, int):  # the checker applies a tolerance to floats alone
        try:
            value = float(value)
        except OverflowError as error:
            raise NotConstant(f"OverflowError: {error}") from error
    return encoded_test(call, value, f"value(abs={absolute!r}, rel={relative!r})")


def is_approx(node: ast.expr) -> bool:
    """Return True if an expression is pytest's ``approx(…)``."""
    return isinstance(node, ast.Call) and dotted(node.func) in ("approx", "pytest.approx")


def near_approx(call: Arguments, approx: ast.Call, names: NameMeanings) -> CallTest:
    """Return the test of ``f(x) == approx(y, rel, abs)``. Raises `NotConstant`."""
    keywords = names.keywords(approx)
    if not 1 <= len(approx.args) <= 3 or not {"rel", "abs"}.issuperset(keywords):
        raise NotConstant("approx without one value, or with other options than rel and abs")
    positional = dict(zip(("rel", "abs"), map(names.value, approx.args[1:]), strict=False))
    if positional.keys() & keywords:
        raise NotConstant("approx with one option twice")
    keywords |= positional
    absolute, relative = tolerance(keywords.get("abs")), tolerance(keywords.get("rel"))
    if relative is None:  # as in pytest: `abs` without `rel` sets the relative tolerance to 0
        relative = 1e-6 if absolute is None else 0.0
    absolute = 1e-12 if absolute is None else absolute
    return within(call, names.value(approx.args[0]), absolute, relative, several=True)


def near_distance(
    left: ast.expr, right: ast.expr, names: NameMeanings, *, strict: bool
) -> CallTest:
    """Return the test of ``abs(f(x) - y) < t``, or with y first. Raises `NotConstant`."""
    if (
        isinstance(left, ast.Call)
        and dotted(left.func) in ("abs", "math.fabs")
        and len(left.args) == 1
        and isinstance(left.args[0], ast.BinOp)
        and isinstance(left.args[0].op, ast.Sub)
    ):
        first, second = names.in_order(left.args[0].left, left.args[0].right)
        most = tolerance(names.value(right))
        if not most:
            raise NotConstant("a tolerance that is no positive number")
        if strict:
            most = math.nextafter(most, 0.0)
        return within(names.called(first), names.value(second), most, 0.0)
    raise NotConstant("a comparison other than ==")


def near_isclose(test: ast.Call, names: NameMeanings) -> CallTest:
    """Return the test of ``math.isclose(f(x), y)``. Raises `NotConstant`."""
    if len(test.args) != 2:
        raise NotConstant("isclose without two values")
    first, second = names.in_order(*test.args)
    keywords = names.keywords(test)
    relative, absolute = (
        tolerance(keywords.get("rel_tol", 1e-9)),
        tolerance(keywords.get("abs_tol", 0)),
    )
    if relative is None or absolute is None or relative > _FINE:
        # The tolerance of `isclose` is relative to the larger of the two values, our checker's
        # tolerance to the expected value. For a fine tolerance the difference does not matter.
        raise NotConstant("isclose with a coarse relative tolerance")
    return within(names.called(first), names.value(second), absolute, relative)


def of_places(places: object) -> float:
    """Return the greatest distance that ``round(distance, places)`` makes 0.

    Raises `NotConstant` if ``places`` is not a small whole number.
    """
    if isinstance(places, bool) or not isinstance(places, int) or abs(places) > _MOST_PLACES:
        raise NotConstant("places that are no small whole number")
    most: float = 0.5 * 10.0**-places
    while round(most, places) != 0:
        most = math.nextafter(most, 0.0)
    while round(math.nextafter(most, math.inf), places) == 0:
        most = math.nextafter(most, math.inf)
    return most


def tolerance(value: object) -> float | None:
    """Return a tolerance as a number; None for None.

    Raises `NotConstant` for a value that is no number, is negative or is not finite.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise NotConstant("a tolerance that is no number")
    if not 0 <= value < math.inf:
        raise NotConstant("a tolerance that is negative or not finite")
    return float(value)
