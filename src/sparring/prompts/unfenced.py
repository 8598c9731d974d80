"""Code in prose without a fence: the lines of an answer that are Python.

A stretch begins at a line that looks like code, and ends before the first line that would make it
invalid Python. Lines that are Python by accident (``Done``, ``Note: this``) end it too, because a
sentence is never part of a program.
"""

from __future__ import annotations

import ast
import html
import re

from sparring.prompts.blocks import fence
from sparring.prompts.mend import to_the_letter
from sparring.prompts.pieces import CodePiece
from sparring.prompts.rules import Decision
from sparring.prompts.source import PythonSource, fault, is_code

_START = re.compile(
    r"\s*(?:from\s+[\w.]+\s+import\s|import\s+\w|(?:async\s+)?def\s+\w+\s*\(|class\s+\w+.*:|@\w|"
    r"[A-Za-z_][\w.\[\], ]*\s*(?::[^=]+)?=[^=]|(?:if|for|while|with)\s.*:\s*(?:#.*)?$|try:|print\()"
)
_TAGS = re.compile(
    r"(?:\[/?(?:PYTHON|CODE|ANSWER)\]|</?(?:code|pre|python|answer|solution|program)(?: [^<>]*)?>"
    r"|<\|[\w ]{1,30}\|>)(?: (?=\S))?",
    re.IGNORECASE,
)
_TICKS = re.compile(r"\s*`{1,2}(?:python|py)?\s*")
_SENTENCE = re.compile(
    r"[*_\[(\"'“]{0,3}[A-Z][\w'’-]*(?:[ ,]+[\w(`*]|[.:!]?[*_\])\"'”]{0,3}\s*$)"  # It adds, Done.
    r"|\S+(?: \S+){3,}[.:!?]\s*$"  # so that is all of it.
    r"|(?:#|\*\*|[-*+>|] |\d+[.)] |<|\[)"  # headings, lists, tables, tags
)
"""Beginning of a line at which code may end: no indentation, and words."""
_STARTS = 100
"""Number of lines that are tried as the beginning of a stretch."""
_BORDERS = 12
"""Number of fences that may stand inside of a stretch's string literals."""
_CUTS = 30
"""Number of times that a stretch is made shorter."""


def unfenced(lines: list[str]) -> list[CodePiece]:
    """Return the Python in an answer's lines, with its fences and tags taken as mere borders. A
    piece at the end of the answer has no end, because it may be incomplete."""
    untagged = _untagged("\n".join(lines))
    for some in (lines, untagged):  # in an answer that is all Python, a fence or tag is in a string
        whole_text = to_the_letter(some)
        if whole_text is not None and not any(map(_is_remark, whole_text.tree.body)):
            end = len(some) if not some[-1].strip() else None
            return [CodePiece("", some, 0, end, whole_text, (Decision.WHOLE_TEXT,))]
    last = len(untagged)
    return [
        CodePiece(
            "",
            untagged[start:end],
            start,
            end if end < last else None,
            source,
            (Decision.CODE_LINES,),
        )
        for start, end, source in _stretches(untagged)
    ]


def _untagged(text: str) -> list[str]:
    """Return the lines of an answer, with tags around code (``[PYTHON]``, ``<code>``) as line
    ends."""
    plain = _TAGS.sub("\n", text)
    if plain != text and re.search(r"</?(?:code|pre)>", text, re.IGNORECASE):
        plain = html.unescape(plain)
    return plain.split("\n")


def _stretches(lines: list[str]) -> list[tuple[int, int, PythonSource]]:
    """Return all stretches of Python: the first line of each, the line behind it, the source."""
    stretches = []
    at = tried = 0
    while at < len(lines) and tried < _STARTS:
        if not _START.match(lines[at]):
            at += 1
            continue
        tried += 1
        end, source = _stretch(lines, at)
        if source is not None:
            stretches.append((at, end, source))
        at = max(end, at + 1)
    return stretches


def _stretch(lines: list[str], start: int) -> tuple[int, PythonSource | None]:
    """Return the line behind the stretch that begins at a line and ends before a sentence, and its
    source. Broken code has no source, so that no part of a broken program is taken for one."""
    borders = [i for i in range(start, len(lines)) if _is_border(lines[i])][:_BORDERS]
    for border in [*borders, len(lines)]:
        if not _ends_in_text(lines[start:border]):
            return _stretch_to(lines, start, border)
    return _stretch_to(lines, start, next(iter(borders), len(lines)))


def _ends_in_text(part: list[str]) -> bool:
    """Return True if the lines end inside of a string in triple quotes: the fence behind them is
    then part of the string."""
    error = fault("\n".join(_flush(part)) + "\n") if part else None
    return error is not None and "unterminated triple-quoted" in str(error)


def _stretch_to(lines: list[str], start: int, border: int) -> tuple[int, PythonSource | None]:
    """Return the stretch that begins at a line and ends at a border or before it."""
    end = border
    for _ in range(_CUTS):
        while end > start and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
            end -= 1
        if end <= start:
            break
        part = _flush(lines[start:end])
        error = fault("\n".join(part) + "\n")
        if error is None:
            source = PythonSource("\n".join(part) + "\n")
            remark = next((n for n in source.tree.body[1:] if _is_remark(n)), None)
            if remark is None:
                return end, None if source.has_sentence else source
            end = start + remark.lineno - 1
            continue
        line = min(error.lineno or len(part), len(part)) - 1
        if not _SENTENCE.match(part[line]):
            return start + line, None
        end = start + line
    return start, None


def _is_remark(node: ast.stmt) -> bool:
    """Return True if a statement may be a word of prose: it does nothing, and is no quoted
    text."""
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return not (is_code(node) or text or isinstance(node, ast.Pass))


def _flush(lines: list[str]) -> list[str]:
    """Return the lines; each line that begins with the first line's indentation loses it."""
    indent = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    return [line.removeprefix(indent) for line in lines]


def _is_border(line: str) -> bool:
    return bool(fence(line, 0)) or bool(_TICKS.fullmatch(line))
