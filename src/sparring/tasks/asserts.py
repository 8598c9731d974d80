"""``assert f(x) == y``, as language models and data sets write it, as a call test.

What is understood: the function called once with constant arguments, compared by ``==`` (or
``is``, or alone, or with ``not``) with a constant, on either side; within a tolerance as
``abs(f(x) - y) < t``, `math.isclose` or `pytest.approx`. Constants are literals, arithmetic on
them, and the types' own names: ``float("inf")``, ``set()``, ``[0] * 5``. Nothing is executed.
What is not understood is returned with its reason: it may still be run as a script.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sparring import values

_MAX_PARTS = 100_000
_MAX_DIGITS_BITS = 100_000
_FINE = 1e-4
_PATIENT_TRIES = 50


class _NotConstant(Exception):
    """An expression whose value cannot be told without running it."""


@dataclass(frozen=True, slots=True)
class CallTest:
    """A call and the value that it must have, both encoded (`values`), and how to compare."""

    input: str
    output: str
    checker: str = "value"


@dataclass(frozen=True, slots=True)
class NotACall:
    """An assertion that is no call test, and why."""

    source: str
    reason: str


def parse_asserts(source: str, names: Sequence[str]) -> list[CallTest | NotACall]:
    """Every assertion of `source`, in order; the function goes by any of `names`.

    A `source` that is cut off in the middle is read as far as it is whole; what is left is one
    `NotACall`. Assertions inside functions count, those inside loops and branches do not: what
    they assert depends on the run.
    """
    tree, rest = _parse(source)
    found: list[CallTest | NotACall] = []
    for node, nested in _assertions(tree.body):
        text = _text(node)
        if nested:
            found.append(NotACall(text, "inside a loop or a branch"))
            continue
        try:
            found.append(_call_test(node.test, set(names)))
        except _NotConstant as error:
            found.append(NotACall(text, str(error)))
        except (ArithmeticError, ValueError, TypeError, RecursionError, MemoryError) as error:
            found.append(NotACall(text, f"{type(error).__name__}: {error}"))
    if rest.strip():
        found.append(NotACall(rest, "not Python, or cut off"))
    return found


def _parse(source: str) -> tuple[ast.Module, str]:
    """A long beginning, in whole lines, that is Python; and the rest.

    The longest, unless that is hard to find: after some tries half of what is left is cut off.
    """
    lines = source.splitlines(keepends=True)
    end, tries = len(lines), 0
    while end > 0:
        tries += 1
        # Without a limit to patience, a long text would be read for hours.
        least = 1 if tries <= _PATIENT_TRIES else (end + 1) // 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return ast.parse("".join(lines[:end])), "".join(lines[end:])
            except SyntaxError as error:
                # What is wrong stands at this line or above: no need to try each one below.
                end = min(end - least, max((error.lineno or end) - 1, 0))
            except (ValueError, RecursionError, MemoryError):
                end -= least
    return ast.Module([], []), source


def _assertions(body: Sequence[ast.stmt]) -> list[tuple[ast.Assert, bool]]:
    """Each assertion, in order, and whether it stands in a loop or a branch."""
    found: list[tuple[ast.Assert, bool]] = []
    # A stack of our own: a chain of `elif` is as deep as it is long.
    waiting = [(node, False) for node in reversed(body)]
    while waiting:
        node, nested = waiting.pop()
        if isinstance(node, ast.Assert):
            found.append((node, nested))
            continue
        inside: list[ast.stmt] = []
        for part in (node, *getattr(node, "handlers", []), *getattr(node, "cases", [])):
            for name in ("body", "orelse", "finalbody"):
                inside += getattr(part, name, [])
        branch = nested or not isinstance(node, (ast.FunctionDef, ast.ClassDef))
        waiting += [(one, branch) for one in reversed(inside)]
    return found


def _text(node: ast.Assert) -> str:
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError, MemoryError):
        return f"the assertion at line {node.lineno}"


def _call_test(test: ast.expr, names: set[str]) -> CallTest:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _made(_call(test.operand, names), False, "truth")
    if not isinstance(test, ast.Compare):
        if isinstance(test, ast.Call) and _name(test.func) in ("isclose", "math.isclose"):
            return _isclose(test, names)
        return _made(_call(test, names), True, "truth")
    if len(test.ops) != 1:
        raise _NotConstant("several comparisons in one")
    left, right = test.left, test.comparators[0]
    if isinstance(test.ops[0], (ast.Lt, ast.LtE)):
        return _distance(left, right, names, strict=isinstance(test.ops[0], ast.Lt))
    if not isinstance(test.ops[0], (ast.Eq, ast.Is)):
        raise _NotConstant("a comparison other than ==")
    if not _calls(left, names):
        left, right = right, left
    call = _call(left, names)
    if isinstance(right, ast.Call) and _name(right.func) in ("approx", "pytest.approx"):
        named = _named(right)
        if len(right.args) != 1:
            raise _NotConstant("approx without one value")
        absolute, relative = _tolerance(named.get("abs")), _tolerance(named.get("rel"))
        if relative is None:  # pytest's rule: an absolute tolerance alone is meant alone
            relative = 1e-6 if absolute is None else 0.0
        absolute = 1e-12 if absolute is None else absolute
        return _within(call, right.args[0], absolute, relative, several=True)
    value = _constant(right)
    if isinstance(test.ops[0], ast.Is):
        if value is not None and not isinstance(value, bool):
            raise _NotConstant("`is` with what is neither None nor True nor False")
        return _made(call, value, "typed")
    return _made(call, value)


def _within(
    call: ast.Call, node: ast.expr, absolute: float, relative: float, *, several: bool = False
) -> CallTest:
    """The call's value is near that of `node`: a number or, with `several`, numbers in a row."""
    value = _constant(node)
    numbers = [value]
    if several and isinstance(value, (list, tuple)):
        numbers = list(value)
    elif several and isinstance(value, dict):
        numbers = list(value.values())
    if any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in numbers):
        raise _NotConstant("a tolerance around what is no number")
    if isinstance(value, int):  # a tolerance is one between floats
        value = float(value)
    return _made(call, value, f"value(abs={absolute!r}, rel={relative!r})")


def _made(call: ast.Call, value: object, checker: str = "value") -> CallTest:
    arguments = [_constant(a) for a in call.args]
    named = _named(call)
    try:
        return CallTest(values.encode((arguments, named)), values.encode(value), checker)
    except values.NotPlain as error:
        raise _NotConstant(str(error)) from error


def _distance(left: ast.expr, right: ast.expr, names: set[str], *, strict: bool) -> CallTest:
    """``abs(f(x) - y) < t``, or y first."""
    if (
        isinstance(left, ast.Call)
        and _name(left.func) in ("abs", "math.fabs")
        and len(left.args) == 1
        and isinstance(left.args[0], ast.BinOp)
        and isinstance(left.args[0].op, ast.Sub)
    ):
        first, second = left.args[0].left, left.args[0].right
        if not _calls(first, names):
            first, second = second, first
        most = _positive(right)
        if strict:
            most = math.nextafter(most, 0.0)
        return _within(_call(first, names), second, most, 0.0)
    raise _NotConstant("a comparison other than ==")


def _isclose(test: ast.Call, names: set[str]) -> CallTest:
    if len(test.args) != 2:
        raise _NotConstant("isclose without two values")
    first, second = test.args
    if not _calls(first, names):
        first, second = second, first
    named = _named(test)
    relative, absolute = _tolerance(named.get("rel_tol", 1e-9)), _tolerance(named.get("abs_tol", 0))
    if relative is None or absolute is None or relative > _FINE:
        # It is relative to the larger of the two values, ours to the expected one.
        raise _NotConstant("isclose with a coarse relative tolerance")
    return _within(_call(first, names), second, absolute, relative)


def _tolerance(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _NotConstant("a tolerance that is no number")
    if not 0 <= value < math.inf:
        raise _NotConstant("a tolerance that is negative or not finite")
    return float(value)


def _positive(node: ast.expr) -> float:
    value = _constant(node)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise _NotConstant("a tolerance that is no positive number")
    return float(value)


def _call(node: ast.expr, names: set[str]) -> ast.Call:
    if not isinstance(node, ast.Call) or _name(node.func) not in names:
        raise _NotConstant("not one plain call of the function")
    return node


def _calls(node: ast.expr, names: set[str]) -> bool:
    return any(isinstance(n, ast.Call) and _name(n.func) in names for n in ast.walk(node))


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    if isinstance(node, ast.Call) and not (node.args or node.keywords):
        return f"{_name(node.func)}()"  # `Solution().f` is a name that the function may go by
    return ""


def _named(call: ast.Call) -> dict[str, Any]:
    if any(keyword.arg is None for keyword in call.keywords):
        raise _NotConstant("named arguments from a dictionary")
    return {str(keyword.arg): _constant(keyword.value) for keyword in call.keywords}


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.LShift: operator.lshift,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_TYPES: dict[str, Callable[..., Any]] = {
    "float": float,
    "int": int,
    "complex": complex,
    "set": set,
    "frozenset": frozenset,
    "list": list,
    "tuple": tuple,
    "dict": dict,
    "str": str,
    "range": range,
}
_CONSTANTS = {"math.inf": float("inf"), "math.nan": float("nan"), "math.pi": 3.141592653589793}


def _constant(node: ast.expr) -> Any:
    """The value of an expression of constants. Raises `_NotConstant`."""
    try:
        value = _fold(node)
    except (ArithmeticError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise _NotConstant(f"{type(error).__name__}: {error}") from error
    return value


def _fold(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value) if value is not Ellipsis:
            return value
        case ast.List(elts=parts):
            return [_fold(p) for p in parts]
        case ast.Tuple(elts=parts):
            return tuple(_fold(p) for p in parts)
        case ast.Set(elts=parts):
            return {_fold(p) for p in parts}
        case ast.Dict(keys=keys, values=held) if None not in keys:
            return {_fold(k): _fold(v) for k, v in zip(keys, held, strict=True) if k is not None}
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_fold(operand))
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _fold(left), _fold(right))
        case ast.Call(func=func, args=args, keywords=[]) if _name(func) in _TYPES:
            given = [_fold(a) for a in args]
            if _name(func) in ("list", "tuple", "set", "frozenset") and any(
                isinstance(g, range) and len(g) > _MAX_PARTS for g in given
            ):
                raise _NotConstant("a range that is too long")
            return _TYPES[_name(func)](*given)
        case ast.Attribute() if _name(node) in _CONSTANTS:
            return _CONSTANTS[_name(node)]
    raise _NotConstant(f"not a constant: {ast.unparse(node)[:60]}")


def _binary(op: ast.operator, left: Any, right: Any) -> Any:
    """Arithmetic whose result cannot be large beyond measure."""
    if isinstance(op, ast.Pow):
        if (
            isinstance(left, (int, float))
            and isinstance(right, (int, float))
            and abs(right) * max(_bits(left), 1) < _MAX_DIGITS_BITS
        ):
            return left**right
        raise _NotConstant("a power that is too large")
    if isinstance(op, ast.LShift) and not (isinstance(right, int) and right < _MAX_DIGITS_BITS):
        raise _NotConstant("a shift that is too large")
    if isinstance(op, ast.Mult):
        for sequence, times in ((left, right), (right, left)):
            repeated = isinstance(sequence, (str, bytes, list, tuple)) and isinstance(times, int)
            if repeated and len(sequence) * times > _MAX_PARTS:
                raise _NotConstant("a repetition that is too long")
        if _bits(left) + _bits(right) > _MAX_DIGITS_BITS:
            raise _NotConstant("a product that is too large")
    if isinstance(op, ast.Mod) and isinstance(left, (str, bytes)):
        raise _NotConstant("a format")
    if type(op) not in _BINARY:
        raise _NotConstant(f"an operator that is not known here: {type(op).__name__}")
    return _BINARY[type(op)](left, right)


def _bits(value: object) -> int:
    return value.bit_length() if isinstance(value, int) else 64
