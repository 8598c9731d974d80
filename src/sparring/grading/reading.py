"""Reading of responses: the program or the test for a task, or the reason why there is none.

`prompts` reads a coder's program. A tester's test is printed text for a task on standard input
(`prompts.tests`), and one assertion, read as a call, for a function task (`assertions`).
"""

from __future__ import annotations

from dataclasses import replace

from sparring.grading.assertions import read_assertion
from sparring.prompts.cure import parse_program
from sparring.prompts.layout import AnswerText
from sparring.prompts.opening import begun_with
from sparring.prompts.programs import lines_of, read_source
from sparring.prompts.reasoning import answer_of
from sparring.prompts.rules import ParsedProgram, ParsedTest, ProgramRule, ReadingRules, cut_off_or
from sparring.prompts.templates import called_as
from sparring.prompts.tests import parse_test
from sparring.schema import ParseFailure, Response, StopReason, Task

_USUAL = ReadingRules()


def read_program(task: Task, response: Response, reading: ReadingRules = _USUAL) -> ParsedProgram:
    """Return the program in a coder's response to this task, or the reason why there is none."""
    if reading.programs is not ProgramRule.CURE:
        reading = replace(reading, reasoning=begun_with(response.text, reading.reasoning))
    if _unfinished(response, reading):
        failure = cut_off_or(ParseFailure.UNFINISHED_REASONING, response.stop)
        return ParsedProgram(None, failure, seen=f"reasoning without {reading.reasoning.end}")
    if reading.programs is ProgramRule.CURE:
        return parse_program(response.text, response.stop, reading.reasoning)
    return read_source(response.text, task.entry_point, response.stop, reading.reasoning)


def read_test(task: Task, response: Response, reading: ReadingRules = _USUAL) -> ParsedTest:
    """Return the test in a tester's response to this task, or the reason why there is none."""
    if reading.programs is not ProgramRule.CURE:
        reading = replace(reading, reasoning=begun_with(response.text, reading.reasoning))
    if _unfinished(response, reading):
        failure = cut_off_or(ParseFailure.UNFINISHED_REASONING, response.stop)
        return ParsedTest(None, failure, seen=f"reasoning without {reading.reasoning.end}")
    if task.entry_point is None:
        return parse_test(response.text, response.stop, reading.reasoning, reading.tests)
    text = answer_of(response.text, reading.reasoning, response.stop)
    # The lines of a cut-off response are split at every line end, the last one included: it shows
    # that the line before it is complete.
    cut = response.stop is StopReason.LENGTH
    answer = AnswerText.of(text.split("\n") if cut else lines_of(text))
    return read_assertion(answer, called_as(task.entry_point), reading.tests, response.stop)


def _unfinished(response: Response, reading: ReadingRules) -> bool:
    """Return True if a response is not empty and consists of reasoning that does not end."""
    text, marks = response.text, reading.reasoning
    return bool(
        text.strip()
        and marks.end
        and (marks.opened or marks.start in text)
        and not answer_of(text, marks, response.stop).strip()
        and marks.end not in text
    )
