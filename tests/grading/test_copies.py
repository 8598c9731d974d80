"""Copied tests: their input stands in the statement or in a public example."""

from __future__ import annotations

import pytest

from sparring import values
from sparring.grading.copies import copied_U, stands_in_statement
from sparring.grading.facts import task_facts
from sparring.schema import Task, Test, TestKind
from tests.grading.grading_helpers import group_from_letters


def _call(*arguments: object) -> Test:
    return Test(values.encode((list(arguments), {})), "1", TestKind.CALL)


@pytest.mark.parametrize(
    ("statement", "test", "stands"),
    [
        ("Thus f([1, 2], 'a') is 3.", _call([1, 2], "a"), True),
        ('>>> f( [1,2], "a" )\n3', _call([1, 2], "a"), True),
        ("Thus f([1, 2], 'a') is 3.", _call([1, 2], "b"), False),
        ("Thus g([1, 2]) is 3.", _call([1, 2]), False),
        ("Input:\n3\n1 2 3\nOutput: 6", Test("3\n1 2 3\n", "6\n"), True),
        ("Input:\n3\n1 2 3\nOutput: 6", Test("3\n1 2 4\n", "6\n"), False),
        ("Print `1 2`.", Test("1\n2\n", "3\n"), True),
        ("Thus s.f('a b') is 3.", _call("a b"), True),
        ("Thus a='1 2', '3'", Test("1 2 3\n", "6\n"), False),
        # A part of another number or name is no copy.
        ("At most 10 of them.", Test("1 0\n", "6\n"), False),
        ("Input: 11 2", Test("1 2\n", "6\n"), False),
        ("Input: 1 23 or 1 2.5 or -1 2", Test("1 2\n", "6\n"), False),
        ("Thus half(2) is 1.", _call(2), False),
        ("It returns f (2).", _call(2), True),
        # One word may stand anywhere.
        ("At most 3 of them.", Test("3\n", "6\n"), False),
    ],
)
def test_a_test_that_stands_in_the_statement(statement: str, test: Test, stands: bool) -> None:
    entry = "f" if test.kind is TestKind.CALL else None
    task = Task("t", statement, (Test("9 9\n", "1\n"),), entry_point=entry)
    assert stands_in_statement(task, test) is stands


def test_an_example_is_copied_and_an_unread_test_is_not() -> None:
    tests = ["1 2", " 1 2\n", "3", None]
    group = group_from_letters(["+ ++++"], tests=tests, examples=["1 2\n"])
    assert copied_U(group).tolist() == [True, True, False, False]
    facts = task_facts(group)
    assert facts.copied_U is not None
    assert facts.copied_U.tolist() == [True, True, False, False]


def test_an_input_that_is_no_call_stands_in_no_statement() -> None:
    task = Task("t", "Return f(x).", (Test("1", "1"),), entry_point="f")
    assert not stands_in_statement(task, Test("no call at all", "1", TestKind.CALL))
