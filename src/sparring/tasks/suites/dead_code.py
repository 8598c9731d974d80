"""Find code that is never executed, as far as its syntax shows."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Always = Mapping[str, ast.expr]
"""Constants of names that are bound once."""
_EXITS = frozenset(("exit", "quit", "_exit", "skip", "skipTest", "xfail"))
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.Gt: operator.gt,
}
_COMPARE |= {
    ast.LtE: operator.le,
    ast.GtE: operator.ge,
    ast.Is: operator.eq,
    ast.IsNot: operator.ne,
}


def live_parts(node: ast.stmt, always: Always) -> Iterator[ast.expr | Sequence[ast.stmt]]:
    """Yield the expressions of a statement, and the bodies that may be executed."""
    dead: list[str] = []
    if isinstance(node, (ast.If, ast.While)):
        holds = constant_truth(node.test, always)
        if holds is False:  # None: the execution decides
            dead.append("body")
        elif holds and isinstance(node, ast.If):
            dead.append("orelse")
    elif isinstance(node, (ast.For, ast.AsyncFor)) and constant_truth(node.iter, always) is False:
        dead.append("body")
    for name, value in ast.iter_fields(node):
        if name in dead:
            continue
        if isinstance(value, ast.expr):
            yield value
        elif isinstance(value, list):
            if value and isinstance(value[0], ast.stmt):
                yield value
            else:
                yield from _inside(value)


def _inside(parts: Sequence[object]) -> Iterator[ast.expr | Sequence[ast.stmt]]:
    for part in parts:  # targets, items of a `with`, handlers, cases
        if isinstance(part, ast.expr):
            yield part
        elif isinstance(part, ast.withitem):
            yield part.context_expr
        elif isinstance(part, ast.ExceptHandler):
            yield from ([part.type] if part.type else [])
            yield part.body
        elif isinstance(part, ast.match_case):
            yield from ([part.guard] if part.guard else [])
            yield part.body


def ends_body(node: ast.stmt, always: Always) -> bool:
    """Return True if the statements after this one in its body are never executed."""
    if isinstance(node, (ast.Return, ast.Raise, ast.Continue, ast.Break)):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        function = node.value.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        return name in _EXITS
    if isinstance(node, ast.If):
        holds = constant_truth(node.test, always)
        branches = (
            [node.body] if holds else [node.orelse] if holds is False else [node.body, node.orelse]
        )
        return all(any(ends_body(each, always) for each in branch) for branch in branches)
    if isinstance(node, ast.While) and constant_truth(node.test, always):
        return not any(isinstance(part, (ast.Break, ast.Return)) for part in ast.walk(node))
    return False


def always_true(test: ast.expr, always: Always) -> bool:
    """Return True if an assertion always holds: a true constant, or a non-empty tuple."""
    return bool(constant_truth(test, always)) or (isinstance(test, ast.Tuple) and bool(test.elts))


def constant_truth(test: ast.expr, always: Always) -> bool | None:
    """Return the truth value of a condition from its syntax; None if the execution decides."""
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]):
            return False
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return False
        case ast.Name(id="__debug__"):
            return True
        case ast.Name(id=name) if name in always:
            return constant_truth(always[name], {})
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            truth = constant_truth(operand, always)
            return None if truth is None else not truth
        case ast.BoolOp(op=op, values=parts):
            decides = isinstance(op, ast.Or)
            truths = [constant_truth(part, always) for part in parts]
            if decides in truths:
                return decides
            return None if None in truths else not decides
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            pair = [_constant(left, always), _constant(right, always)]
            if None not in pair and type(pair[0]) is type(pair[1]):
                return bool(_COMPARE[type(op)](*pair))
    return None


def _constant(node: ast.expr, always: Always) -> object:
    """Return a text or a number; None for any other expression."""
    if isinstance(node, ast.Name):
        if node.id == "__name__":
            return "__main__"  # a suite is executed under this name
        node = always.get(node.id, node)
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, (str, int, float)) else None
