"""Reading of answers as programs and tests: to the letter, behind a prompt, or by our readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparring.errors import DataError
from sparring.evaluation.answers import codet
from sparring.evaluation.answers.items import AnswerForm, Item
from sparring.grading.reading import read_program, read_test
from sparring.prompts.rules import ParsedProgram, ParsedTest, ReadingRules
from sparring.prompts.source import compiles
from sparring.schema import ParseFailure, Response, Role, Task


@dataclass(frozen=True, slots=True)
class ReadAnswers:
    """Answers of both roles to a task, as grading takes them: a response for each program and test.

    One CodeT sample gives several tests, each with a response of its own.
    """

    coder: list[Response]
    tester: list[Response]
    programs: list[ParsedProgram]
    tests: list[ParsedTest]


def read(task: Task, answers: Mapping[Role, Sequence[Item]], reading: ReadingRules) -> ReadAnswers:
    """Read the answers to a task.

    Raises `DataError` for a completion of a statement that does not start a program.
    """
    coder = [_response(task, Role.CODER, i, item) for i, item in enumerate(answers[Role.CODER])]
    programs = [
        read_program(task, response, reading)
        if item.form is AnswerForm.RESPONSE
        else literal_program(_program_of(task, item), item.form)
        for response, item in zip(coder, answers[Role.CODER], strict=True)
    ]
    tester: list[Response] = []
    tests: list[ParsedTest] = []
    head = task.head or codet.head_of(task.statement, task.entry_point or "")
    for item in answers[Role.TESTER]:
        response = _response(task, Role.TESTER, len(tests), item)
        if item.form is AnswerForm.RESPONSE:
            tester.append(response)
            tests.append(read_test(task, response, reading))
            continue
        for test in codet.tests_of(item.text, _function(task), head):
            tester.append(_response(task, Role.TESTER, len(tests), item))
            tests.append(test)
    return ReadAnswers(coder, tester, programs, tests)


def literal_program(source: str, how: str) -> ParsedProgram:
    """Return a text unchanged as a program, or the reason why it is none: blank, or not Python."""
    if not source.strip():
        return ParsedProgram(None, ParseFailure.EMPTY_BLOCK, how)
    if not compiles(source):
        return ParsedProgram(None, ParseFailure.SYNTAX_ERROR, how)
    return ParsedProgram(source, how=how)


def _program_of(task: Task, item: Item) -> str:
    """Return the program of an answer. Raises `DataError` where a text cannot follow the prompt."""
    if item.form is AnswerForm.PROGRAM:
        return item.text
    prompt = task.statement
    if task.entry_point is None or not (compiles(prompt) or compiles(f"{prompt}\n    pass\n")):
        raise DataError(
            f"{task.id}: a completion continues the task's prompt, but this task's statement does "
            "not start a program; give whole programs (solution)"
        )
    return prompt + (codet.cut(item.text) if item.form is AnswerForm.CODET_PROGRAM else item.text)


def _function(task: Task) -> str:
    if task.entry_point is None:
        raise DataError(
            f"{task.id}: assertions need a task that names a function; this task names none"
        )
    return task.entry_point


def _response(task: Task, role: Role, index: int, item: Item) -> Response:
    return Response(task.id, role, index, (), (), (), item.stop, item.text)
