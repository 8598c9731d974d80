"""Interactive sessions in a text: ``>>> f(1)`` and the result on the lines below it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sparring import values
from sparring.prompts.templates import called_as
from sparring.solving.problems.found_example import (
    WORD_WITHOUT_QUOTES,
    FoundExample,
    call_example,
    is_word,
)
from sparring.solving.problems.literals import NotLiteral, folded
from sparring.solving.problems.signatures import FunctionSignature
from sparring.tasks.suites.asserts import NotACall
from sparring.tasks.suites.scopes import assertions
from sparring.tasks.suites.suite import parsed

_PROMPT = re.compile(r"[ \t]*(?:[-*>][ \t]+)?(?:>>>|In ?\[\d+\]:)(?: (?P<code>.*))?\Z")
_MORE = re.compile(r"[ \t]*\.\.\.(?: (?P<code>.*))?\Z")
_END = re.compile(r"[ \t]*(?:\"\"\"|'''|```|~~~|>>>|\Z)")
_BLANK = "<BLANKLINE>"
_NO_LITERAL = "a result that is no literal"


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """Entry of a session: code, and the lines that Python answers with. ``line`` counts from 1,
    ``lines`` is the number of lines of both."""

    line: int
    code: str
    answer: str
    lines: int


def session_entries(text: str) -> Iterator[SessionEntry]:
    """Yield the entries of all sessions in a text."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        match = _PROMPT.match(lines[at])
        if match is None:
            at += 1
            continue
        start, code = at, [match["code"] or ""]
        at += 1
        while at < len(lines) and (more := _MORE.match(lines[at])):
            code.append(more["code"] or "")
            at += 1
        answer = []
        while at < len(lines) and not _END.match(lines[at]):
            answer.append(lines[at].strip())
            at += 1
        yield SessionEntry(start + 1, "\n".join(code).strip(), "\n".join(answer), at - start)


def session_source(text: str) -> str:
    """Return the code of all sessions in a text that is Python, without the answers."""
    return "".join(f"{e.code}\n" for e in session_entries(text) if parsed(e.code) is not None)


def doctest_examples(text: str, signature: FunctionSignature) -> Iterator[FoundExample]:
    """Yield the calls of the function in sessions, with the values that the sessions show.

    Assignments before a call are followed. An entry without an answer shows no value.
    """
    function = called_as(signature.entry_point)
    followed: list[ast.stmt] = []
    for entry in session_entries(text):
        tree = parsed(entry.code)
        if tree is None:
            continue
        shown = f"{entry.code} {entry.answer}"
        if not entry.answer:
            if not (len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr)):
                followed += tree.body
            continue
        calls = any(
            isinstance(n, ast.Call) and ast.unparse(n.func).rpartition(".")[2] == signature.name
            for n in ast.walk(tree)
        )
        if not calls:
            followed += [n for n in tree.body if not isinstance(n, ast.Expr)]
            continue
        if len(tree.body) != 1 or not isinstance(node := tree.body[0], ast.Expr):
            yield FoundExample(entry.line, shown, None, "several statements before one result")
            continue
        try:
            value = folded(entry.answer)
        except NotLiteral:
            reason = WORD_WITHOUT_QUOTES if is_word(entry.answer) else _NO_LITERAL
            yield FoundExample(entry.line, shown, None, reason)
            continue
        yield _read(entry, shown, followed, node.value, value, function, signature)


def _read(
    entry: SessionEntry,
    shown: str,
    followed: list[ast.stmt],
    call: ast.expr,
    value: object,
    function: str,
    signature: FunctionSignature,
) -> FoundExample:
    """Return an entry as an example, read like the assertion that the call equals the value."""
    asserted = ast.Assert(
        ast.Compare(call, [ast.Eq()], [ast.Constant(None)]), lineno=1, col_offset=0
    )
    module = ast.fix_missing_locations(ast.Module([*followed, asserted], []))
    read = [assertion.read for assertion in assertions(module, function)]
    if not read:
        return FoundExample(entry.line, shown, None, "no call of the function")
    last = read[-1]
    if isinstance(last, NotACall):
        return FoundExample(entry.line, shown, None, last.reason)
    arguments, keywords = values.decode(last.input)
    return call_example(entry.line, shown, signature, arguments, keywords, value, entry.answer)
