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
    call) stands in the statement, apart from white space and quotes.
    """
    if any(plain_input(test) == plain_input(example) for example in task.examples):
        return True
    statement = _without_spaces(task.statement)
    if test.kind is TestKind.CALL and task.entry_point is not None:
        call = values.show_call(called_as(task.entry_point).rpartition(".")[2], test.input)
        return _without_spaces(call) in statement
    # A single word or number stands in most statements by chance.
    return len(test.input.split()) > 1 and _without_spaces(test.input) in statement


def _without_spaces(text: str) -> str:
    return re.sub(r"\s+|[\"'`]", "", text)
