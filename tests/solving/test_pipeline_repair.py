"""Test and repair: weak programs, doubtful tests, and the largest group of equal outputs."""

from __future__ import annotations

from sparring.sandbox import Sandbox
from sparring.schema import Role
from sparring.solving.pipelines.test_and_repair import test_and_repair as repair_and_choose
from tests.solving.pipeline_cases import (
    PLUS_TWO,
    RIGHT,
    SHIFT,
    SQUARE,
    T0,
    T3,
    T5,
    TASK,
    TRIPLE,
    UNREADABLE,
    WRONG_TEST,
)
from tests.solving.scripted_session import program, scripted


def test_the_weakest_program_is_repaired_if_the_repair_passes_more(workers: Sandbox) -> None:
    asked: list[str] = []

    def says(role: Role, message: str) -> str:
        assert role is Role.CODER
        asked.append(message)
        return SHIFT

    session, _ = scripted(TASK, workers, [TRIPLE, RIGHT, RIGHT, RIGHT], [T3, T5], says)
    decided = repair_and_choose(session)
    assert len(asked) == 1  # after it all programs are equal
    assert "return 3 * x" in asked[0]
    assert "assert double(2) == 4" in asked[0]
    assert [s.step for s in session.steps] == ["repaired"]
    assert decided.solution.ranked == (4, 1, 2, 3)


def test_a_weak_program_sees_the_failed_test_that_most_programs_pass(workers: Sandbox) -> None:
    weak = program("def double(x):\n    return 4 if x == 2 else 1")
    session, model = scripted(
        TASK, workers, [weak, RIGHT, RIGHT], [WRONG_TEST, T3], lambda role, message: SHIFT
    )
    repair_and_choose(session)
    _, message = model.asked[0]
    assert "double(3) == 6" in message
    assert "double(5) == 11" not in message


def test_a_test_that_half_of_the_programs_pass_is_not_doubtful(workers: Sandbox) -> None:
    def says(role: Role, message: str) -> str:
        assert role is Role.CODER
        return UNREADABLE

    session, model = scripted(TASK, workers, [RIGHT, SHIFT, SQUARE, SQUARE], [T3], says)
    assert repair_and_choose(session).tests == (0,)
    assert model.asked


def test_a_repair_that_passes_no_more_drops_the_program(workers: Sandbox) -> None:
    session, _ = scripted(
        TASK, workers, [TRIPLE, RIGHT, SQUARE], [T3, T5], lambda role, message: TRIPLE
    )
    decided = repair_and_choose(session)
    assert 0 not in decided.solution.ranked
    assert decided.solution.chosen == 1
    assert session.steps[0].step == "dropped"


def test_two_programs_stay_at_least(workers: Sandbox) -> None:
    session, _ = scripted(TASK, workers, [TRIPLE, RIGHT], [T3], lambda role, message: UNREADABLE)
    decided = repair_and_choose(session)
    assert decided.solution.ranked == (1, 0)
    assert {s.step for s in session.steps} == {"refused"}


def test_a_doubtful_test_is_reviewed_with_the_usual_result(workers: Sandbox) -> None:
    def says(role: Role, message: str) -> str:
        assert role is Role.TESTER
        assert "The program gives: 10" in message
        return T5

    session, model = scripted(TASK, workers, [RIGHT, SHIFT, RIGHT], [WRONG_TEST, T3], says)
    decided = repair_and_choose(session)
    assert decided.tests == (2, 1)
    assert len(model.asked) == 1


def test_a_test_that_no_program_passes_is_dropped_even_if_kept_by_the_model(
    workers: Sandbox,
) -> None:
    session, _ = scripted(
        TASK, workers, [RIGHT, SHIFT], [WRONG_TEST, T3], lambda role, message: "KEEP"
    )
    assert repair_and_choose(session).tests == (1,)


def test_a_correction_that_no_more_programs_pass_does_not_count(workers: Sandbox) -> None:
    session, _ = scripted(
        TASK, workers, [RIGHT, SHIFT], [WRONG_TEST, T3], lambda role, message: WRONG_TEST
    )
    assert repair_and_choose(session).tests == (1,)
    assert session.steps[-1].step == "dropped"


def test_ties_go_to_the_largest_group_of_equal_outputs_on_all_inputs(workers: Sandbox) -> None:
    # all three pass 0; the dropped test's input, 5, tells them apart
    lonely = program("def double(x):\n    return 0 if x == 0 else {2: 4}.get(x, 1)")
    session, _ = scripted(
        TASK, workers, [lonely, RIGHT, SHIFT], [T0, WRONG_TEST], lambda role, message: "KEEP"
    )
    decided = repair_and_choose(session)
    assert decided.tests == (0,)
    assert decided.solution.chosen == 1


def test_programs_that_fail_the_public_tests_lose_against_those_that_pass(
    workers: Sandbox,
) -> None:
    fits = program("def double(x):\n    return {3: 6, 5: 10}.get(x, 0)")
    session, _ = scripted(
        TASK, workers, [fits, fits, PLUS_TWO], [T3, T5], lambda role, message: UNREADABLE
    )
    assert repair_and_choose(session).solution.chosen == 2
