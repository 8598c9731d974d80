"""Fenced blocks of a text, as CommonMark defines them and as models write them.

From CommonMark: a fence is three or more backticks or tildes; an opening fence may have any info
string; a block ends at a fence of the same character, at least as long, with nothing behind it; the
indentation of the opening fence is removed from each line. List markers and quotation marks before
a fence are part of the fence.

Three things that CommonMark does not allow are read, because models write them:

- A fence may be indented by any amount, and may have invisible characters before it.
- A closing fence may have text behind it that is no info string, such as an end token or a
  sentence.
- Backticks may be escaped (``\\`\\`\\```).

The pairing of fences can be ambiguous for a reader who does not know what a block should hold:
`programs` looks at all `fences`, while `tests` uses `blocks`.
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
"""Number of columns between two tab stops, in CommonMark."""
_INFO_WORDS = 5
"""Least number of words at which text behind a fence is a sentence, whatever its first word."""

_PYTHON_WORDS = "python py ipython cpython pypy sage pyi"
_OTHER_WORDS = (
    "bash sh shell zsh fish console terminal cmd bat batch powershell ps c cpp c++ cc cxx h hpp "
    "cs csharp c# java javascript js jsx ts typescript tsx kotlin kt scala go golang rust rs ruby "
    "rb php perl pl swift r julia jl lua haskell hs ocaml ml lisp clojure elixir erlang dart sql "
    "html xml css scss less svg json jsonl yaml yml toml ini csv tsv makefile make cmake "
    "dockerfile diff patch latex tex mermaid dot asm vb vbnet matlab fortran pascal markdown md "
    "output stdout stderr stdin input log http graphql"
)
PYTHON = frozenset(_PYTHON_WORDS.split())
"""Words that mark a block as Python. Only the letters count: ``python3`` is ``python``."""
OTHER_LANGUAGES = frozenset(_OTHER_WORDS.split())
"""Words that mark a block as another language than Python."""


@dataclass(frozen=True, slots=True)
class Fence:
    """Line that looks like a fence: the text before it, its characters, and the text behind it."""

    line: int
    lead: str
    marks: str
    info: str

    def closed_by(self, other: Fence) -> bool:
        """Return True if the other fence may end a block that this one opens."""
        return other.marks[0] == self.marks[0] and len(other.marks) >= len(self.marks)

    @property
    def bare(self) -> bool:
        """True if the text behind the fence cannot belong to an opening fence, so that the fence
        may close a block."""
        words = self.info.split()
        if not words:
            return True
        if words[-1][-1] in ".!?:" or len(words) > _INFO_WORDS:
            return True
        first = language(words[0])
        if first in PYTHON or first in OTHER_LANGUAGES or words[0][0] in "{.":
            return False
        return len(words) > 2 or not re.match(r"[A-Za-z]", words[0])


@dataclass(frozen=True, slots=True)
class FencedBlock:
    """Fenced block: its info string, its lines without the fence's indentation, and the line
    numbers of its fences. ``end`` is None where the text ended before a closing fence."""

    info: str
    lines: list[str]
    start: int
    end: int | None


def language(info: str) -> str:
    """Return the language that an info string names, in lower case: ``python`` for
    ``Python3 main.py``, ``{.python}`` and ``language-python``; empty if it names none."""
    match = _LANGUAGE.match(info.lower())
    return match[1] if match else ""


def fence(text: str, line: int) -> Fence | None:
    """Return a line of text as a fence; None if the line is not one."""
    if "```" not in text and "~~~" not in text:
        if "\\`\\`\\`" not in text:
            return None
        text = text.replace("\\`", "`")
    match = _FENCE.match(text)
    return Fence(line, match["lead"], match["marks"], match["info"].strip()) if match else None


def fences(lines: list[str]) -> list[Fence]:
    """Return all lines that look like fences."""
    return [f for i, text in enumerate(lines) if (f := fence(text, i))]


def blocks(lines: list[str]) -> list[FencedBlock]:
    """Return the fenced blocks in order."""
    in_order: list[FencedBlock] = []
    opened: Fence | None = None
    for candidate in fences(lines):
        if opened is None:
            opened = candidate
        elif candidate.bare and opened.closed_by(candidate):
            inside = lines[opened.line + 1 : candidate.line]
            in_order.append(
                FencedBlock(
                    opened.info, dedented_lines(inside, opened.lead), opened.line, candidate.line
                )
            )
            opened = None
    if opened is not None:
        inside = lines[opened.line + 1 :]
        in_order.append(
            FencedBlock(opened.info, dedented_lines(inside, opened.lead), opened.line, None)
        )
    return in_order


def block_spans(text: str, offset: int) -> list[tuple[int, int]]:
    """Return the start and the end, in the text, of each closed block from ``offset`` on."""
    lines = text[offset:].split("\n")
    starts = [offset]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    return [(starts[b.start], starts[b.end]) for b in blocks(lines) if b.end is not None]


def dedented_lines(lines: list[str], lead: str) -> list[str]:
    """Return the lines without the quotation marks and the indentation of their block's fence."""
    quotes = lead.count(">")
    if not lead.strip(_INVISIBLE):
        return lines
    if quotes:
        mark = re.compile(rf"^(?:[ \t]*> ?){{0,{quotes}}}")
        lines = [line[m.end() :] if (m := mark.match(line)) else line for line in lines]
        lead = lead[lead.rindex(">") + 2 :]
    columns = _columns(lead)
    return [_without_columns(line, columns) for line in lines]


def _columns(lead: str) -> int:
    """Return the number of columns that a fence is indented by."""
    column = 0
    for character in lead:
        if character not in _INVISIBLE:
            column += _TAB - column % _TAB if character == "\t" else 1
    return column


def _without_columns(line: str, columns: int) -> str:
    """Return a line without up to ``columns`` columns of white space at its beginning."""
    column = removed = 0
    while removed < len(line) and column < columns and line[removed].isspace():
        column += _TAB - column % _TAB if line[removed] == "\t" else 1
        removed += 1
    return " " * max(0, column - columns) + line[removed:]
