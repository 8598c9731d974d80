"""Reading a response: a program or a test, or the name of what is missing.

Programs: the last fenced block that is marked ``python`` (or ``py``,
``python3``), else the last unmarked one, and it must be Python. Tests: a
``**Test Input:**`` header with a fenced block, then ``**Test Output:**`` with
another; the last such pair counts, and text may stand around and between the
blocks. What is inside the blocks is taken to the letter, plus a final newline.

Everything else is refused by name. A header or a fence inside a block, or a
second input header before the output, is refused too: a tester that is paid
for agreement learns to write such a thing, because an input that starts with
an empty line makes all programs print the same.

Reasoning (`Reasoning`) is not part of the answer.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from enum import StrEnum

from sparring.schema import ParseFailure, StopReason, Test

_FENCE = re.compile(r"^[ ]{0,3}(`{3,})[ \t]*([\w+-]*)[ \t]*$")
_HEADER = re.compile(r"^\s{0,3}(?:[#>*\s]{0,8})Test (Input|Output)\s?:?\s?\**:?\s*$", re.I)
_PYTHON = ("python", "py", "python3")


@dataclass(frozen=True, slots=True)
class Reasoning:
    """The marks around a thinking model's reasoning. ``opened``: it began before the response,
    which has no answer before ``end``. Marks without a text: nothing is reasoning."""

    start: str = "<think>"
    end: str = "</think>"
    opened: bool = False


class ProgramRule(StrEnum):
    """Which of a response's blocks is the program."""

    TASK = "task"
    """What the task asks for: the block that defines its function, with the blocks it needs; or
    the last block that is a program."""
    CURE = "cure"
    """The last block marked ``python``, whatever the task is: the released code's rule."""


class AssertionRule(StrEnum):
    """Which of a response's assertions is the test of a function."""

    ONLY = "only"
    """The only one: several are refused."""
    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Reading:
    """Rules by which a role's responses are read."""

    reasoning: Reasoning = Reasoning()
    programs: ProgramRule = ProgramRule.TASK
    assertions: AssertionRule = AssertionRule.ONLY


@dataclass(frozen=True, slots=True)
class ParsedProgram:
    """Either ``source`` or ``failure``. ``how`` names the decision that was taken, ``seen`` says
    for people what stood where the program was looked for."""

    source: str | None
    failure: ParseFailure | None = None
    how: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class ParsedTest:
    """Either ``test`` or ``failure``; ``how`` and ``seen`` as of a `ParsedProgram`."""

    test: Test | None
    failure: ParseFailure | None = None
    how: str = ""
    seen: str = ""


@dataclass(frozen=True, slots=True)
class _Block:
    """A fenced block: its language, its lines, and the line numbers of its fences."""

    language: str
    lines: list[str]
    start: int
    end: int | None


_USUAL = Reasoning()


def parse_program(
    text: str, stop: StopReason = StopReason.END_TOKEN, reasoning: Reasoning = _USUAL
) -> ParsedProgram:
    """The program in a coder's response."""
    blocks = _blocks(_answer(text, reasoning).split("\n"))
    marked = [b for b in blocks if b.language.lower() in _PYTHON]
    chosen = (marked or [b for b in blocks if not b.language])[-1:]
    if not chosen:
        return ParsedProgram(None, _missing(ParseFailure.NO_CODE_BLOCK, stop))
    block = chosen[0]
    if block.end is None:
        return ParsedProgram(None, _missing(ParseFailure.UNCLOSED_BLOCK, stop))
    source = "\n".join(block.lines) + "\n"
    if not source.strip():
        return ParsedProgram(None, ParseFailure.EMPTY_BLOCK)
    return (
        ParsedProgram(source)
        if _compiles(source)
        else ParsedProgram(None, ParseFailure.SYNTAX_ERROR)
    )


def parse_test(
    text: str, stop: StopReason = StopReason.END_TOKEN, reasoning: Reasoning = _USUAL
) -> ParsedTest:
    """The test in a tester's response."""
    lines = _answer(text, reasoning).split("\n")
    blocks = _blocks(lines)
    inside = {i for b in blocks for i in range(b.start, (b.end or len(lines)) + 1)}
    headers = [
        (i, match[1].lower())
        for i, line in enumerate(lines)
        if i not in inside and (match := _HEADER.match(line.rstrip("\r")))
    ]
    inputs = [i for i, kind in headers if kind == "input"]
    if not inputs:
        return ParsedTest(None, _missing(ParseFailure.NO_TEST_INPUT, stop))
    outputs = [i for i, kind in headers if kind == "output"]
    if not outputs:
        given = _block_after(blocks, lines, inputs[-1])
        if given is not None and given.end is None:
            return ParsedTest(None, _missing(ParseFailure.UNCLOSED_BLOCK, stop))
        return ParsedTest(None, _missing(ParseFailure.NO_TEST_OUTPUT, stop))
    before = [i for i in inputs if i < outputs[-1]]
    if not before or inputs[-1] > outputs[-1]:
        return ParsedTest(None, _missing(ParseFailure.NO_TEST_OUTPUT, stop))
    earlier = [i for i in outputs if i < outputs[-1]]
    if len([i for i in before if not earlier or i > earlier[-1]]) != 1:
        return ParsedTest(None, ParseFailure.NESTED_HEADER)
    given = _block_after(blocks, lines, before[-1])
    expected = _block_after(blocks, lines, outputs[-1])
    if given is None:
        return ParsedTest(None, _missing(ParseFailure.NO_TEST_INPUT, stop))
    if expected is None:
        return ParsedTest(None, _missing(ParseFailure.NO_TEST_OUTPUT, stop))
    if given.end is None or expected.end is None:
        return ParsedTest(None, _missing(ParseFailure.UNCLOSED_BLOCK, stop))
    for block in (given, expected):
        if any(_HEADER.match(line) or line.lstrip().startswith("```") for line in block.lines):
            return ParsedTest(None, ParseFailure.NESTED_HEADER)
        if not "".join(block.lines).strip():
            return ParsedTest(None, ParseFailure.EMPTY_BLOCK)
    return ParsedTest(Test("\n".join(given.lines) + "\n", "\n".join(expected.lines) + "\n"))


def _answer(text: str, reasoning: Reasoning) -> str:
    """The response without its reasoning, line ends unified."""
    text = text.replace("\r\n", "\n")
    if not reasoning.end:
        return text
    end = text.rfind(reasoning.end)
    if end >= 0:
        return text[end + len(reasoning.end) :]
    if reasoning.opened:
        return ""
    start = text.find(reasoning.start)
    return text if start < 0 else text[:start]


def _missing(failure: ParseFailure, stop: StopReason) -> ParseFailure:
    """What is missing from a response that was cut off is missing because of that."""
    return ParseFailure.TRUNCATED if stop is StopReason.LENGTH else failure


def _blocks(lines: list[str]) -> list[_Block]:
    """Fenced blocks in order. A fence closes with as many backticks as opened it, or more."""
    blocks: list[_Block] = []
    opened: tuple[int, int, str] | None = None
    for i, line in enumerate(lines):
        match = _FENCE.match(line.rstrip("\r"))
        if match is None:
            continue
        if opened is None:
            opened = (i, len(match[1]), match[2])
        elif not match[2] and len(match[1]) >= opened[1]:
            blocks.append(_Block(opened[2], lines[opened[0] + 1 : i], opened[0], i))
            opened = None
    if opened is not None:
        blocks.append(_Block(opened[2], lines[opened[0] + 1 :], opened[0], None))
    return blocks


def _block_after(blocks: list[_Block], lines: list[str], header: int) -> _Block | None:
    """The block that a header introduces: the next one, with only blank lines between."""
    for block in blocks:
        if block.start > header:
            between = lines[header + 1 : block.start]
            return block if not any(line.strip() for line in between) else None
    return None


def _compiles(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "program.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True
