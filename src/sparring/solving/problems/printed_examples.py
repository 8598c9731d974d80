"""Examples of whole programs in sections: ``Sample Input 1`` with ``Sample Output 1``.

A section in a fenced block is taken to the letter. Otherwise blank lines around it are left out,
and text behind an output counts as a remark only where it is clearly a sentence; an output whose
end is unclear is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sparring.schema import Test
from sparring.solving.problems.found_example import FoundExample
from sparring.solving.problems.sections import SectionKind, StatementSection, sections

_FENCE = re.compile(r"\s*(?:```|~~~)")
_WORD = re.compile(r"[A-Za-z]{2,}")
_SENTENCE_WORDS = 4
"""Least number of words of a line that counts as a sentence."""
_DESCRIBES = re.compile(
    r"\s*[-*]?\s*(?:(?:print|output|return|read|the|an?|one|two|for|each|first|given|line)\b\s+\S"
    r"|[A-Z][a-z]+\s.*\.\s*\Z)",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\s*[A-Za-z][A-Za-z ]*\d*:\s*\Z")
_VALUE = re.compile(r"[A-Za-z_]\w*\s*=\s*\S")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?![\w.])")
_SENTENCE = re.compile(r"\s*[A-Z]\S*\s.*[A-Za-z]{2}.*\.\s*\Z")
_CUT_SHORT = re.compile(r"\d[\s,]+(?:\.\.\.|…)|^\s*…\s*\Z")
_REMARK = re.compile(
    r"\s*(?:[A-Z]\S*\s.*[.!]|\(?(?:since|because|so|i\.e\.|see)\b.*|\S.*\s=\s.*|\([^,]*\s[^,]*\))\s*\Z"
)
"""A line that may be a remark: a sentence, a reason, an equation, words in brackets."""
_TRAILING_REMARK = re.compile(r"\S\s+(?:\([^)]*\s=\s|(?:#|//|<-+|←)\s*[A-Za-z]{2})")


class _Unclear(ValueError):
    """Raised for a section whose text cannot be told from what stands around it."""


def printed_examples(text: str) -> Iterator[FoundExample]:
    """Yield the pairs of an input and an output section as standard input and printed text."""
    parts = sections(text)
    has_samples = any(s.is_sample and s.kind is SectionKind.OUTPUT for s in parts)
    for number, given in enumerate(parts):
        if given.kind is not SectionKind.INPUT:
            continue
        shown = parts[number + 1] if number + 1 < len(parts) else None
        if shown is None or shown.kind is not SectionKind.OUTPUT:
            if given.is_sample:
                yield FoundExample(given.line, _text_of(given), None, "an input without an output")
            continue
        if has_samples and not (given.is_sample or shown.is_sample):
            continue  # these sections describe the forms
        if _in_another_order(parts, number):
            text = f"{_text_of(given)} → {_text_of(shown)}"
            yield FoundExample(given.line, text, None, "which output belongs to it is not clear")
            continue
        found = _pair(given, shown)
        if found is not None:
            yield found


def _in_another_order(parts: Sequence[StatementSection], number: int) -> bool:
    """Return True if the output behind the input ``parts[number]`` may belong to another input: the
    headings have other numbers, or the inputs stand together, and the outputs behind them."""
    given, shown = parts[number], parts[number + 1]
    if given.numbers and shown.numbers:
        return given.numbers != shown.numbers
    around = [part.kind for part in (*parts[max(number - 1, 0) : number], *parts[number + 2 :][:1])]
    return around == [SectionKind.INPUT, SectionKind.OUTPUT]


def _pair(given: StatementSection, shown: StatementSection) -> FoundExample | None:
    """Return a pair of sections as an example, or refused; None if they describe forms in words."""
    sample = given.is_sample or shown.is_sample
    text = f"{_text_of(given)} → {_text_of(shown)}"
    if not sample and any(map(_is_description, (*_lines(given), *_lines(shown)))):
        return None
    if not sample and not any(_NUMBER.search(line) for line in _lines(given)):
        return FoundExample(given.line, text, None, "an input without a number may be a form")
    try:
        input_text, output_text = _input(given), _output(shown)
    except _Unclear as error:
        return FoundExample(given.line, text, None, str(error)) if sample else None
    return FoundExample(given.line, text, Test(input_text, output_text))


def _input(section: StatementSection) -> str:
    if section.inline and _VALUE.match(section.inline):
        raise _Unclear("names with values, which are no standard input")
    data, behind = _checked(section, "input")
    if behind and not _fenced(section):
        raise _Unclear("a blank line in the input")
    return _joined(data, "input")


def _output(section: StatementSection) -> str:
    data, behind = _checked(section, "output")
    sentence = behind and (_is_prose(behind[0]) or _SENTENCE.match(behind[0]))
    if behind and not _fenced(section) and not sentence:
        raise _Unclear("the end of the output is not clear")
    return _joined(data, "output")


def _checked(section: StatementSection, name: str) -> tuple[list[str], list[str]]:
    """Return the lines of a section's example, and those behind it. Raises `_Unclear` where the
    example may hold words that do not belong to it."""
    data, behind = _data(section)
    if any(_FENCE.match(line) for line in behind):
        raise _Unclear("several blocks in one section")
    if not _fenced(section) and _has_words_around(data):
        raise _Unclear(f"the {name} is not told from the text around it")
    if any(map(_CUT_SHORT.search, data)):
        raise _Unclear(f"the {name} is cut short")
    return data, behind


def _has_words_around(data: Sequence[str]) -> bool:
    """Return True if one of the lines may be no data. A remark counts below a line that is none."""
    if any(_is_prose(x) or _LABEL.match(x) or _TRAILING_REMARK.search(x) for x in data):
        return True
    return any(map(_REMARK.match, data[1:])) and not _REMARK.match(data[0])


def _data(section: StatementSection) -> tuple[list[str], list[str]]:
    """Return the lines of a section's example, and the lines behind them.

    The example is the first fenced block, or else the first run of lines without a blank one. A
    fence that was opened above the section ends the example.
    """
    lines = _lines(section)
    while lines and not lines[0].strip():
        lines = lines[1:]
    if lines and lines[0].strip() == "Copy":  # the button of a page, as text
        lines = lines[1:]
    while lines and not lines[0].strip():
        lines = lines[1:]
    if not lines:
        return [], []
    if _FENCE.match(lines[0]):
        end = next((i for i in range(1, len(lines)) if _FENCE.match(lines[i])), None)
        if end is None:
            raise _Unclear("a block that is not closed")
        return lines[1:end], _filled(lines[end + 1 :])
    end = next((i for i, x in enumerate(lines) if not x.strip() or _FENCE.match(x)), len(lines))
    rest = lines[end:]
    if rest and _FENCE.match(rest[0]):
        rest = []  # the heading stood inside this block
    return lines[:end], _filled(rest)


def _lines(section: StatementSection) -> list[str]:
    inline = section.inline.strip("`")
    return [*([inline] if inline else []), *section.below]


def _fenced(section: StatementSection) -> bool:
    first = next((line for line in _lines(section) if line.strip()), "")
    return bool(_FENCE.match(first))


def _filled(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line.strip()]


def _joined(lines: Sequence[str], name: str) -> str:
    """Return the lines as the text of a file. Raises `_Unclear` for an empty one."""
    indent = min((len(x) - len(x.lstrip()) for x in lines if x.strip()), default=0)
    text = "".join(f"{x[indent:].rstrip()}\n" for x in lines)
    if not text.strip():
        raise _Unclear(f"an empty {name}")
    return text


def _is_prose(line: str) -> bool:
    """Return True for a line that is a sentence rather than data."""
    words = _WORD.findall(line)
    if len(words) < _SENTENCE_WORDS:
        return False
    return len(words) * 2 > len(line.split())


def _is_description(line: str) -> bool:
    """Return True for a line that may describe an input or an output rather than be one."""
    return _is_prose(line) or bool(_DESCRIBES.match(line))


def _text_of(section: StatementSection) -> str:
    return " ".join(line.strip() for line in _lines(section) if line.strip())
