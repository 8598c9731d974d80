"""Every pipeline: budgets that end in every step, hopeless models, both kinds of problems."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparring.sandbox import Sandbox
from sparring.schema import Role, Test
from sparring.selection.selectors import Selector
from sparring.solving.budget import Budget
from sparring.solving.options import Sizes
from sparring.solving.pipelines import Pipeline, run_pipeline
from tests.solving.pipeline_cases import (
    PRINTED_TASK,
    RIGHT,
    SHIFT,
    SQUARE,
    T3,
    T5,
    TASK,
    TRIPLE,
    UNREADABLE,
    WRONG_TEST,
)
from tests.solving.scripted_session import assertion, printed, program, scripted

SELECTOR = Selector.SOFT_B4
PROGRAMS = [TRIPLE, SQUARE, RIGHT, SHIFT]
TESTS = [WRONG_TEST, T3, UNREADABLE, T5]


def helpful(role: Role, message: str) -> str:
    """A model that always has something to say, so that every step asks."""
    if "how to solve" in message:
        return SQUARE
    if "precondition" in message:
        return program(
            "def precondition(x):\n    return True\n"
            "def postcondition(result, x):\n    return result == 2 * x"
        )
    if "on which the two differ" in message:
        return "double(9)"
    if "End with one line" in message:
        return "A"
    return TRIPLE if role is Role.CODER else WRONG_TEST


@pytest.mark.parametrize("pipeline", Pipeline)
def test_whichever_request_the_budget_ends_at_there_is_a_decision_within_it(
    pipeline: Pipeline, workers: Sandbox
) -> None:
    session, _ = scripted(TASK, workers, PROGRAMS, TESTS, helpful)
    run_pipeline(pipeline, session, SELECTOR)
    whole = session.spending.costs.requests
    for most in range(whole + 1):
        session, _ = scripted(TASK, workers, PROGRAMS, TESTS, helpful, Budget(requests=most))
        decided = run_pipeline(pipeline, session, SELECTOR)
        assert session.spending.costs.requests <= most
        readable = [p.number for p in session.programs if p.source is not None]
        assert (decided.solution.chosen is None) == (not readable)
        if most < whole:
            assert decided.solution.reason == "requests"


@pytest.mark.parametrize(("selector", "chosen"), [(Selector.BON, 0), (Selector.DUAL, 1)])
def test_the_selector_decides(selector: Selector, chosen: int, workers: Sandbox) -> None:
    """One program passes three tests, two pass two: 1 × 3 against 2 × 2."""
    wrong = [assertion(f"double({x}) == {x * x}") for x in (3, 4, 5)]
    session, _ = scripted(TASK, workers, [SQUARE, RIGHT, SHIFT], [*wrong, T3, T5])
    decided = run_pipeline(Pipeline.BEST_OF_N, session, selector)
    assert decided.solution.chosen == chosen


@pytest.mark.parametrize("pipeline", Pipeline)
@pytest.mark.parametrize("most", [0, 1, 5, 9])
def test_executions_end_within_their_budget(
    pipeline: Pipeline, most: int, workers: Sandbox
) -> None:
    session, _ = scripted(TASK, workers, PROGRAMS, TESTS, helpful, Budget(executions=most))
    decided = run_pipeline(pipeline, session, SELECTOR)
    assert session.spending.costs.executions <= most
    assert decided.solution.chosen is not None


@pytest.mark.parametrize("pipeline", Pipeline)
def test_no_readable_program_is_no_decision(pipeline: Pipeline, workers: Sandbox) -> None:
    session, _ = scripted(TASK, workers, [UNREADABLE] * 4, TESTS, lambda r, m: UNREADABLE)
    decided = run_pipeline(pipeline, session, SELECTOR)
    assert decided.solution.chosen is None
    assert decided.solution.reason == "no program could be read"


@pytest.mark.parametrize("pipeline", Pipeline)
def test_no_readable_test_leaves_the_public_tests(pipeline: Pipeline, workers: Sandbox) -> None:
    def says(role: Role, message: str) -> str:
        return RIGHT if "how to solve" in message else UNREADABLE

    session, _ = scripted(TASK, workers, [TRIPLE, RIGHT], [UNREADABLE] * 2, says)
    decided = run_pipeline(pipeline, session, SELECTOR)
    assert decided.tests == ()
    if pipeline is not Pipeline.SINGLE:
        chosen = decided.solution.chosen
        assert chosen is not None
        assert session.programs[chosen].source == "def double(x):\n    return 2 * x\n"


@pytest.mark.parametrize("pipeline", Pipeline)
def test_a_model_that_fails_every_message_of_its_own_leaves_the_samples(
    pipeline: Pipeline, workers: Sandbox
) -> None:
    session, _ = scripted(TASK, workers, PROGRAMS, TESTS)
    decided = run_pipeline(pipeline, session, SELECTOR)
    readable = [p.number for p in session.programs if p.source is not None]
    assert (decided.solution.chosen is None) == (not readable)


@pytest.mark.parametrize("pipeline", Pipeline)
def test_programs_that_never_end_are_a_decision_too(pipeline: Pipeline, workers: Sandbox) -> None:
    endless = program("def double(x):\n    while True:\n        pass")

    def says(role: Role, message: str) -> str:
        return endless if role is Role.CODER else UNREADABLE

    session, _ = scripted(
        TASK, workers, [endless], [T3], says, sizes=Sizes(1, 1), budget=Budget(executions=6)
    )
    assert run_pipeline(pipeline, session, SELECTOR).solution.chosen is not None


@pytest.mark.parametrize("pipeline", Pipeline)
def test_problems_on_standard_input_are_solved_too(pipeline: Pipeline, workers: Sandbox) -> None:
    right = program("print(int(input()) + 1)")
    wrong = program("print(int(input()) * 2)")  # right on the public example
    programs = [right, wrong, right, wrong, right]
    tests = [printed("9", "10"), printed("4", "5"), printed("0", "1"), *[printed("5", "6")] * 2]

    def says(role: Role, message: str) -> str:
        assert "Read a whole number" in message
        return right if role is Role.CODER else printed("7", "8")

    session, _ = scripted(PRINTED_TASK, workers, programs, tests, says)
    chosen = run_pipeline(pipeline, session, SELECTOR).solution.chosen
    assert chosen is not None
    assert session.programs[chosen].source == "print(int(input()) + 1)\n"


@pytest.mark.parametrize("pipeline", Pipeline)
def test_the_users_binding_tests_count_as_public(pipeline: Pipeline, workers: Sandbox) -> None:
    task = replace(PRINTED_TASK, examples=(), tests=(Test("5\n", "6\n"),))
    wrong, right = program("print(int(input()) * 2)"), program("print(int(input()) + 1)")

    def says(role: Role, message: str) -> str:
        return right if role is Role.CODER else UNREADABLE

    session, _ = scripted(task, workers, [wrong, right], [printed("1", "2")] * 2, says)
    decided = run_pipeline(pipeline, session, SELECTOR)
    if pipeline is not Pipeline.SINGLE:
        assert decided.solution.chosen is not None
        assert session.programs[decided.solution.chosen].source == "print(int(input()) + 1)\n"
