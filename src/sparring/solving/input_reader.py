"""Reading of an input without an expected output, in a model's answer.

A function task asks for one call with constant arguments; a task on standard input for one block.
An answer with a whole test is read too: its input counts. Nothing is executed here. A refusal has a
name (`ParseFailure`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sparring import values
from sparring.grading.assertions import read_assertion
from sparring.grading.bare import passages
from sparring.prompts.blocks import OTHER_LANGUAGES, PYTHON, language
from sparring.prompts.layout import AnswerText
from sparring.prompts.mend import session, source_of
from sparring.prompts.rules import ParsedTest, Reasoning, TestRule, cut_off_or
from sparring.prompts.templates import called_as
from sparring.prompts.tests import parse_test
from sparring.schema import ParseFailure, StopReason, Task, TestKind
from sparring.solving.inputs import input_only
from sparring.tasks.suites.called import NameMeanings
from sparring.tasks.suites.constants import NotConstant, dotted

_NO_REASONING = Reasoning("", "")


def read_input(task: Task, answer: str, stop: StopReason = StopReason.END_TOKEN) -> ParsedTest:
    """Return the first input in an ``answer`` without reasoning, or the refusal."""
    if task.entry_point is None:
        return _printed(answer, stop)
    return _called(called_as(task.entry_point), answer, stop)


def _printed(answer: str, stop: StopReason) -> ParsedTest:
    """Return the input under the first header, or the first block that is no Python."""
    whole = parse_test(answer, stop, _NO_REASONING, TestRule.FIRST)
    if whole.test is not None:
        return ParsedTest(input_only(whole.test.input, TestKind.STDIN), how=whole.how)
    layout = AnswerText.of(answer.split("\n"))
    plain = [b for b in layout.blocks if language(b.info) not in PYTHON]
    if not plain:
        return ParsedTest(None, cut_off_or(ParseFailure.NO_TEST_INPUT, stop), seen=_start(answer))
    block = plain[0]
    if block.end is None:
        return ParsedTest(None, cut_off_or(ParseFailure.UNCLOSED_BLOCK, stop))
    if not "".join(block.lines).strip():
        return ParsedTest(None, ParseFailure.EMPTY_BLOCK)
    return ParsedTest(input_only("\n".join(block.lines) + "\n", TestKind.STDIN), how="block")


def _called(function: str, answer: str, stop: StopReason) -> ParsedTest:
    """Return the arguments of the first assertion, or of the first call, of the function."""
    cut = stop is StopReason.LENGTH
    layout = AnswerText.of(answer.split("\n") if cut else answer.splitlines())
    asserted = read_assertion(layout, function, TestRule.FIRST, stop)
    if asserted.test is not None:
        return ParsedTest(input_only(asserted.test.input, TestKind.CALL), how=asserted.how)
    names = NameMeanings(frozenset({function, "candidate"}))
    refused = ""
    for tree in _modules(layout, cut):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or dotted(node.func) not in names.functions:
                continue
            try:
                encoded = values.encode(names.called(node))
            except (NotConstant, values.NotPlain) as error:
                refused = refused or str(error)
            else:
                return ParsedTest(input_only(encoded, TestKind.CALL), how="call")
    failure = ParseFailure.NOT_A_CALL if refused else asserted.failure
    if failure is None or failure is ParseFailure.NO_ASSERTION:
        failure = cut_off_or(ParseFailure.NOT_A_CALL, stop)
    return ParsedTest(None, failure, seen=refused or _start(answer))


def _modules(layout: AnswerText, cut: bool) -> Iterator[ast.Module]:
    """Yield the Python of an answer: of its closed blocks, then of its lines."""
    for block in layout.blocks:
        if language(block.info) in OTHER_LANGUAGES or (block.end is None and cut):
            continue
        raw = list(layout.lines[block.start + 1 : block.end])
        if mended := source_of(block.lines, raw, block.info):
            yield mended[0].tree
        elif source := session(block.lines):
            yield source.tree
    yield from passages("\n".join(layout.outside[:-1] if cut else layout.outside))


def _start(answer: str) -> str:
    return f"text: {' '.join(answer.split())[:120]}"
