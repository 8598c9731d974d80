"""Reading of a program or a test, in a response to a task on standard input, for users' scripts.

`grading.reading` reads responses to tasks of any kind, by the rules of a recipe.
"""

from __future__ import annotations

from sparring.prompts.programs import read_source
from sparring.prompts.rules import ParsedProgram, Reasoning
from sparring.prompts.tests import parse_test
from sparring.schema import StopReason

__all__ = ["parse_program", "parse_test"]

_USUAL = Reasoning()


def parse_program(
    text: str, stop: StopReason = StopReason.END_TOKEN, reasoning: Reasoning = _USUAL
) -> ParsedProgram:
    """Return the program in a response, or the refusal."""
    return read_source(text, None, stop, reasoning)
