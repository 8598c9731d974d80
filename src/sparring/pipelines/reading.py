"""Reading responses: the program or the test of a task, or why there is none.

A coder's program is read by `prompts`. A tester's test is printed text for a task on standard
input (`prompts`), and one assertion, read as a call, for a function task (`assertions`).
"""

from __future__ import annotations

from sparring.pipelines.assertions import Answer, read_assertion
from sparring.prompts.parse import (
    ParsedProgram,
    ParsedTest,
    Reading,
    answer_of,
    parse_program,
    parse_test,
)
from sparring.prompts.templates import called_as
from sparring.schema import Response, Task

_USUAL = Reading()


def read_program(task: Task, response: Response, reading: Reading = _USUAL) -> ParsedProgram:
    """The program in a coder's response to this task, or why there is none."""
    return parse_program(response.text, response.stop, reading.reasoning)


def read_test(task: Task, response: Response, reading: Reading = _USUAL) -> ParsedTest:
    """The test in a tester's response to this task, or why there is none."""
    if task.entry_point is None:
        return parse_test(response.text, response.stop, reading.reasoning)
    answer = Answer.of(answer_of(response.text, reading.reasoning).split("\n"))
    return read_assertion(answer, called_as(task.entry_point), reading.assertions, response.stop)
