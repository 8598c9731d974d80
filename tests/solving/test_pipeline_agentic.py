"""Agentic test generation: who sees what, what is kept, and when the rounds end."""

from __future__ import annotations

import pytest

from sparring.sandbox import Sandbox
from sparring.schema import Role
from sparring.selection.selectors import Selector
from sparring.solving.pipelines.agentic_tests import TestView, agentic_tests
from sparring.solving.pipelines.best_of_n import best_of_n
from tests.solving.pipeline_cases import RIGHT, SHIFT, SQUARE, T3, T5, TASK, UNREADABLE, WRONG_TEST
from tests.solving.scripted_session import scripted

SELECTOR = Selector.SOFT_B4


def test_a_failed_test_is_reviewed_and_its_correction_takes_its_place(workers: Sandbox) -> None:
    session, model = scripted(TASK, workers, [RIGHT], [WRONG_TEST], lambda role, message: T5)
    decided = agentic_tests(session, TestView.TASK_DERIVED, SELECTOR)
    [(role, message)] = model.asked
    assert role is Role.TESTER
    assert "assert double(5) == 11" in message
    assert "The program gives: 10" in message
    assert "return 2 * x" not in message  # task-derived: the statement and the result alone
    assert decided.tests == (1,)
    assert (session.tests[1].origin, session.tests[1].parent) == ("refined", 0)


def test_a_test_that_the_program_passes_is_not_reviewed(workers: Sandbox) -> None:
    session, model = scripted(TASK, workers, [RIGHT], [T3, T5])
    assert agentic_tests(session, TestView.TASK_DERIVED, SELECTOR).tests == (0, 1)
    assert not model.asked


def test_the_model_may_keep_a_test_and_is_not_asked_again(workers: Sandbox) -> None:
    session, model = scripted(TASK, workers, [SQUARE], [T3], lambda role, message: "KEEP.")
    assert agentic_tests(session, TestView.TASK_DERIVED, SELECTOR).tests == (0,)
    assert len(model.asked) == 1


def test_the_same_test_written_again_is_settled(workers: Sandbox) -> None:
    session, model = scripted(TASK, workers, [SQUARE], [T3], lambda role, message: T3)
    assert agentic_tests(session, TestView.TASK_DERIVED, SELECTOR).tests == (1,)
    assert len(model.asked) == 1


def test_there_are_at_most_three_rounds(workers: Sandbox) -> None:
    answers = iter(f"```python\nassert double({x}) == 0\n```" for x in range(7, 20))
    session, model = scripted(
        TASK, workers, [RIGHT], [WRONG_TEST], lambda role, message: next(answers)
    )
    assert agentic_tests(session, TestView.TASK_DERIVED, SELECTOR).tests == (3,)
    assert len(model.asked) == 3


def test_an_unreadable_test_is_written_anew_and_an_unreadable_answer_changes_nothing(
    workers: Sandbox,
) -> None:
    session, model = scripted(TASK, workers, [RIGHT], [UNREADABLE], lambda role, message: T3)
    assert agentic_tests(session, TestView.TASK_DERIVED, SELECTOR).tests == (1,)
    assert "no code block" in model.asked[0][1]
    session, model = scripted(
        TASK, workers, [RIGHT], [WRONG_TEST], lambda role, message: UNREADABLE
    )
    assert agentic_tests(session, TestView.TASK_DERIVED, SELECTOR).tests == (0,)
    assert len(model.asked) == 3


def test_function_specific_tests_see_their_own_program_in_turn(workers: Sandbox) -> None:
    session, model = scripted(
        TASK, workers, [RIGHT, SHIFT], [UNREADABLE] * 3, lambda role, message: T3
    )
    decided = agentic_tests(session, TestView.FUNCTION_SPECIFIC, SELECTOR)
    shown = ["return 2 * x" in m for _, m in model.asked]
    assert shown == [True, False, True]
    assert decided.tests == (0, 1, 2)
    assert {t.origin for t in session.tests} == {"of a program"}


def test_a_review_of_a_function_specific_test_shows_the_program(workers: Sandbox) -> None:
    def says(role: Role, message: str) -> str:
        return "KEEP" if "answer KEEP" in message else T3

    session, model = scripted(TASK, workers, [SQUARE], [UNREADABLE], says)
    agentic_tests(session, TestView.FUNCTION_SPECIFIC, SELECTOR)
    assert len(model.asked) == 2
    assert "return x * x" in model.asked[1][1]


@pytest.mark.parametrize("view", TestView)
def test_without_a_program_there_is_no_decision_and_no_review(
    workers: Sandbox, view: TestView
) -> None:
    session, model = scripted(TASK, workers, [UNREADABLE], [T3])
    assert agentic_tests(session, view, SELECTOR).solution.chosen is None
    assert not model.asked


def test_better_tests_change_the_choice(workers: Sandbox) -> None:
    # three tests written for SQUARE's mistake; the review puts them right
    wrong = [f"```python\nassert double({x}) == {x * x}\n```" for x in (3, 4, 5)]
    right = iter([f"```python\nassert double({x}) == {2 * x}\n```" for x in (3, 4, 5)])
    programs = [RIGHT, SQUARE]
    session, _ = scripted(TASK, workers, programs, wrong)
    assert best_of_n(session, SELECTOR).solution.chosen == 1
    session, model = scripted(
        TASK, workers, [RIGHT, RIGHT, SQUARE], wrong, lambda role, message: next(right)
    )
    assert agentic_tests(session, TestView.TASK_DERIVED, SELECTOR).solution.chosen == 0
    assert len(model.asked) == 2  # the third test belongs to SQUARE, which passes it
