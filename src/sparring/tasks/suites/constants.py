"""Evaluate constant expressions from their syntax, without executing code.

- Constants are literals, arithmetic on literals, calls of built-in types (``float("inf")``,
  ``set()``, ``dict(a=1)``), a few names of `math`, and names that stand for a constant.
- Expressions whose value could become very large are refused.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

_MAX_PARTS = 100_000
_MAX_DIGITS_BITS = 100_000
_CHARACTERS_A_PART = 64


class NotConstant(Exception):
    """Raised for an expression whose value cannot be told without executing it."""


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
TYPES: dict[str, Callable[..., Any]] = {
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
CONSTANTS = {
    "math.inf": math.inf,
    "math.nan": math.nan,
    "math.pi": math.pi,
    "math.e": math.e,
    "math.tau": math.tau,
}
"""Constants of modules, by dotted name."""


def constant(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return the value of an expression of constants; ``names`` has the values of names.

    Raises `NotConstant` for any other expression.
    """
    try:
        return _fold(node, names)
    except (ArithmeticError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise NotConstant(f"{type(error).__name__}: {error}") from error


def dotted(node: ast.expr) -> str:
    """Return ``a.b`` for a name with attributes, ``A().b`` for an empty call; otherwise ""."""
    parts: list[str] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            parts.append(f".{node.attr}")
            node = node.value
        elif isinstance(node, ast.Call) and not (node.args or node.keywords):
            parts.append("()")  # `Solution().f` may be a name of the function
            node = node.func
        else:
            return ""
    return "".join((node.id, *reversed(parts)))


def _fold(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value) if value is not Ellipsis:
            return value
        case ast.List(elts=parts):
            return [_fold(p, names) for p in parts]
        case ast.Tuple(elts=parts):
            return tuple(_fold(p, names) for p in parts)
        case ast.Set(elts=parts):
            return {bounded(_fold(p, names)) for p in parts}
        case ast.Dict(keys=keys, values=items) if None not in keys:
            pairs = zip(keys, items, strict=True)
            return {bounded(_fold(k, names)): _fold(v, names) for k, v in pairs if k is not None}
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_fold(operand, names))
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _fold(left, names), _fold(right, names))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name in TYPES:
            return _typed(name, [_fold(a, names) for a in args], keywords, names)
        case ast.Name() | ast.Attribute() if dotted(node) in names:
            return names[dotted(node)]
        case ast.Attribute() if dotted(node) in CONSTANTS:
            return CONSTANTS[dotted(node)]
    raise NotConstant(f"not a constant: {ast.unparse(node)[:60]}")


def _typed(
    name: str, arguments: list[Any], keywords: list[ast.keyword], names: Mapping[str, Any]
) -> Any:
    """Return the value of a call of a built-in type."""
    keyword_values = {k.arg: _fold(k.value, names) for k in keywords if k.arg is not None}
    if keywords and (name != "dict" or len(keyword_values) != len(keywords)):
        raise NotConstant(f"{name} with named arguments")
    if name in ("list", "tuple", "set", "frozenset") and any(
        isinstance(g, range) and len(g) > _MAX_PARTS for g in arguments
    ):
        raise NotConstant("a range that is too long")
    if name in ("set", "frozenset", "dict"):
        bounded(arguments)  # hashing a nested tuple visits a shared part once per occurrence
    return TYPES[name](*arguments, **keyword_values)


def changeable(value: Any) -> list[Any]:
    """Return the lists, sets and dictionaries inside a value, and the value itself if it is one of
    these."""
    waiting, parts = [value], {}
    while waiting:
        part = waiting.pop()
        if id(part) in parts or not isinstance(part, (list, tuple, set, frozenset, dict)):
            continue
        parts[id(part)] = part
        waiting += [*part.keys(), *part.values()] if isinstance(part, dict) else part
    return [part for part in parts.values() if isinstance(part, (list, set, dict))]


def bounded(value: Any) -> Any:
    """Return a value unchanged. Raises `NotConstant` if the value has too many parts.

    A short text can make a huge value: by names (``a = (a, a)`` again and again), or by nested
    repetition.
    """
    waiting, count = [value], 0
    while waiting:
        part = waiting.pop()
        count += 1
        if isinstance(part, (str, bytes)):
            count += len(part) // _CHARACTERS_A_PART
        elif isinstance(part, int):
            count += part.bit_length() // _CHARACTERS_A_PART
        elif isinstance(part, dict):
            count += len(part)
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, (list, tuple, set, frozenset)):
            waiting += part
        if count + len(waiting) > _MAX_PARTS:
            raise NotConstant(f"more than {_MAX_PARTS:,} parts")
    return value


def _binary(op: ast.operator, left: Any, right: Any) -> Any:
    """Return the result of an operation. Raises `NotConstant` if it could be very large."""
    if isinstance(op, ast.Pow):
        if (
            isinstance(left, (int, float))
            and isinstance(right, (int, float))
            and abs(right) * max(_bits(left), 1) < _MAX_DIGITS_BITS
        ):
            return left**right
        raise NotConstant("a power that is too large")
    if isinstance(op, ast.LShift) and not (isinstance(right, int) and right < _MAX_DIGITS_BITS):
        raise NotConstant("a shift that is too large")
    if isinstance(op, ast.Mult):
        for sequence, times in ((left, right), (right, left)):
            repeated = isinstance(sequence, (str, bytes, list, tuple)) and isinstance(times, int)
            if repeated and len(sequence) * times > _MAX_PARTS:
                raise NotConstant("a repetition that is too long")
        if _bits(left) + _bits(right) > _MAX_DIGITS_BITS:
            raise NotConstant("a product that is too large")
    if isinstance(op, ast.Mod) and isinstance(left, (str, bytes)):
        raise NotConstant("a format")
    if type(op) not in _BINARY:
        raise NotConstant(f"an operator that is not known here: {type(op).__name__}")
    return _BINARY[type(op)](left, right)


def _bits(value: object) -> int:
    return value.bit_length() if isinstance(value, int) else 64
