"""Reading of a test on standard input from plain lines, where blocks were asked for.

Small models leave the fences out: ``Test Input: 3``, the lines of the input, ``Test Output: 7``. A
value begins behind the colon of its header or on the next line. An input ends at the next header.
An output that begins behind the colon is that line alone; any other output ends at a blank line.
One of the two values may stand in a block.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sparring.prompts.blocks import FencedBlock
from sparring.prompts.rules import TestRule
from sparring.schema import Test

_HEADER = re.compile(
    r"^\s*[#>*_\s]{0,8}(?:Expected\s+)?Test\s+(?P<kind>Input|Output)(?:\s+#?\d{1,3})?\s*[*_]{0,3}\s*:"
    r"\s*[*_]{0,3}(?P<value>.*)$",
    re.IGNORECASE,
)
_FENCE = ("```", "~~~")


@dataclass(frozen=True, slots=True)
class _Section:
    """Text under a header: behind its colon, and on the lines up to the next header."""

    kind: str
    value: str
    lines: list[str]


def read_lines(
    lines: list[str], blocks: Sequence[FencedBlock], rule: TestRule, *, ended: bool
) -> Test | None:
    """Return the test that ``rule`` takes, or None if any part of it is ambiguous. ``ended`` is
    True if the response was not cut off, so that its last value is complete."""
    inside = [_sections(block.lines) for block in blocks]
    sections = inside[0] if len(blocks) == 1 and inside[0] else _sections(lines)
    ends = [
        n
        for n, (before, after) in enumerate(pairwise(sections), 1)
        if (before.kind, after.kind) == ("input", "output")
    ]
    if not ends or (rule is TestRule.ONLY and len(ends) > 1):
        return None
    end = ends[0 if rule is TestRule.FIRST else -1]
    looked_at = sections[: end + 1] if rule is TestRule.FIRST else sections
    inputs = sum(section.kind == "input" for section in looked_at)
    if inputs != sum(n < len(looked_at) for n in ends):
        return None  # an input has no output: the pairs are ambiguous
    input_, expected = sections[end - 1 : end + 1]
    complete = ended or end < len(sections) - 1
    values = _value(input_, single=False), _value(expected, single=True)
    if None in values or not complete:
        return None
    return Test(f"{values[0]}\n", f"{values[1]}\n")


def _sections(lines: list[str]) -> list[_Section]:
    heads = [(i, match) for i, line in enumerate(lines) if (match := _HEADER.match(line))]
    ends = [*(i for i, _ in heads[1:]), len(lines)][: len(heads)]
    return [
        _Section(match["kind"].lower(), match["value"].strip().strip("`"), lines[i + 1 : end])
        for (i, match), end in zip(heads, ends, strict=True)
    ]


def _value(section: _Section, *, single: bool) -> str | None:
    """Return the value in a section; None if the value is ambiguous."""
    lines_below = [line.rstrip() for line in section.lines]
    while lines_below and not lines_below[0]:
        del lines_below[0]
    if lines_below and lines_below[0].lstrip().startswith(_FENCE):
        ends = [n for n, line in enumerate(lines_below[1:], 1) if line.strip() in _FENCE]
        inside = lines_below[1 : ends[0]] if ends and not section.value else []
        return "\n".join(inside) if any(map(str.strip, inside)) else None
    if single and section.value:
        return section.value
    blank = next((n for n, line in enumerate(lines_below) if not line), len(lines_below))
    rest = [] if single else lines_below[blank:]
    if any(rest) or any(line.lstrip().startswith(_FENCE) for line in lines_below[:blank]):
        return None
    value_lines = [section.value, *lines_below[:blank]] if section.value else lines_below[:blank]
    return "\n".join(value_lines) or None
