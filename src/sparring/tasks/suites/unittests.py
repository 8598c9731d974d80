"""Read `unittest`'s assertions, such as ``self.assertEqual(f(x), y)``, as call tests.

A method is read if it states the value of one call. ``assertIn``, ``assertNotEqual``,
``assertRaises`` and similar methods state less, or something else, and are not read.
"""

from __future__ import annotations

import ast

from sparring.tasks.suites.called import CallTest, NameMeanings
from sparring.tasks.suites.constants import NotConstant
from sparring.tasks.suites.expressions import call_test, compared
from sparring.tasks.suites.tolerances import of_places, tolerance, within

_OF_TYPES: dict[str, tuple[type, ...]] = {
    "assertEqual": (object,),
    "assertEquals": (object,),
    "assertListEqual": (list,),
    "assertTupleEqual": (tuple,),
    "assertDictEqual": (dict,),
    "assertSetEqual": (set, frozenset),
    "assertMultiLineEqual": (str,),
}
"""Methods that compare by ``==``, and the types that both values must have."""
_PARAMETERS = {
    "assertTrue": ("expr",),
    "assertFalse": ("expr",),
    "assertIsNone": ("obj",),
    "assertIs": ("expr1", "expr2"),
    "assertAlmostEqual": ("first", "second", "places"),
    "assertAlmostEquals": ("first", "second", "places"),
} | dict.fromkeys(_OF_TYPES, ("first", "second"))
_NONE = ast.Constant(None)


def method_test(method: str, call: ast.Call, names: NameMeanings) -> CallTest:
    """Return the test that a call of a method of `unittest.TestCase` states.

    Raises `NotConstant` with the reason if the call states no test.
    """
    if method not in _PARAMETERS:
        raise NotConstant(f"{method} says nothing of the value of one call")
    arguments = _arguments_by_name(call, _PARAMETERS[method], delta="Almost" in method)
    values = [arguments.get(name) for name in _PARAMETERS[method]]
    first, second = values[0], values[1] if len(values) > 1 else _NONE
    if first is None or second is None:
        raise NotConstant(f"{method} without what it compares")
    if method == "assertTrue":
        return call_test(first, names)
    if method == "assertFalse":
        return call_test(ast.UnaryOp(ast.Not(), first), names)
    if method in ("assertIsNone", "assertIs"):
        return compared(first, ast.Is(), second, names)
    left, right = names.in_order(first, second)
    if method not in _OF_TYPES:
        return _almost(left, right, arguments, names)
    if not isinstance(names.value(right), _OF_TYPES[method]):
        raise NotConstant(f"{method} of another type")
    return compared(left, ast.Eq(), right, names)


def _arguments_by_name(
    call: ast.Call, parameters: tuple[str, ...], *, delta: bool
) -> dict[str, ast.expr]:
    """Return the arguments by the names of their parameters, including the message, if any."""
    names = (*parameters, "msg", *(("delta",) if delta else ()))
    arguments = dict(zip(names, call.args, strict=False))
    keywords = {k.arg: k.value for k in call.keywords if k.arg is not None}
    if (
        len(call.args) > len(names)
        or len(keywords) != len(call.keywords)
        or not set(names).issuperset(keywords)
        or arguments.keys() & keywords.keys()
        or any(isinstance(a, ast.Starred) for a in call.args)
    ):
        raise NotConstant("arguments that the method does not take")
    return arguments | keywords


def _almost(
    left: ast.expr, right: ast.expr, arguments: dict[str, ast.expr], names: NameMeanings
) -> CallTest:
    """Return the test of ``assertAlmostEqual``: within ``delta``, or equal to ``places`` (7)."""
    places, delta = (
        names.value(arguments[name]) if name in arguments else None for name in ("places", "delta")
    )
    if places is not None and delta is not None:
        raise NotConstant("both places and delta")
    most = tolerance(delta)
    if most is None:
        most = of_places(7 if places is None else places)
    return within(names.called(left), names.value(right), most, 0.0)
