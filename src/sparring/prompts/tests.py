"""Reading of a test on standard input in a tester's response: the input, and the output expected.

A test is a ``**Test Input:**`` header with a fenced block, then ``**Test Output:**`` with another.
A rule (`TestRule`) decides which of several such pairs counts. Text may stand around and between
the blocks. A response without these headers may have ``Input`` and ``Output`` alone; a response
without the blocks may have lines in their place (`lines`). The inside of a block is taken to the
letter, without the indentation of its fence and with a final newline.

Everything else is refused by name. So are a header or a fence inside a block, and a second input
header before the output. A tester that is paid for agreement learns to write such tests, because an
input that starts with an empty line makes all programs print the same.
"""

from __future__ import annotations

import re

from sparring.prompts.blocks import FencedBlock, blocks, fence
from sparring.prompts.lines import read_lines
from sparring.prompts.reasoning import answer_of
from sparring.prompts.rules import ParsedTest, ReadingRules, Reasoning, TestRule, cut_off_or
from sparring.schema import ParseFailure, StopReason, Test

_BEFORE = r"^\s*(?:(?:[-*+]|\d{1,3}[.)])\s+)?[#>*_\s]{0,8}"
_BEHIND = r"(?:\s+#?\d{1,3})?(?:\s*\([^()]*\))?\s*[*_]{0,3}\s*[:：]?\s*[*_]{0,3}\s*$"
_HEADER = re.compile(
    rf"{_BEFORE}(?:Test|Expected(?=\s+(?:Test\s+)?Output)(?:\s+Test)?)\s+(Input|Output){_BEHIND}",
    re.I,
)
_PLAIN = re.compile(rf"{_BEFORE}(?:(Input)|(?:Expected\s+)?(Output)){_BEHIND}", re.IGNORECASE)
_USUAL = ReadingRules()
TEST_HEADERS, PLAIN_HEADERS, IN_LINES = "test_headers", "plain_headers", "lines_for_blocks"
"""Decisions in the reading of a test (`ParsedTest.how`): the headers that the prompt asks for,
headers without "Test", or lines in the place of a block."""


def parse_test(
    text: str,
    stop: StopReason = StopReason.END_TOKEN,
    reasoning: Reasoning = _USUAL.reasoning,
    rule: TestRule = _USUAL.tests,
) -> ParsedTest:
    """Return the test in a tester's response, or the refusal. ``rule`` chooses among several."""
    lines = answer_of(text, reasoning, stop).split("\n")
    answer_blocks = blocks(lines)
    inside = {i for b in answer_blocks for i in range(b.start, (b.end or len(lines)) + 1)}
    outside = [(i, line) for i, line in enumerate(lines) if i not in inside]
    how, headers = TEST_HEADERS, _headers(outside, _HEADER)
    if not any(kind == "input" for _, kind in headers):
        plain = _headers(outside, _PLAIN)
        if any(kind == "input" for _, kind in plain):
            how, headers = PLAIN_HEADERS, plain
    test = _paired(lines, answer_blocks, _counted(headers, rule))
    if rule is TestRule.ONLY and sum(kind == "output" for _, kind in headers) > 1:
        test = ParseFailure.SEVERAL_TESTS
    if test in (ParseFailure.NO_TEST_INPUT, ParseFailure.NO_TEST_OUTPUT):
        from_lines = read_lines(lines, answer_blocks, rule, ended=stop is not StopReason.LENGTH)
        if from_lines is not None:
            how, test = IN_LINES, from_lines
    if isinstance(test, Test):
        return ParsedTest(test, how=how)
    at_fault = cut_off_or(test, stop) if test in _MISSING else test
    return ParsedTest(None, at_fault, seen=_description(answer_blocks, headers))


_MISSING = (ParseFailure.NO_TEST_INPUT, ParseFailure.NO_TEST_OUTPUT, ParseFailure.UNCLOSED_BLOCK)
"""Failures that may be due to the cut, if a response was cut off."""


def _counted(headers: list[tuple[int, str]], rule: TestRule) -> list[tuple[int, str]]:
    """Return the headers up to the test that counts, which is the last pair among them."""
    first = next((n for n, (_, kind) in enumerate(headers) if kind == "output"), None)
    return headers if rule is not TestRule.FIRST or first is None else headers[: first + 1]


def _headers(outside: list[tuple[int, str]], header: re.Pattern[str]) -> list[tuple[int, str]]:
    """Return the lines that are headers, and the kind of each."""
    matches = [(i, header.match(line.rstrip("\r"))) for i, line in outside]
    return [(i, (m[1] or m[2]).lower()) for i, m in matches if m]


def _paired(
    lines: list[str], answer_blocks: list[FencedBlock], headers: list[tuple[int, str]]
) -> Test | ParseFailure:
    """Return the test under the last pair of headers, or the refusal."""
    inputs = [i for i, kind in headers if kind == "input"]
    if not inputs:
        return ParseFailure.NO_TEST_INPUT
    outputs = [i for i, kind in headers if kind == "output"]
    if not outputs:
        input_block = _block_after(answer_blocks, lines, inputs[-1])
        unclosed = input_block is not None and input_block.end is None
        return ParseFailure.UNCLOSED_BLOCK if unclosed else ParseFailure.NO_TEST_OUTPUT
    before = [i for i in inputs if i < outputs[-1]]
    if not before or inputs[-1] > outputs[-1]:
        return ParseFailure.NO_TEST_OUTPUT
    earlier = [i for i in outputs if i < outputs[-1]]
    if len([i for i in before if not earlier or i > earlier[-1]]) != 1:
        return ParseFailure.NESTED_HEADER
    input_block = _block_after(answer_blocks, lines, before[-1])
    output_block = _block_after(answer_blocks, lines, outputs[-1])
    if input_block is None:
        return ParseFailure.NO_TEST_INPUT
    if output_block is None:
        return ParseFailure.NO_TEST_OUTPUT
    if input_block.end is None or output_block.end is None:
        return ParseFailure.UNCLOSED_BLOCK
    for block in (input_block, output_block):
        if any(_HEADER.match(line) or _is_fence(line) for line in block.lines):
            return ParseFailure.NESTED_HEADER
        if not "".join(block.lines).strip():
            return ParseFailure.EMPTY_BLOCK
    return Test("\n".join(input_block.lines) + "\n", "\n".join(output_block.lines) + "\n")


def _is_fence(line: str) -> bool:
    """Return True if a line of a block looks like a fence of any kind."""
    return bool(fence(line, 0)) or line.lstrip().startswith("```")


def _block_after(
    answer_blocks: list[FencedBlock], lines: list[str], header: int
) -> FencedBlock | None:
    """Return the block that a header introduces: the next one, with only blank lines between."""
    for block in answer_blocks:
        if block.start > header:
            between = lines[header + 1 : block.start]
            return block if not any(line.strip(" \t\r>") for line in between) else None
    return None


def _description(answer_blocks: list[FencedBlock], headers: list[tuple[int, str]]) -> str:
    """Return a description such as ``1 input header, no output header, 2 blocks``."""
    counts = [
        (sum(kind == "input" for _, kind in headers), "input header"),
        (sum(kind == "output" for _, kind in headers), "output header"),
        (len(answer_blocks), "block"),
    ]
    return ", ".join(f"{n or 'no'} {what}{'s' * (n > 1)}" for n, what in counts)
