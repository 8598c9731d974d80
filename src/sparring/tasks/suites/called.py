"""One call of a function with constant arguments, and what it must return."""

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
    """A call and the value that it must have, both encoded (`values`), and how to compare."""

    input: str
    output: str
    checker: str = "value"


@dataclass(frozen=True, slots=True)
class Names:
    """Meanings of names where an expression stands. ``functions`` are names of the function that
    is tested, ``constants`` have values, ``results`` hold what one call of it returned."""

    functions: frozenset[str]
    constants: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Arguments] = field(default_factory=dict)

    def value(self, node: ast.expr) -> Any:
        """The value of an expression of constants. Raises `NotConstant`."""
        return constant(node, self.constants)

    def called(self, node: ast.expr) -> Arguments:
        """The arguments of an expression that is one plain call. Raises `NotConstant`."""
        if dotted(node) in self.results:
            return self.results[dotted(node)]
        if not isinstance(node, ast.Call) or dotted(node.func) not in self.functions:
            raise NotConstant("not one plain call of the function")
        return [self.value(a) for a in node.args], self.keywords(node)

    def keywords(self, call: ast.Call) -> dict[str, Any]:
        """The named arguments of any call. Raises `NotConstant`."""
        if any(keyword.arg is None for keyword in call.keywords):
            raise NotConstant("named arguments from a dictionary")
        return {str(keyword.arg): self.value(keyword.value) for keyword in call.keywords}

    def in_order(self, left: ast.expr, right: ast.expr) -> tuple[ast.expr, ast.expr]:
        """Both sides of a comparison, the one with the call first."""
        return (left, right) if self._calls(left) else (right, left)

    def _calls(self, node: ast.expr) -> bool:
        return any(
            dotted(n) in self.results
            or (isinstance(n, ast.Call) and dotted(n.func) in self.functions)
            for n in ast.walk(node)
            if isinstance(n, ast.expr)
        )


def made(call: Arguments, value: object, checker: str = "value") -> CallTest:
    """The test of a call. Raises `NotConstant` where a value is too large to be written."""
    own = set(map(id, changeable(value)))
    if own and not own.isdisjoint(map(id, changeable(call))):
        raise NotConstant("the value is the argument itself, which the call may change")
    try:
        return CallTest(values.encode(call), values.encode(value), checker)
    except values.NotPlain as error:
        raise NotConstant(str(error)) from error
