"""Examples of functions in sections: ``Input: nums = [2, 7], k = 9`` with ``Output: [0, 1]``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from sparring.solving.problems.found_example import FoundExample, call_example
from sparring.solving.problems.literals import (
    JSON_NAMES,
    NotLiteral,
    expression,
    leading_literal,
)
from sparring.solving.problems.sections import SectionKind, StatementSection, sections
from sparring.solving.problems.signatures import FunctionSignature
from sparring.tasks.suites.constants import NotConstant, constant

_FENCE = re.compile(r"\s*(?:```|~~~)")
_NAMED = re.compile(r"[ \t]*([A-Za-z_]\w*)[ \t]*[:=](?!=)[ \t]*")


def argument_examples(text: str, signature: FunctionSignature) -> Iterator[FoundExample]:
    """Yield the pairs of an input and an output section as calls of the function."""
    parts = sections(text)
    for first, second in pairwise(parts):
        if first.kind is SectionKind.INPUT and second.kind is SectionKind.OUTPUT:
            found = _pair(first, second, signature)
            if found is not None:
                yield found


def _pair(
    given: StatementSection, shown: StatementSection, signature: FunctionSignature
) -> FoundExample | None:
    """Return a pair of sections as an example, or refused; None if they describe forms in words."""
    input_text, output_text = _content(given), _content(shown)
    text = f"Input: {input_text} Output: {output_text}"
    sample = given.is_sample or shown.is_sample
    try:
        arguments, keywords = _arguments(input_text, signature)
        value, rest = leading_literal(output_text)
    except NotLiteral as error:
        return FoundExample(given.line, text, None, str(error)) if sample else None
    source = output_text[: len(output_text) - len(rest)]
    return call_example(given.line, text, signature, arguments, keywords, value, source)


def _content(section: StatementSection) -> str:
    """Return the text of a section, without fences and without the backticks around it."""
    lines = [section.inline, *section.below]
    kept = [line.strip() for line in lines if line.strip() and not _FENCE.match(line)]
    text = "\n".join(kept).strip()
    if section.inline.startswith("`"):
        text = section.inline
    return text.strip("`").strip()


def _arguments(text: str, signature: FunctionSignature) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments that an input's text states, all by position where the parameters are
    known. Raises `NotLiteral`."""
    call = _call(text, signature)
    try:
        positional = [constant(a, JSON_NAMES) for a in call.args]
        named = {str(k.arg): constant(k.value, JSON_NAMES) for k in call.keywords}
    except NotConstant as error:
        raise NotLiteral(str(error)) from None
    if any(k.arg is None for k in call.keywords):
        raise NotLiteral("named arguments from a dictionary")
    names = signature.parameters
    if names is None:
        if named or len(positional) != 1:
            raise NotLiteral("the text does not say the parameters of the function")
        return positional, {}
    if len(positional) > 1 and "\n" in text:
        raise NotLiteral("several lines without names, which may be standard input")
    if positional and named:
        raise NotLiteral("some arguments with their names, some without")
    if named and {*named} == {*names[: len(named)]}:
        return [named[name] for name in names[: len(named)]], {}
    return positional, named


def _call(text: str, signature: FunctionSignature) -> ast.Call:
    """Return the call that an input's text stands for: ``nums = [1], k = 2``, one value a line, or
    the call itself. Raises `NotLiteral`."""
    if not text:
        raise NotLiteral("no input")
    if re.match(rf"(?:\w+\(?\)?\.)?{re.escape(signature.name)}\s*\(", text):
        call = expression(text)
    else:
        call = expression(f"_({_joined(text)})")
    if not isinstance(call, ast.Call):
        raise NotLiteral("neither arguments nor a call")
    return call


def _joined(text: str) -> str:
    """Return arguments on several lines as one line, ``name : value`` as ``name = value``."""
    lines = []
    for line in text.split("\n"):
        match = _NAMED.match(line)
        line = f"{match[1]} = {line[match.end() :]}" if match else line
        lines.append(line.rstrip().rstrip(".").rstrip(","))
    return ", ".join(lines) if all(_closed(x) for x in lines) else "\n".join(text.split("\n"))


def _closed(line: str) -> bool:
    return line.count("[") == line.count("]") and line.count("(") == line.count(")")
