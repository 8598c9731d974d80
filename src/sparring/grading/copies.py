"""Copied tests: generated tests whose call or input stands in the task's statement or examples.

A copied test costs the tester no thought and is right wherever the statement is. It tells apart
only the programs that fail the statement's own examples.
"""

from __future__ import annotations

import re

import numpy as np

from sparring import values
from sparring.grading.answers import plain_input
from sparring.grading.group import GroupResult
from sparring.matrix import Bools
from sparring.prompts.templates import called_as
from sparring.schema import Task, Test, TestKind


def copied_U(group: GroupResult) -> Bools:
    """Mark the copied tests [U] of a group. An unread test is not copied."""
    flags = [p.test is not None and stands_in_statement(group.task, p.test) for p in group.tests]
    return np.array(flags, dtype=bool)


def stands_in_statement(task: Task, test: Test) -> bool:
    """Return True if a test was copied from the statement.

    A test was copied if its input is that of a public example, or if its input (for a call test the
    call) stands in the statement, apart from white space and quotes. A part of a longer word or
    number is no copy: 10 is not the input 1 0, and half(2) is not the call f(2).
    """
    own = plain_input(test)
    if any(own == plain_input(example) for example in task.examples):
        return True
    if test.kind is TestKind.CALL and task.entry_point is not None:
        name = called_as(task.entry_point).rpartition(".")[2]
        call = values.show_call(name, test.input)
        # NUL marks where the name begins, which cannot be seen once the spaces are gone.
        statement = re.sub(rf"(?<!\w){re.escape(name)}(?=\s*\()", f"\0{name}", task.statement)
        return "\0" + _without_spaces(call) in _without_spaces(statement)
    # A single word or number stands in most statements by chance.
    words = _words(test.input)
    return " " in words and _stands_alone(words, _words(task.statement))


def _without_spaces(text: str) -> str:
    return re.sub(r"\s+|[\"'`]", "", text)


def _words(text: str) -> str:
    """Return a text without quotes, and with one space between words."""
    return " ".join(re.sub("[\"'`]", "", text).split())


def _stands_alone(part: str, text: str) -> bool:
    """Return True if a part of a text is not the end or the beginning of a longer word or
    number."""
    if part not in text:  # most parts, at once
        return False
    return re.search(rf"(?<![\w.-]){re.escape(part)}(?!\w|\.\d)", text) is not None
