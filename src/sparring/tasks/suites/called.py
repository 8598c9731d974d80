"""A call of a function with constant arguments, and the value that the call must return."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sparring import values
from sparring.tasks.suites.constants import NotConstant, changeable, constant, dotted

Arguments = tuple[list[Any], dict[str, Any]]
"""Values of a call's arguments: positional, named."""


@dataclass(frozen=True, slots=True)
class CallTest:
    """A call and its expected value, both encoded (`values`), and the checker that compares."""

    input: str
    output: str
    checker: str = "value"


@dataclass(frozen=True, slots=True)
class NameMeanings:
    """Meanings of names at an expression.

    ``functions`` are the names of the function under test. ``constants`` has the values of names
    for constants. For a name that holds the result of a call, ``results`` has the arguments of
    this call.
    """

    functions: frozenset[str]
    constants: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Arguments] = field(default_factory=dict)

    def value(self, node: ast.expr) -> Any:
        """Return the value of an expression of constants. Raises `NotConstant`."""
        return constant(node, self.constants)

    def called(self, node: ast.expr) -> Arguments:
        """Return the arguments of an expression that is one plain call. Raises `NotConstant`."""
        if dotted(node) in self.results:
            return self.results[dotted(node)]
        if not isinstance(node, ast.Call) or dotted(node.func) not in self.functions:
            raise NotConstant("not one plain call of the function")
        return [self.value(a) for a in node.args], self.keywords(node)

    def keywords(self, call: ast.Call) -> dict[str, Any]:
        """Return the named arguments of any call. Raises `NotConstant`."""
        if any(keyword.arg is None for keyword in call.keywords):
            raise NotConstant("named arguments from a dictionary")
        return {str(keyword.arg): self.value(keyword.value) for keyword in call.keywords}

    def in_order(self, left: ast.expr, right: ast.expr) -> tuple[ast.expr, ast.expr]:
        """Return both sides of a comparison, the side with the call first."""
        return (left, right) if self._calls(left) else (right, left)

    def _calls(self, node: ast.expr) -> bool:
        return any(
            dotted(n) in self.results
            or (isinstance(n, ast.Call) and dotted(n.func) in self.functions)
            for n in ast.walk(node)
            if isinstance(n, ast.expr)
        )


def encoded_test(call: Arguments, value: object, checker: str = "value") -> CallTest:
    """Return the test of a call.

    Raises `NotConstant` for a value that cannot be encoded, and for a value that shares a list,
    set or dictionary with the arguments, because the call may change that object.
    """
    inside_value = set(map(id, changeable(value)))
    if inside_value and not inside_value.isdisjoint(map(id, changeable(call))):
        raise NotConstant("the value is the argument itself, which the call may change")
    try:
        return CallTest(values.encode(call), values.encode(value), checker)
    except values.NotPlain as error:
        raise NotConstant(str(error)) from error
