"""Assertions in plain text: code that a response holds without a fence around it.

A passage is a run of lines that are Python and look like a test's lines: assertions, the lines that
they need above them, the functions and classes that they stand in. Each line is parsed. A sentence
is no passage, because it does not parse or calls nothing. Marks of lists, quotes and interactive
sessions before a line are ignored, and so are backticks around it.
"""

from __future__ import annotations

import ast
import codeop
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparring.tasks.suites.asserts import parse_beginning

_MARKS = re.compile(r"\s*(?:(?:[-*+>•]|\d{1,3}[.)]|>>>|\.\.\.)[ \t]+)+")
_LABEL = re.compile(r"\s*[*_]{0,2}[A-Z][\w #()-]{0,30}[*_]{0,2}:[*_]{0,2}[ \t]+(?=`*assert\b)")
_WRAPPED = re.compile(r"\s*(`{1,3}|\*\*)(?:python[ \t]+)?(\S.*?)[ \t]*\1[.,;:]?\s*\Z")
_SIMPLE = re.compile(
    r"(?:assert\b|(?:self|cls)\.assert\w+\(|import \w|from [\w.]+ import |#|"
    r"[A-Za-z_][\w.]*\(|[A-Za-z_(][\w., ()]*(?::[^=]*)?=(?!=))"
)
_COMPOUND = re.compile(
    r"(?:@\w|class \w+|(?:async )?def \w+\(|(?:if|for|while|with|try)\b.*:\s*(?:#.*)?\Z)"
)
_GOES_ON = re.compile(r"(?:else|elif|except|finally)\b.*:")
_SPAN = re.compile(r"(?<!`)(`{1,3})(?!`)(?:python\s+)?(assert\b[^`]*?)\s*\1(?!`)")
_NOT = re.compile(
    r"\b(?:not|never|cannot|wrong|incorrect|avoid|instead of)\b|n['’]t\b", re.IGNORECASE
)
_TAGS = re.compile(r"\s*<(code|test|answer|assertion|pre)>\s*(.*?)\s*</\1>\s*", re.IGNORECASE)
_LONGEST = 200
"""Most lines that a statement may have."""


def passages(text: str) -> Iterator[ast.Module]:
    """Yield the runs of lines of a text that are Python, in order."""
    reader = _Reader(text.split("\n"))
    run: list[ast.stmt] = []
    at = 0
    while at < len(reader.lines) and reader.patience > 0:
        bare = reader.lines[at].strip()
        if not bare or bare.startswith("#"):
            at += 1
            continue
        body, line_count = reader.statement(at)
        if body:
            run += body
        else:
            yield from _module_of(run)
            run = []
        at += line_count
    yield from _module_of(run)


def spans(text: str) -> Iterator[ast.Module]:
    """Yield the assertions between backticks in a text's sentences, in order. An assertion is left
    out where the words before it say not to write it."""
    for match in _SPAN.finditer(text):
        if _NOT.search(text[text.rfind("\n", 0, match.start()) + 1 : match.start()]):
            continue
        tree = _parsed(match[2])
        if tree is not None and len(tree.body) == 1:
            yield tree


def _module_of(run: list[ast.stmt]) -> Iterator[ast.Module]:
    if run:
        yield ast.Module(run, [])


@dataclass(slots=True)
class _Reader:
    """Reader of statements among lines. ``patience`` bounds its work: a text of nothing but open
    brackets would otherwise take hours."""

    lines: Sequence[str]
    patience: int = 3000
    """Number of lines that may still be looked at twice."""

    def statement(self, start: int) -> tuple[list[ast.stmt], int]:
        """Return the statements that begin at a line, and the number of lines that they take. If
        the line is text, no statement is returned."""
        if _COMPOUND.match(self.lines[start].strip()):
            return self._compound(start)
        code = _unmarked(self.lines[start])
        if not _SIMPLE.match(code):
            return [], 1
        end = start + 1
        while end < min(len(self.lines), start + _LONGEST) and _unfinished(code):
            code += f"\n{self.lines[end]}"
            end += 1
        self.patience -= end - start - 1
        for candidate in (code, code.rstrip("`.,;: ")):
            if (tree := _parsed(candidate)) is not None:
                return tree.body, end - start
        return [], 1

    def _compound(self, start: int) -> tuple[list[ast.stmt], int]:
        """Return a function, a class, a loop or a branch, as far as it is Python."""
        indent, end = _indent(self.lines[start]), start + 1
        while end < len(self.lines):
            line, before = self.lines[end].strip(), self.lines[end - 1].strip()
            goes_on = _GOES_ON.match(line) or (before.startswith("@") and _COMPOUND.match(line))
            if line and _indent(self.lines[end]) <= indent and not goes_on:
                break
            end += 1
        self.patience -= end - start - 1
        text = textwrap.dedent("\n".join(self.lines[start:end])) + "\n"
        tree, rest = parse_beginning(text)
        line_count = text[: len(text) - len(rest)].count("\n")
        return (tree.body, line_count) if tree.body else ([], 1)


def _unmarked(line: str) -> str:
    """Return a line without the marks of lists, quotes and sessions before it, and without tags
    and backticks around it."""
    line = tagged[2] if (tagged := _TAGS.fullmatch(line)) else line
    line = _MARKS.sub("", line, count=1) if _MARKS.match(line) else line
    label = _LABEL.match(line)
    line = line[label.end() :] if label else line
    wrapped = _WRAPPED.match(line)
    return (wrapped[2] if wrapped else line).strip()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _unfinished(code: str) -> bool:
    """Return True if code breaks off inside of brackets or of a string."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return codeop.compile_command(code, symbol="exec") is None
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False


def _parsed(code: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
