"""Sections of a statement: the texts behind ``Input``, ``Sample Output 1``, ``Note`` and others.

A heading stands on a line of its own, as text, in Markdown, between dashes (APPS) or in bold; or
its text begins behind a colon on the same line. The name decides the kind: "Input" alone may
describe the form of inputs or hold an example, "Sample Input" holds one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class SectionKind(StrEnum):
    """Kind of a section, by its heading."""

    INPUT = "input"
    OUTPUT = "output"
    EXAMPLES = "examples"
    """What follows are examples: "Examples", "Example 1", "Sample tests"."""
    OTHER = "other"
    """Any other heading, and the beginning of the text."""


@dataclass(frozen=True, slots=True)
class StatementSection:
    """Section of a statement. ``line`` of its heading counts from 1. ``is_sample``: the heading, or
    the one above it, says that this is an example. ``inline``: the text behind the heading's colon.
    ``below``: the lines below the heading, up to the next one, without the marks of a quotation
    that the heading stands in. ``numbers``: those in the heading, as in ``Sample Input 1``."""

    kind: SectionKind
    line: int
    is_sample: bool
    inline: str
    below: tuple[str, ...]
    numbers: tuple[str, ...] = ()


_MARKS = r"[\s>#*_=|•<\-–—\"']*"
_SAMPLE = r"(?:sample|example|public|test)s?"
_NUMBER = r"(?:\s*(?:\#|no\.?|case|test)?\s*\d{1,3})?"
_INPUT_OUTPUT = re.compile(
    rf"{_MARKS}(?P<sample>{_SAMPLE}\s*(?:(?:test\s*)?cases?|tests?)?{_NUMBER}\s*[:\-–]?\s*)?"
    r"(?:std|standard\s+|expected\s+)?(?P<kind>inputs?|outputs?|in|out)"
    rf"(?:\s+(?:data|example|copy))?(?P<of>\s+for\s+(?:the\s+)?{_SAMPLE}\s+inputs?)?{_NUMBER}"
    r"(?:\s*copy)?\s*(?P<rest>\**_*\s*[:=]\s*.*|[*_#=\-–—\s]*)\Z",
    re.IGNORECASE,
)
_EXAMPLES = re.compile(
    rf"{_MARKS}(?:(?:for|some|here\s+are\s+some)\s+)?{_SAMPLE}"
    r"(?:\s+(?:test\s*)?(?:cases?|tests?|inputs?\s*(?:/|and|&)\s*outputs?))?"
    rf"{_NUMBER}\s*[:*_#\-–—\s]*\Z",
    re.IGNORECASE,
)
_WORDS = (
    r"notes?|expla?nations?(?:\s+(?:of|for|to)\b[^:]{0,60})?|remarks?|constraints?|constrain|limits?|hints?|scoring|subtasks?|"
    r"follow[\s-]?up|(?:input|output)\s*(?:format|specifications?|description|file)|"
    r"problem(?:\s+statement)?|task|statement|source|description|function\s+description|returns?|"
    r"parameters?|args|arguments|variables|your\s+task|time\s+limit|memory\s+limit|interaction|"
    r"editorial|story|background|authors?|recommend"
)
_OTHER = re.compile(
    rf"{_MARKS}(?:{_WORDS}){_NUMBER}\s*(?::.*|[*_#=\-–—\s]*)\Z",
    re.IGNORECASE,
)
_OTHER_MARKDOWN = re.compile(r"\s*(?:#{1,6}\s+\S.*|\*\*[^*]{1,60}\*\*:?|-{3,}[^-].*-{3,})\s*\Z")
_QUOTES = re.compile(r"\s*(?:\"\"\"|''')\s*\Z")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_TAG = re.compile(
    r"\s*</?(?:div|section|p|pre|span|ul|ol|li|br|hr|h\d|details|summary|center)\b[^<>]{0,200}>\s*\Z"
)


def sections(text: str) -> list[StatementSection]:
    """Return the sections of a statement in order; the first is what stands above any heading."""
    parts: list[StatementSection] = []
    kind, start, sample, inline = SectionKind.OTHER, 0, False, ""
    numbers: tuple[str, ...] = ()
    below: list[str] = []
    in_examples = fenced = quoted = False
    for number, line in enumerate(text.split("\n"), start=1):
        is_fence = bool(_FENCE.match(line))
        fenced ^= is_fence
        heading = None if is_fence else _heading(line, fenced)
        if heading is None:
            if quoted and line.lstrip().startswith(">"):
                line = line.lstrip()[1:]
            below.append("" if not fenced and _TAG.match(line) else line)
            continue
        quoted = line.lstrip().startswith(">")
        parts.append(StatementSection(kind, start, sample, inline, tuple(below), numbers))
        kind, own_sample, inline, numbers = heading
        if kind is SectionKind.EXAMPLES:
            in_examples = True
        elif kind is SectionKind.OTHER and not _is_note(line):
            in_examples = False
        start, sample, below = number, own_sample or in_examples, []
    parts.append(StatementSection(kind, start, sample, inline, tuple(below), numbers))
    return parts


def _heading(line: str, fenced: bool) -> tuple[SectionKind, bool, str, tuple[str, ...]] | None:
    """Return the kind of a heading, whether it says that an example follows, the text behind its
    colon, and its numbers; None for a line that is no heading."""
    if not line.strip() or len(line) > 4000:
        return None
    match = _INPUT_OUTPUT.match(line)
    if match:
        word = match["kind"].lower()
        rest = match["rest"].strip("*_ \t")
        short = word in ("in", "out")
        if not (short and not rest.startswith((":", "="))):
            kind = SectionKind.INPUT if word.startswith("in") else SectionKind.OUTPUT
            is_sample = bool(match["sample"] or match["of"])
            numbers = tuple(re.findall(r"\d+", line[: match.start("rest")]))
            return kind, is_sample, rest.lstrip(":=").strip().lstrip("*_").strip(), numbers
    if _EXAMPLES.match(line):
        return SectionKind.EXAMPLES, True, "", ()
    if _OTHER.match(line) or _QUOTES.match(line):
        return SectionKind.OTHER, False, "", ()
    if not fenced and _OTHER_MARKDOWN.match(line):
        return SectionKind.OTHER, False, "", ()
    return None


def _is_note(line: str) -> bool:
    """Return True for a heading that may stand between two examples."""
    return bool(re.match(rf"{_MARKS}(?:explanation|note)", line, re.IGNORECASE))
