"""A tester's response as a test of its task: printed text, or one assertion as a call.

Which of the two follows from the task. For a function task the last block of the response has to
hold one assertion that is one call of the function with constant arguments, and the value that it
has to have; imports may stand beside it. What an assertion may *say* is narrower here than in a
data set, because a tester is paid for being right: a wide tolerance would be right about anything,
and so would ``assert f(x)``, which is therefore read as ``f(x) == True``.

Reading blocks is `prompts.parse`'s business, reading assertions `tasks.asserts`'.
"""

from __future__ import annotations

import ast
import warnings

from sparring.prompts.cure import parse_program
from sparring.prompts.parse import ParsedProgram, ParsedTest, ProgramRule, Reading
from sparring.prompts.programs import read_source
from sparring.prompts.templates import called_as
from sparring.prompts.tests import parse_test
from sparring.schema import Kind, ParseFailure, Response, Task, Test
from sparring.tasks.asserts import CallTest, parse_asserts
from sparring.tasks.checkers import Rule, parse_checker

_USUAL = Reading()
WIDEST = 1e-3
"""Of a tolerance that a generated test may ask for, absolute and relative."""


def read_program(task: Task, response: Response, reading: Reading = _USUAL) -> ParsedProgram:
    """The program in a coder's response to this task, or why there is none."""
    if reading.programs is ProgramRule.CURE:
        return parse_program(response.text, response.stop, reading.reasoning)
    return read_source(response.text, task.entry_point, response.stop, reading.reasoning)


def read_test(task: Task, response: Response, reading: Reading = _USUAL) -> ParsedTest:
    """The test in a tester's response to this task, or why there is none."""
    if task.entry_point is None:
        return parse_test(response.text, response.stop, reading.reasoning)
    block = parse_program(response.text, response.stop, reading.reasoning)
    if block.source is None:
        return ParsedTest(None, block.failure)
    return read_assertion(block.source, task.entry_point)


def read_assertion(source: str, entry_point: str) -> ParsedTest:
    """The call test of a source that compiles."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ParsedTest(None, ParseFailure.SYNTAX_ERROR)
    body = [n for n in tree.body if not isinstance(n, (ast.Import, ast.ImportFrom))]
    count = sum(isinstance(n, ast.Assert) for n in ast.walk(tree))
    if count == 0:
        return ParsedTest(None, ParseFailure.NO_ASSERTION)
    if count > 1:
        return ParsedTest(None, ParseFailure.SEVERAL_ASSERTIONS)
    if len(body) != 1 or not isinstance(body[0], ast.Assert):
        return ParsedTest(None, ParseFailure.NOT_A_CALL)
    found = parse_asserts(source, [called_as(entry_point)])
    if len(found) != 1 or not isinstance(found[0], CallTest):
        return ParsedTest(None, ParseFailure.NOT_A_CALL)
    call = found[0]
    checker = parse_checker(call.checker)
    if checker.rule is Rule.TRUTH:
        return ParsedTest(Test(call.input, call.output, Kind.CALL))
    if max(checker.absolute, checker.relative) > WIDEST:
        return ParsedTest(None, ParseFailure.LOOSE_TOLERANCE)
    own = None if call.checker == Rule.VALUE else call.checker
    return ParsedTest(Test(call.input, call.output, Kind.CALL, own))
