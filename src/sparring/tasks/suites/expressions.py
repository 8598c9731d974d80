"""Read an asserted expression as a call of a function and the value that the call must have.

- The function is called once with constant arguments.
- The call is compared with a constant by ``==`` or ``is``, on either side, or within a tolerance
  (`tolerances`); or it stands alone or after ``not``.
- A name may stand for a constant, for the function, or for the result of one call (`NameMeanings`).
- Nothing is executed.
"""

from __future__ import annotations

import ast

from sparring.tasks.suites.called import CallTest, NameMeanings, encoded_test
from sparring.tasks.suites.constants import NotConstant, dotted
from sparring.tasks.suites.tolerances import is_approx, near_approx, near_distance, near_isclose


def call_test(test: ast.expr, names: NameMeanings) -> CallTest:
    """Return the test that an asserted expression states.

    Raises `NotConstant` with the reason if the expression is not a call test.
    """
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return encoded_test(names.called(test.operand), False, "truth")
    if not isinstance(test, ast.Compare):
        if isinstance(test, ast.Call) and dotted(test.func) in ("isclose", "math.isclose"):
            return near_isclose(test, names)
        return encoded_test(names.called(test), True, "truth")
    if len(test.ops) != 1:
        raise NotConstant("several comparisons in one")
    return compared(test.left, test.ops[0], test.comparators[0], names)


def compared(left: ast.expr, op: ast.cmpop, right: ast.expr, names: NameMeanings) -> CallTest:
    """Return the test that one comparison states. Raises `NotConstant`."""
    if isinstance(op, (ast.Lt, ast.LtE)):
        return near_distance(left, right, names, strict=isinstance(op, ast.Lt))
    if not isinstance(op, (ast.Eq, ast.Is)):
        raise NotConstant("a comparison other than ==")
    left, right = names.in_order(left, right)
    if isinstance(left, ast.Compare) and isinstance(right, ast.Constant) and right.value is True:
        return call_test(left, names)  # ``(f(1) == 2) is True`` is ``f(1) == 2``
    call = names.called(left)
    if isinstance(right, ast.Call) and is_approx(right) and isinstance(op, ast.Eq):
        return near_approx(call, right, names)
    value = names.value(right)
    if isinstance(op, ast.Is):
        if value is not None and not isinstance(value, bool):
            raise NotConstant("`is` with what is neither None nor True nor False")
        return encoded_test(call, value, "typed")
    return encoded_test(call, value)
