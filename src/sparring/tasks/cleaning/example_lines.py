"""Find the lines of a docstring that hold worked examples: calls with their results.

- A line is an example if it begins with a call and a result (``f(1) == 2``, ``* f(x) => y``,
  ``f(1) should return 2``), or if it is a doctest (``>>>``, to the next blank line, as Python's
  own `doctest` reads it).
- A title (``Examples:``, ``For example:``) goes with the lines that follow, as long as they are
  indented more, or have the form of an example: ``Input: …``, ``For n = 3, the output should be``,
  a calculation, a comment. A title that is followed by nothing of this kind stays.
- A line that is none of these is prose and stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sparring.tasks.cleaning.calls_in_text import (
    CallInText,
    FunctionInText,
    closed,
    is_example,
    parameters,
)

_BULLET = r"[ \t]*(?:[*+•-][ \t]+|\d+[.)][ \t]+)?"
_BEFORE_CALL = rf"{_BULLET}(?:(?:for|assert|print)[ \t]+)?[`'\"]?((?:\w+\()*)"
_RESULT = re.compile(
    r"(?:[ \t]*,[^()\n]*\)|[ \t]*\))*[`'\"]?[ \t]*"
    r"(?:={1,3}|-+>|➞|→|⇒|#|:|\[|(?:returns?|should|gives?|yields?|is|will|would|must"
    r"|evaluates?|outputs?|produces?)\b)"
)
_TITLE = re.compile(
    r"[\W\d]*(?:(?:for|here|are|is|some|a|an|few|the|more|following|input/output|usage|test|sample"
    r"|and)\b\W*)*(?:exam(?:ple|ble)s?|samples?|instance)\s*\d*\W*",
    re.IGNORECASE,
)
_INTRODUCTION = re.compile(
    r"(?=.*\b(?:like this|as follows|following|below|usage|used|called)\b).*:\s*", re.IGNORECASE
)
_SHORT = 8
"""Most words of a line that only introduces examples (``It must be implemented like this:``)."""
_LABEL = re.compile(r"\W*(?:input|output|explanation|result|returns?)\b\W{0,3}[:=]", re.I)
_FOR = re.compile(_BULLET + r"for\b.*=.*\b(?:output|result|answer|returns?|should)\b", re.I)
_FENCE = "```"
_ENDS_OF_RESULTS = ("", '"""', "'''")
"""Lines that end a doctest's result; in code that cannot be parsed, the docstring's quotes too."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_QUOTES_AND_BRACKETS = re.compile(
    r"""'[^'\n]*'|"[^"\n]*"|\[[^\[\]\n]*\]|\([^()\n]*\)|\{[^{}\n]*\}"""
)
_LONGEST = 30
"""Most lines of one call with its result."""


def example_lines(lines: Sequence[str], function: FunctionInText, base: int) -> list[bool]:
    """Return True for each line that belongs to a worked example.

    ``base`` is the indentation of the first line, which stands behind the opening quotes.
    """
    marks = [False] * len(lines)
    place = 0
    while place < len(lines):
        end = _block_end(lines, place, function, base)
        if end is None:
            place += 1
            continue
        marks[place:end] = [True] * (end - place)
        place = end
    return marks


def _block_end(lines: Sequence[str], start: int, function: FunctionInText, base: int) -> int | None:
    """Return the place after a block of examples that begins here; None if none begins."""
    indent = _indent(lines, start, base)
    if _TITLE.fullmatch(lines[start]):
        end = _run_end(lines, start + 1, function, base, indent, titled=True)
        return end if end > start + 1 else None
    if len(lines[start].split()) <= _SHORT and _INTRODUCTION.fullmatch(lines[start]):
        first = next((i for i in range(start + 1, len(lines)) if lines[i].strip()), None)
        if first is not None and _example_end(lines, first, function) is not None:
            return _run_end(lines, first, function, base, indent, titled=False)
        return None
    if _example_end(lines, start, function) is None:
        return None
    return _run_end(lines, start, function, base, indent, titled=False)


def _run_end(
    lines: Sequence[str],
    start: int,
    function: FunctionInText,
    base: int,
    indent: int,
    *,
    titled: bool,
) -> int:
    """Return the place after the last example of a run of examples and blank lines."""
    end = place = start
    after_title = titled
    while place < len(lines):
        line = lines[place]
        if not line.strip():
            place += 1
            continue
        after = _example_end(lines, place, function)
        if after is None:
            near = place == end or after_title  # no blank line before it that ends a thought
            deeper = _indent(lines, place, base) > indent
            part = line.lstrip().startswith("#") or (deeper and (titled or place == end > start))
            if not part and titled:
                part = _has_form(line) or (near and _calculates(line))
            if not part:
                return end
            after = place + 1
        after_title = titled and _TITLE.fullmatch(line) is not None
        place = end = after
    return end


def _has_form(line: str) -> bool:
    """Return True if a line under a title has the form of an example or of a part of one."""
    if _TITLE.fullmatch(line) or _LABEL.match(line) or _FOR.match(line):
        return True
    call = _first_call(line, r"[A-Za-z_]\w*")
    if call is None or parameters(call.arguments) is not None:
        return False
    return _RESULT.match(line, call.end) is not None


def _calculates(line: str) -> bool:
    """Return True if a line is a calculation or a list of values, with hardly a word."""
    rest = line
    for _ in range(3):
        rest = _QUOTES_AND_BRACKETS.sub(" ", rest)
    calculation = "=" in re.sub(r"[<>!]=", "", line) or "[" in line
    return calculation and not line.rstrip().endswith(":") and len(_WORD.findall(rest)) <= 2


def _example_end(lines: Sequence[str], start: int, function: FunctionInText) -> int | None:
    """Return the place after the example that begins in this line; None if none begins."""
    if lines[start].lstrip().startswith(">>>"):
        ends = (
            i
            for i in range(start + 1, len(lines))
            if lines[i].strip() in _ENDS_OF_RESULTS or lines[i].lstrip().startswith(">>>")
        )
        return next(ends, len(lines))
    if lines[start].lstrip().startswith(_FENCE):
        return _fenced_end(lines, start, function)
    text = "\n".join(lines[start : start + _LONGEST])
    call = _first_call(text, re.escape(function.name))
    if call is None or not is_example(call, function) or not _RESULT.match(text, call.end):
        return None
    end = call.end
    while True:  # a result of several lines: until its brackets are closed
        line_end = text.find("\n", end)
        opening = re.compile(r"[\[({]").search(text, end, line_end if line_end >= 0 else len(text))
        if opening is None:
            return start + text.count("\n", 0, end) + 1
        after = closed(text, opening.start())
        end = opening.end() if after is None else after


def _fenced_end(lines: Sequence[str], start: int, function: FunctionInText) -> int | None:
    """Return the place after a fenced block that holds nothing but examples; else None."""
    fences = (i for i in range(start + 1, len(lines)) if lines[i].lstrip().startswith(_FENCE))
    end = next(fences, None)
    inside = lines[start + 1 : end]
    marks = example_lines(inside, function, _indent(lines, start, 0))
    rest = [line for line, mark in zip(inside, marks, strict=True) if line.strip() and not mark]
    return None if end is None or rest or not any(marks) else end + 1


def _first_call(text: str, name: str) -> CallInText | None:
    """Return the call that a line begins with, or None."""
    match = re.compile(rf"{_BEFORE_CALL}(?<!\w)({name})\s*\(").match(text)
    if match is None:
        return None
    end = closed(text, match.end() - 1)
    if end is None:
        return None
    return CallInText(match.start(2), end, text[match.end() : end - 1])


def _indent(lines: Sequence[str], place: int, base: int) -> int:
    line = lines[place].expandtabs()
    return base if place == 0 else len(line) - len(line.lstrip())
