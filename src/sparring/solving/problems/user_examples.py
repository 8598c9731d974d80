"""Public examples that the user gives: ``--example IN OUT``."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from sparring import values
from sparring.errors import DataError
from sparring.prompts.templates import called_as
from sparring.schema import Test, TestKind
from sparring.solving.problems.literals import JSON_NAMES, NotLiteral, expression, folded
from sparring.solving.problems.signatures import FunctionSignature
from sparring.tasks.rows.calls import call_test
from sparring.tasks.suites.constants import NotConstant, constant, dotted
from sparring.text import in_line


def called_function(examples: Sequence[tuple[str, str]]) -> str | None:
    """Return the function that all examples call by its name; None if one of them calls none."""
    names = set()
    for given, _ in examples:
        try:
            call = expression(given)
        except NotLiteral:
            return None
        if not isinstance(call, ast.Call) or not dotted(call.func):
            return None
        names.add(dotted(call.func).replace("()", ""))
    return names.pop() if len(names) == 1 else None


def user_examples(
    examples: Sequence[tuple[str, str]], signature: FunctionSignature | None
) -> tuple[Test, ...]:
    """Return the examples as tests: texts for a whole program, calls for a function.

    The input of a call is the call itself or its arguments. Raises `DataError`.
    """
    if signature is None:
        return tuple(Test(_ended(given), _ended(shown)) for given, shown in examples)
    return tuple(_call(given, shown, signature) for given, shown in examples)


def _ended(text: str) -> str:
    """Return a text that ends with a line end, as files do."""
    return text if not text or text.endswith("\n") else f"{text}\n"


def _call(given: str, shown: str, signature: FunctionSignature) -> Test:
    where = f"--example {in_line(given, 60)!r}"
    try:
        value = folded(shown)
    except NotLiteral:
        raise DataError(
            f"{where}: {in_line(shown, 60)!r} is no Python literal; put texts in quotes"
        ) from None
    try:
        arguments, keywords = _arguments(given, signature)
        if reason := signature.contradiction(arguments, keywords, value):
            raise NotLiteral(reason)
        test = call_test(arguments, keywords, value)
    except (NotLiteral, NotConstant, values.NotPlain) as error:
        raise DataError(
            f"{where}: {error}; give {called_as(signature.entry_point)}(…) with literals, or its "
            "arguments"
        ) from None
    return Test(test.input, test.output, TestKind.CALL)


def _arguments(given: str, signature: FunctionSignature) -> tuple[list[object], dict[str, object]]:
    """Return the arguments of an example's input. Raises `NotLiteral` and `NotConstant`."""
    names = {called_as(signature.entry_point), signature.entry_point, signature.name, "candidate"}
    try:
        call = expression(given)
    except NotLiteral:
        call = None
    is_call = isinstance(call, ast.Call) and dotted(call.func) in names
    if not is_call:
        call = expression(f"_({given})")
    if not isinstance(call, ast.Call):
        raise NotLiteral("neither a call nor arguments")
    if any(k.arg is None for k in call.keywords):
        raise NotLiteral("named arguments from a dictionary")
    keywords = {str(k.arg): constant(k.value, JSON_NAMES) for k in call.keywords}
    return [constant(a, JSON_NAMES) for a in call.args], keywords
