"""Calls in a text with their values: ``f(2) == 4``, ``f(2) ➞ 4``, ``f(2) returns 4``.

Sessions with answers are read by `doctests` and are left out here. A call is read where it stands
by itself, with constant arguments, and where the value ends clearly (`literals`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sparring.solving.problems.doctests import session_entries
from sparring.solving.problems.found_example import (
    WORD_WITHOUT_QUOTES,
    FoundExample,
    call_example,
    is_word,
)
from sparring.solving.problems.literals import (
    JSON_NAMES,
    NotLiteral,
    bracket_end,
    expression,
    leading_literal,
)
from sparring.solving.problems.signatures import FunctionSignature
from sparring.tasks.suites.constants import NotConstant, constant

_ARROW = r"(?:={1,3}>|-{1,3}>|={2,3}|➞|→|⇒|➡️?|⟶|⟹|↦|:?=)"
_VERB = (
    r":?\s+(?:(?:should|will|must|would|shall)\s+)?(?:returns?|gives?|yields?|equals?|outputs?|"
    r"is\s+equal\s+to|evaluates?\s+to|be|is)(?:\s+equal\s+to)?:?(?=\s)"
)
_BETWEEN = re.compile(
    rf"[ \t]*`?(?:[ \t]*\n?[ \t]*(?:(?:#|//)[ \t]*)?{_ARROW}|{_VERB}"
    r"|;?[ \t]+(?:#|//)(?:\s*(?:returns?|output|result)\b:?)?)\s*`?"
)
_NOT_BEFORE = re.compile(
    r"(?:[-+*/%<>=!&|^~({\[,@]|\b(?:not|def|return|lambda|print|len|sum|if|unless|whether"
    r"|[Cc]urrently|[Aa]t\s+the\s+moment|instead\s+of|wrongly),?)\s*\Z"
)
_BULLET = re.compile(r"\s*(?:>>>|[-*+>•|]|\(?\w[.)])\s*\Z")
_CALLER = re.compile(r"(?:\w+|\w+\(\))\.\Z")
_MOST = 500
"""Most calls of one text that are looked at."""


def calls_with_values(text: str, signature: FunctionSignature) -> Iterator[FoundExample]:
    """Yield the calls of the function that a text shows with a value."""
    text = _without_sessions(text)
    name = re.escape(signature.name)
    defines = bool(re.search(rf"\b{name}\([A-Za-z_][^()\n]*\)[ \t]*=(?![=>])", text))
    opening = re.compile(rf"(?<![\w.]){name}\s?\(|(?<=\.){name}\s?\(")
    for count, match in enumerate(opening.finditer(text)):
        if count >= _MOST:
            return
        end = bracket_end(text, match.end() - 1)
        if end is None:
            continue
        between = _BETWEEN.match(text, end)
        if between is None:
            continue
        line_start = text.rfind("\n", 0, match.start()) + 1
        found = _found(text, match.start(), end, between.end(), line_start, signature)
        if found is not None and defines and between[0].strip(" `\n\t") == "=":
            found = FoundExample(found.line, found.text, None, "a step of a definition")
        if found is not None:
            yield found


def _found(
    text: str, start: int, end: int, value_at: int, line_start: int, signature: FunctionSignature
) -> FoundExample | None:
    """Return a call with a value as an example, or refused; None if it is no example at all, such
    as a step of a definition (``f(n) = f(n - 1) + 1``)."""
    line = text.count("\n", 0, start) + 1
    before = text[line_start:start]
    rest = text[value_at:]
    shown = f"{text[start:value_at]}{rest.split(chr(10), 1)[0]}"
    try:
        call = expression(text[start:end])
    except NotLiteral:
        return None
    assert isinstance(call, ast.Call)
    if any(k.arg is None for k in call.keywords):
        return None
    try:
        arguments = [constant(a, JSON_NAMES) for a in call.args]
        keywords = {str(k.arg): constant(k.value, JSON_NAMES) for k in call.keywords}
    except NotConstant:
        return _of_names(line, shown, rest, call, signature)
    if caller := _CALLER.search(before):
        before = before[: caller.start()]
    if _NOT_BEFORE.search(before) and not _BULLET.match(before):
        return FoundExample(line, shown, None, "part of a larger expression")
    try:
        value, behind = leading_literal(rest)
    except NotLiteral as error:
        reason = WORD_WITHOUT_QUOTES if is_word(rest.split("\n", 1)[0]) else str(error)
        return FoundExample(line, shown, None, reason)
    source = rest[: len(rest) - len(behind)]
    return call_example(line, shown, signature, arguments, keywords, value, source)


def _of_names(
    line: int, shown: str, rest: str, call: ast.Call, signature: FunctionSignature
) -> FoundExample | None:
    """Return a refused example for ``f(abc) => 3``, whose argument may lack its quotes; None for a
    definition, which names the function's own parameters."""
    parameters = {*(signature.parameters or ())}
    if parameters & {n.id for n in ast.walk(call) if isinstance(n, ast.Name)}:
        return None
    try:
        leading_literal(rest)
    except NotLiteral:
        return None
    return FoundExample(line, shown, None, "arguments that are no literals")


def _without_sessions(text: str) -> str:
    """Return a text in which the entries of sessions that have an answer are blank."""
    lines = text.split("\n")
    for entry in session_entries(text):
        if entry.answer:
            for at in range(entry.line - 1, entry.line - 1 + entry.lines):
                lines[at] = ""
    return "\n".join(lines)
