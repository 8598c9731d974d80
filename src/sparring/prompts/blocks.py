"""Fenced blocks of a text: as CommonMark has them, and as models write them.

Of CommonMark: backticks or tildes, three or more; any info string; a block ends at a fence of the
same character, at least as long, with nothing behind it; the indentation of the opening fence is
taken off each line. List markers and the marks of a quotation before a fence are part of it.

Otherwise than there, because models write it:

- a fence may be indented by any amount, and invisible characters may stand before it;
- a closing fence may have text behind it that is no info string: an end token, a sentence;
- backticks may be escaped (``\\`\\`\\```).

Which fences belong together cannot always be told without knowing what a block should hold:
`programs` reads all of `fences`, tests (`tests`) the `blocks`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
_FENCE = re.compile(
    rf"^(?P<lead>[\s>{_INVISIBLE}]*(?:(?:[-*+]|\d{{1,3}}[.)])[ \t]+)?)"
    r"(?P<marks>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)$"
)
_LANGUAGE = re.compile(r"[\s{.]*(?:lang(?:uage)?[-:])?([a-z]+(?:[+]+|#)?)")
_TAB = 4
"""Columns between two tab stops, in CommonMark."""
_INFO_WORDS = 5
"""Words from which on what stands behind a fence is a sentence, whatever its first one is."""

_PYTHON_WORDS = "python py ipython cpython pypy sage pyi"
_FOREIGN_WORDS = (
    "bash sh shell zsh fish console terminal cmd bat batch powershell ps c cpp c++ cc cxx h hpp "
    "cs csharp c# java javascript js jsx ts typescript tsx kotlin kt scala go golang rust rs ruby "
    "rb php perl pl swift r julia jl lua haskell hs ocaml ml lisp clojure elixir erlang dart sql "
    "html xml css scss less svg json jsonl yaml yml toml ini csv tsv makefile make cmake "
    "dockerfile diff patch latex tex mermaid dot asm vb vbnet matlab fortran pascal markdown md "
    "output stdout stderr stdin input log http graphql"
)
PYTHON = frozenset(_PYTHON_WORDS.split())
"""Words that mark a block as Python; what follows the letters (``python3``) does not count."""
FOREIGN = frozenset(_FOREIGN_WORDS.split())
"""Words that mark a block as something else than Python."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A line that looks like a fence: what stands before it, its characters, and behind it."""

    line: int
    lead: str
    marks: str
    info: str

    def closed_by(self, other: Fence) -> bool:
        """Whether the other one may end a block that this one opens."""
        return other.marks[0] == self.marks[0] and len(other.marks) >= len(self.marks)

    @property
    def bare(self) -> bool:
        """Whether nothing stands behind it that an opening fence could have: it may close."""
        words = self.info.split()
        if not words:
            return True
        if words[-1][-1] in ".!?:" or len(words) > _INFO_WORDS:
            return True
        first = language(words[0])
        if first in PYTHON or first in FOREIGN or words[0][0] in "{.":
            return False
        return len(words) > 2 or not re.match(r"[A-Za-z]", words[0])


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its info string, its lines with the fence's indentation taken off, and the
    line numbers of its fences; ``end`` is None where the text ended first."""

    info: str
    lines: list[str]
    start: int
    end: int | None


def language(info: str) -> str:
    """The language that an info string names, in small letters: ``python`` of ``Python3 main.py``,
    ``{.python}`` and ``language-python``; empty if it names none."""
    match = _LANGUAGE.match(info.lower())
    return match[1] if match else ""


def fence(text: str, line: int) -> Fence | None:
    """The fence that a line of text is, if it is one."""
    if "```" not in text and "~~~" not in text:
        if "\\`\\`\\`" not in text:
            return None
        text = text.replace("\\`", "`")
    match = _FENCE.match(text)
    return Fence(line, match["lead"], match["marks"], match["info"].strip()) if match else None


def fences(lines: list[str]) -> list[Fence]:
    """All lines that look like fences."""
    return [f for i, text in enumerate(lines) if (f := fence(text, i))]


def blocks(lines: list[str]) -> list[Block]:
    """Fenced blocks in order."""
    found: list[Block] = []
    opened: Fence | None = None
    for each in fences(lines):
        if opened is None:
            opened = each
        elif each.bare and opened.closed_by(each):
            inside = lines[opened.line + 1 : each.line]
            found.append(Block(opened.info, taken_off(inside, opened.lead), opened.line, each.line))
            opened = None
    if opened is not None:
        inside = lines[opened.line + 1 :]
        found.append(Block(opened.info, taken_off(inside, opened.lead), opened.line, None))
    return found


def spans(text: str, begin: int) -> list[tuple[int, int]]:
    """Of the closed blocks from a place on: where each begins and ends in the text."""
    lines = text[begin:].split("\n")
    starts = [begin]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    return [(starts[b.start], starts[b.end]) for b in blocks(lines) if b.end is not None]


def taken_off(lines: list[str], lead: str) -> list[str]:
    """Lines without the quotation marks and the indentation of their block's fence."""
    quotes = lead.count(">")
    if not lead.strip(_INVISIBLE):
        return lines
    if quotes:
        mark = re.compile(rf"^(?:[ \t]*> ?){{0,{quotes}}}")
        lines = [line[m.end() :] if (m := mark.match(line)) else line for line in lines]
        lead = lead[lead.rindex(">") + 2 :]
    columns = _columns(lead)
    return [_less(line, columns) for line in lines]


def _columns(lead: str) -> int:
    """How far a fence is indented."""
    column = 0
    for character in lead:
        if character not in _INVISIBLE:
            column += _TAB - column % _TAB if character == "\t" else 1
    return column


def _less(line: str, columns: int) -> str:
    """A line without up to so many columns of white space."""
    column = taken = 0
    while taken < len(line) and column < columns and line[taken].isspace():
        column += _TAB - column % _TAB if line[taken] == "\t" else 1
        taken += 1
    return " " * max(0, column - columns) + line[taken:]
