"""Take the worked examples out of a function task's statement.

- HumanEval's statements hold examples, so that a tester may copy a right test from the statement.
  Without the examples, a right test needs an understanding of the statement.
- In a statement that is Python, only the texts of the function asked for (its docstring) change.
  Any other statement is prose as a whole.
- A statement that defines its function by calls (``fib(n) == fib(n-1) + …``) cannot do without
  them. Such a task is left out, and so is one of which nothing else remains.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sparring.schema import Task
from sparring.tasks.cleaning.calls_in_text import (
    FunctionInText,
    calls,
    is_mention,
    names_of,
    parameters,
)
from sparring.tasks.cleaning.example_lines import example_lines
from sparring.tasks.cleaning.example_sentences import without_example_sentences
from sparring.tasks.cleaning.filters import Reason, Removed
from sparring.tasks.rows.heads import prompt_tree
from sparring.text import in_line

_LITERAL = re.compile(r"[rRuU]?(\"\"\"|''')(.*)\1", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class BareStatement:
    """A statement without its worked examples.

    ``calls`` are the calls of the function that are left, mentions such as ``f(a, b)`` aside.
    ``empty``: no word is left in it beside code.
    """

    text: str
    calls: tuple[str, ...]
    empty: bool


def bare_statement(statement: str, entry_point: str) -> BareStatement:
    """Return a statement without its worked examples."""
    name = entry_point.rpartition(".")[2]
    places = _texts(statement, entry_point)
    if places is None:
        function = FunctionInText(name, _parameters(statement, name))
        text = _bare(statement, function, 0)
        return BareStatement(text, _calls(text, function), not _WORD.search(text))
    parts, start, words = [], 0, False
    for place in places.texts:
        bare = _bare(statement[place.start : place.end], places.function, place.indent)
        parts += [statement[start : place.start], bare]
        words = words or bool(_WORD.search(bare))
        start = place.end
    text = "".join([*parts, statement[start:]])
    return BareStatement(text, _calls(text, places.function), not words)


def without_examples(tasks: Sequence[Task]) -> tuple[list[Task], list[Removed]]:
    """Return the tasks without worked examples in their statements and without public examples,
    and the tasks that had to be left out, with reasons."""
    kept: list[Task] = []
    removed: list[Removed] = []
    for task in tasks:
        if task.entry_point is None:
            removed.append(Removed(task.id, Reason.EXAMPLES, "asks for a program, not a function"))
            continue
        bare = bare_statement(task.statement, task.entry_point)
        if bare.calls:
            detail = f"its statement needs the call {in_line(bare.calls[0], 60)}"
        elif bare.empty:
            detail = "its statement is nothing but examples"
        else:
            kept.append(replace(task, statement=bare.text, examples=()))
            continue
        removed.append(Removed(task.id, Reason.EXAMPLES, detail))
    return kept, removed


def has_examples(task: Task) -> bool:
    """Return True if the statement of a function task holds worked examples that can go."""
    if task.entry_point is None:
        return False
    return bare_statement(task.statement, task.entry_point).text != task.statement


@dataclass(frozen=True, slots=True)
class _Text:
    """The inside of a docstring: ``statement[start:end]``, and the column of its quotes."""

    start: int
    end: int
    indent: int


@dataclass(frozen=True, slots=True)
class _Texts:
    """The texts for people in a statement that is Python, and the function it asks for."""

    texts: tuple[_Text, ...]
    function: FunctionInText


def _texts(statement: str, entry_point: str) -> _Texts | None:
    """Return the texts of the module, the function and its class; None if this is not Python."""
    tree = prompt_tree(statement)
    if tree is None:
        return None
    inside: list[ast.stmt] = list(tree.body)
    bodies = [inside]
    for part in entry_point.split("."):
        node = next((n for n in inside if getattr(n, "name", None) == part), None)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inside = node.body
            bodies.append(inside)
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    # As Python ends lines: `splitlines` also splits elsewhere.
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", statement)
    texts = [
        text
        for body in bodies
        for statement_ in body
        if (text := _inside(statement_, statement, lines)) is not None
    ]
    texts.sort(key=lambda t: t.start)
    return _Texts(tuple(texts), FunctionInText(node.name, names_of(node.args)))


def _inside(node: ast.stmt, statement: str, lines: Sequence[str]) -> _Text | None:
    """Return the inside of a text that stands alone as a statement, if it has triple quotes."""
    match node:
        case ast.Expr(value=ast.Constant(value=str()) as value):
            start = _offset(lines, value.lineno, value.col_offset)
            end = _offset(lines, value.end_lineno or 0, value.end_col_offset or 0)
            literal = _LITERAL.fullmatch(statement[start:end])
            if literal is not None and literal[1] not in literal[2]:
                return _Text(start + literal.start(2), start + literal.end(2), value.col_offset)
    return None


def _offset(lines: Sequence[str], number: int, column: int) -> int:
    """Return the place of a line and column of `ast`, which counts bytes."""
    before = lines[number - 1].encode()[:column].decode()
    return sum(map(len, lines[: number - 1])) + len(before)


def _bare(text: str, function: FunctionInText, indent: int) -> str:
    """Return a text without its worked examples; ``indent`` is the column of its quotes."""
    lines = text.split("\n")
    tail = lines.pop() if len(lines) > 1 and not lines[-1].strip() else None
    marks = example_lines(lines, function, indent)
    kept = list(_joined(lines, marks, function))
    if kept == lines:
        return text
    if marks[0]:
        kept.insert(0, "")
    while len(kept) > 1 and not kept[-1].strip():
        kept.pop()
    if tail is None and marks[-1] and indent:
        tail = " " * indent
    return "\n".join(kept if tail is None else [*kept, tail])


def _joined(lines: Sequence[str], marks: Sequence[bool], function: FunctionInText) -> Iterator[str]:
    """Yield the lines without examples; of the blank lines around a removed part, one is left."""
    blank, cut = marks[0], False
    start = 0
    while start < len(lines):
        end = start
        while end < len(lines) and lines[end].strip() and not marks[end]:
            end += 1
        if end > start:
            text = without_example_sentences("\n".join(lines[start:end]), function)
            if text:
                yield from text.split("\n")
            blank, cut = (False, False) if text else (blank, True)
            start = end
        else:
            if not marks[start] and not (cut and blank):
                yield lines[start]
                blank = True
            cut = cut or marks[start]
            start += 1


def _calls(text: str, function: FunctionInText) -> tuple[str, ...]:
    found = (c for c in calls(text, function.name) if not is_mention(c, function))
    return tuple(text[c.start : c.end] for c in found)


def _parameters(statement: str, name: str) -> frozenset[str]:
    """Return the parameters that a statement in prose states: ``The function: f(a, b)``."""
    defined = re.search(rf"\bdef\s+{re.escape(name)}\s*(\([^()]*\))", statement)
    if defined is not None:
        return parameters(defined[1][1:-1]) or frozenset()
    stated = (parameters(c.arguments) for c in calls(statement, name))
    return frozenset().union(*(names for names in stated if names))
