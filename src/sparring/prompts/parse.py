"""Reading a response to a task on standard input; `grading.reading` reads those of any kind."""

from __future__ import annotations

from sparring.prompts import tests
from sparring.prompts.programs import read_source
from sparring.prompts.rules import ParsedProgram, ParsedTest, Reasoning, TestRule
from sparring.schema import StopReason


def parse_program(
    text: str, stop: StopReason = StopReason.END_TOKEN, reasoning: Reasoning | None = None
) -> ParsedProgram:
    """Read the program in a response."""
    return read_source(text, None, stop, reasoning or Reasoning())


def parse_test(
    text: str, stop: StopReason = StopReason.END_TOKEN, reasoning: Reasoning | None = None
) -> ParsedTest:
    """Read the first test in a response."""
    return tests.parse_test(text, stop, reasoning or Reasoning(), TestRule.FIRST)
