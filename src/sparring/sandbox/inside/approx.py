"""Replacement for ``pytest.approx``, by pytest's documented rule.

A number is near when its difference from the expected number is at most the larger of ``rel``
(1e-6) times the expected number and ``abs`` (1e-12). ``abs`` without ``rel`` counts alone. Lists,
tuples and mappings are compared member by member and may not be nested. Other values must be equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Complex
from typing import Any


class Approx:
    """Expected value that compares equal (``==``) to values near it."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, expected: Any, rel: float | None = None, abs: float | None = None,
        nan_ok: bool = False,
    ) -> None:  # fmt: skip
        """Expect a value, or a list, tuple or mapping of values, within the tolerances."""
        for name, tolerance in (("rel", rel), ("abs", abs)):
            if tolerance is not None and not tolerance >= 0:
                raise ValueError(f"approx: {name}={tolerance} is no tolerance: give 0 or more")
        members = _members(expected)
        if isinstance(expected, (set, frozenset)):
            raise TypeError("approx: a set has no order to be compared by")
        if members is not None and any(_members(m) is not None for m in members):
            raise TypeError("approx: lists in lists are not compared")
        self._expected, self._rel, self._abs, self._nan_ok = expected, rel, abs, nan_ok

    def __eq__(self, actual: object) -> bool:
        expected: Any = self._expected
        if isinstance(expected, Mapping):
            if not isinstance(actual, Mapping) or actual.keys() != expected.keys():
                return False
            return all(self._near(actual[key], value) for key, value in expected.items())
        if _members(expected) is not None:
            if _members(actual) is None or isinstance(actual, Mapping):
                return False
            values = list(actual)  # type: ignore[call-overload]
            if len(values) != len(expected):
                return False
            return all(map(self._near, values, expected))
        return self._near(actual, expected)

    def __ne__(self, actual: object) -> bool:
        return not self == actual

    def __bool__(self) -> bool:
        raise AssertionError("approx() alone is always true: compare it by ==")

    def __repr__(self) -> str:
        return f"approx({self._expected!r})"

    def _near(self, actual: Any, expected: Any) -> bool:
        if isinstance(expected, bool) and not isinstance(actual, bool):
            return False  # `True == 1`, but pytest tells them apart
        if actual == expected:
            return True
        if isinstance(expected, bool) or not (_is_number(expected) and _is_number(actual)):
            return False
        if _is_nan(expected):
            return self._nan_ok and _is_nan(actual)
        if math.isinf(abs(expected)):
            return False
        kind = Decimal if isinstance(expected, Decimal) else float
        absolute = kind(str(1e-12 if self._abs is None else self._abs))
        relative = kind(str(self._rel or 0))
        if self._rel is None and self._abs is None:
            relative = kind("1e-6")
        return bool(abs(expected - actual) <= max(relative * abs(expected), absolute))


def _members(value: object) -> Sequence[Any] | None:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        return None
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, (Complex, Decimal))


def _is_nan(value: Any) -> bool:
    return bool(value != value)  # a complex number has no `isnan`
