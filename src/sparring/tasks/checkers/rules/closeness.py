"""numpy's ``allclose``, ``isclose`` and ``testing.assert_allclose`` for plain values.

- Numbers, and lists of numbers at any depth, compare as numpy compares the arrays made of them:
  shapes are broadcast, ``abs(a - b) <= atol + rtol * abs(b)`` decides, and an infinity is near
  itself alone.
- Values of which numpy makes no numeric array (texts, None, sets, ragged lists) raise `TypeError`
  or `ValueError`, as in numpy 2.4.
- The functions use only one another, because `stand_in` hands their source, docstrings included,
  to test scripts: any change of the source changes the scripts.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import Any


def array_of(value: Any) -> Any:
    """The shape of a value as an array, and its numbers in order. Raises as numpy does."""
    if isinstance(value, range) and value[:1_000_000] != value:
        raise ValueError("a range that is too long")
    if isinstance(value, (list, tuple, range)) or type(value).__name__ == "deque":
        parts = [array_of(item) for item in value]
        if not parts:
            return (0,), []
        if any(shape != parts[0][0] for shape, _ in parts):
            raise ValueError("a list whose items have several shapes")
        return (len(parts), *parts[0][0]), [number for _, flat in parts for number in flat]
    if not isinstance(value, (int, float, complex)):
        raise TypeError("not a number")
    return (), [value]


def near(actual: Any, expected: Any, rtol: float, atol: float, equal_nan: bool) -> bool:
    """Whether two numbers are near; relative to the expected one."""
    wanted = expected if isinstance(expected, complex) else float(expected)
    if abs(wanted) < float("inf"):
        return bool(abs(actual - wanted) <= atol + rtol * abs(wanted))
    return bool(actual == wanted) or (equal_nan and actual != actual and wanted != wanted)


def pairs_of(actual: Any, expected: Any) -> Any:
    """The pairs of numbers of two arrays after broadcasting. Raises `ValueError` where their
    shapes do not fit, and where there would be more than a million of a product's; `TypeError` for
    an expected list with whole numbers of more than 64 bits."""
    (mine, flat), (its, wanted) = actual, expected
    if its and any(isinstance(n, int) and not -(2**63) <= n < 2**64 for n in wanted):
        raise TypeError("a whole number of more than 64 bits")
    if mine == its:
        return list(zip(flat, wanted))  # noqa: B905 - equal shapes
    width = max(len(mine), len(its))
    mine, its = (1,) * (width - len(mine)) + mine, (1,) * (width - len(its)) + its
    if any(a != b and a != 1 and b != 1 for a, b in zip(mine, its)):  # noqa: B905 - one width
        raise ValueError("shapes that cannot be broadcast")
    shape = [b if a == 1 else a for a, b in zip(mine, its)]  # noqa: B905 - one width
    size = 1
    for length in shape:
        size *= length
    if size > max(len(flat), len(wanted), 1_000_000):
        raise ValueError("too large a product of two shapes")
    places = [(0, 0)] if size else []
    for a, b, length in zip(mine, its, shape):  # noqa: B905 - one width
        places = [
            (i * a + (k if a > 1 else 0), j * b + (k if b > 1 else 0))
            for i, j in places
            for k in range(length)
        ]
    return [(flat[i], wanted[j]) for i, j in places]


def allclose(
    actual: Any,
    expected: Any,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> bool:
    """Whether all numbers of two values are near. Raises as numpy does."""
    pairs = pairs_of(array_of(actual), array_of(expected))
    return all(near(a, b, rtol, atol, equal_nan) for a, b in pairs)


def isclose(
    actual: Any,
    expected: Any,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> bool:
    """Whether two numbers are near. Raises `ValueError` for lists, whose answer is no one truth."""
    a, b = array_of(actual), array_of(expected)
    if a[0] or b[0]:
        raise ValueError("isclose of lists has several answers")
    return near(a[1][0], b[1][0], rtol, atol, equal_nan)


def assert_allclose(
    actual: Any,
    desired: Any,
    rtol: float = 1e-07,
    atol: float = 0,
    equal_nan: bool = True,
    err_msg: str = "",
    verbose: bool = True,
) -> None:
    """Raise `AssertionError` unless two values have one shape, or one is a number, and are near."""
    a, b = array_of(actual), array_of(desired)
    assert a[0] == b[0] or a[0] == () or b[0] == (), f"shapes {a[0]} and {b[0]}"
    pairs = pairs_of(a, b if b[0] else ((1,), b[1]))  # a number is an array here as well
    close = all(near(x, y, rtol, atol, equal_nan) for x, y in pairs)
    assert close, f"{actual!r} is not near {desired!r}"


OFFERED = ("allclose", "isclose", "testing.assert_allclose", "ndarray", "inf", "nan", "pi", "e",
           "float16", "float32", "float64", "floating")  # fmt: skip
"""Names of numpy that the stand-in has. Its ``ndarray`` and number types exist for ``isinstance``
alone: no value of a script has them."""
_FUNCTIONS = (array_of, near, pairs_of, allclose, isclose, assert_allclose)


def stand_in() -> str:
    """Return Python source of `_stand_in_for_numpy`, which returns an object with all `OFFERED`."""
    body = "\n".join(inspect.getsource(f) for f in _FUNCTIONS).replace("Any", "object")
    end = """
class ndarray: pass
class float16(float): pass
class float32(float): pass
class float64(float): pass
class floating(float): pass
class testing: pass
class numpy: pass
testing.assert_allclose = staticmethod(assert_allclose)
numpy.allclose, numpy.isclose = staticmethod(allclose), staticmethod(isclose)
numpy.testing, numpy.ndarray, numpy.floating = testing, ndarray, floating
numpy.float16, numpy.float32, numpy.float64 = float16, float32, float64
numpy.inf, numpy.nan = float("inf"), float("nan")
numpy.pi, numpy.e = 3.141592653589793, 2.718281828459045
return numpy
"""
    return "def _stand_in_for_numpy():\n" + textwrap.indent(body + end, "    ")
