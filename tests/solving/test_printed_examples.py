"""Examples of whole programs, read from statements of contests."""

from __future__ import annotations

import pytest

from sparring.schema import TestKind
from sparring.solving.problems.problem import read_problem
from tests.solving.printed_statements import CODEFORCES, FORMS_ONLY, READ, REFUSED


@pytest.mark.parametrize("name", READ)
def test_the_examples_of_a_contest_are_read(name: str) -> None:
    text, expected = READ[name]
    task = read_problem(text).task
    assert task.entry_point is None
    assert [(t.input, t.output) for t in task.examples] == expected
    assert {t.kind for t in task.examples} == {TestKind.STDIN}


@pytest.mark.parametrize("name", REFUSED)
def test_unclear_examples_are_refused_with_a_note(name: str) -> None:
    read = read_problem(REFUSED[name])
    assert read.task.examples == ()
    assert any("no example read" in note for note in read.notes)
    assert any("not read (" in note for note in read.notes) or name == "two columns"


def test_sections_that_describe_forms_are_no_examples() -> None:
    read = read_problem(FORMS_ONLY)
    assert read.task.examples == ()
    assert not any("not read" in note for note in read.notes)


def test_limits_and_precision_are_those_of_the_text() -> None:
    task = read_problem(CODEFORCES).task
    assert (task.time_limit, task.memory_limit, task.checker) == (2.0, 512, "tokens")
    near = "Print x.\n\nYour answer may have an absolute or relative error of at most 10^{-6}.\n"
    assert read_problem(near).task.checker == "float(abs=1e-6, rel=1e-6)"


def test_a_task_has_no_ground_truth() -> None:
    task = read_problem(CODEFORCES).task
    assert (task.tests, task.hidden, task.solutions, task.validator) == ((), (), (), None)
