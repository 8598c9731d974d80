"""Assertions that a statement shows: ``assert f(2) == 4``, in blocks or between its lines."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sparring import values
from sparring.grading.bare import passages
from sparring.prompts.templates import called_as
from sparring.solving.problems.found_example import FoundExample, call_example
from sparring.solving.problems.signatures import FunctionSignature
from sparring.tasks.suites.asserts import NotACall, assertion_text
from sparring.tasks.suites.scopes import assertions


def asserted_examples(text: str, signature: FunctionSignature) -> Iterator[FoundExample]:
    """Yield the assertions about the function in a text, read as the data sets' are (`suites`)."""
    if "assert" not in text:
        return
    function = called_as(signature.entry_point)
    lines = text.split("\n")
    for tree in passages(text):
        for assertion in assertions(tree, function):
            source = assertion_text(assertion.node)
            if signature.name not in source:
                continue
            line = _line(lines, source)
            if isinstance(assertion.read, NotACall):
                yield FoundExample(line, source, None, assertion.read.reason)
                continue
            arguments, keywords = values.decode(assertion.read.input)
            value = values.decode(assertion.read.output)
            shown = ast.unparse(assertion.node)
            found = call_example(line, source, signature, arguments, keywords, value, shown)
            if found.test and assertion.read.checker not in ("value", "typed"):
                yield FoundExample(line, source, None, "an assertion that states no exact value")
                continue
            yield found


def _line(lines: list[str], source: str) -> int:
    """Return the number of the line that an assertion begins on; 1 if it was found nowhere."""
    wanted = "".join(source.split())[:40].replace('"', "'")
    for number, line in enumerate(lines, start=1):
        if wanted in "".join(line.split()).replace('"', "'"):
            return number
    return next((n for n, line in enumerate(lines, start=1) if "assert" in line), 1)
