"""AlphaCodium: reasoning, repairs with anchors, and the model's decision to keep a program."""

from __future__ import annotations

from dataclasses import replace

from sparring.sandbox import Sandbox
from sparring.schema import Role
from sparring.selection.selectors import Selector
from sparring.solving.pipelines.alphacodium import alphacodium
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
    call,
)
from tests.solving.scripted_session import program, scripted

SELECTOR = Selector.SOFT_B4


def reasoned(message: str) -> bool:
    return "how to solve" in message


class Coder:
    """First programs in turn, then repairs in turn; every message is kept."""

    def __init__(self, first: list[str], repairs: list[str]) -> None:
        self.first, self.repairs = list(first), list(repairs)
        self.asked: list[str] = []

    def __call__(self, role: Role, message: str) -> str | None:
        assert role is Role.CODER
        if reasoned(message):
            return self.first.pop(0)
        self.asked.append(message)
        return self.repairs.pop(0) if self.repairs else UNREADABLE


def test_programs_come_after_reasoning_about_the_public_tests(workers: Sandbox) -> None:
    coder = Coder([RIGHT, RIGHT], [])
    session, model = scripted(TASK, workers, [RIGHT, RIGHT], [T3], coder)
    decided = alphacodium(session, SELECTOR)
    assert [m for _, m in model.asked] == [model.asked[0][1]] * 2
    assert "assert double(2) == 4" in model.asked[0][1]
    assert "for each example" in model.asked[0][1]
    assert [p.origin for p in session.programs] == ["reasoned", "reasoned"]
    assert decided.solution.chosen == 0
    assert not coder.asked


def test_a_program_that_fails_a_public_test_is_asked_about_it_and_replaced(
    workers: Sandbox,
) -> None:
    coder = Coder([TRIPLE], [RIGHT])
    session, _ = scripted(TASK, workers, [TRIPLE], [T3], coder)
    decided = alphacodium(session, SELECTOR)
    assert decided.solution.chosen == 1
    assert (session.programs[1].origin, session.programs[1].parent) == ("repaired", 0)
    [message] = coder.asked
    assert "return 3 * x" in message
    assert "assert double(2) == 4" in message
    assert "The program gives: 6" in message
    assert "KEEP" not in message  # a public test is right


def test_public_tests_get_two_rounds_and_no_more(workers: Sandbox) -> None:
    coder = Coder([TRIPLE], [TRIPLE, TRIPLE, RIGHT])
    session, _ = scripted(TASK, workers, [TRIPLE], [], coder)
    alphacodium(session, SELECTOR)
    assert len(coder.asked) == 2


def test_a_repair_that_breaks_an_anchor_is_refused(workers: Sandbox) -> None:
    # SQUARE passes the public test (2 -> 4) and fails 3 -> 6; this repair does the reverse.
    only_three = program("def double(x):\n    return 6 if x == 3 else 0")
    coder = Coder([SQUARE], [only_three])
    session, _ = scripted(TASK, workers, [SQUARE], [T3], coder)
    decided = alphacodium(session, SELECTOR)
    assert decided.solution.chosen == 0
    assert decided.solution.ranked == (0,)
    assert [s.step for s in session.steps] == ["refused"]


def test_a_repair_that_fails_the_shown_test_is_refused(workers: Sandbox) -> None:
    coder = Coder([SQUARE], [PLUS_TWO])  # both pass 2 -> 4, and fail 3 -> 6
    session, _ = scripted(TASK, workers, [SQUARE], [T3], coder)
    assert alphacodium(session, SELECTOR).solution.ranked == (0,)


def test_a_later_public_test_is_an_anchor_too(workers: Sandbox) -> None:
    # TRIPLE fails 2 and passes 0; the repair passes 2 and loses 0
    task = replace(TASK, examples=(*TASK.examples, call(0, gives=0)))
    loses_zero = program("def double(x):\n    return 2 * x if x else 1")
    coder = Coder([TRIPLE], [loses_zero])
    session, _ = scripted(task, workers, [TRIPLE], [], coder)
    assert alphacodium(session, SELECTOR).solution.ranked == (0,)


def test_generated_tests_passed_so_far_are_anchors_too(workers: Sandbox) -> None:
    # passes 2 and 0, fails 3; the repair passes 2 and 3 and loses 0, an earlier generated test
    loses_zero = program("def double(x):\n    return 2 * x if x else 1")
    coder = Coder([SQUARE], [loses_zero])
    session, _ = scripted(TASK, workers, [SQUARE], [T0, T3], coder)
    assert alphacodium(session, SELECTOR).solution.chosen == 0
    # a later test is no anchor: with 0 behind 3, the same repair is kept
    coder = Coder([SQUARE], [loses_zero, UNREADABLE])
    session, _ = scripted(TASK, workers, [SQUARE], [T3, T0], coder)
    assert alphacodium(session, SELECTOR).solution.chosen == 1


def test_the_model_may_keep_a_program_and_is_asked_about_a_test_once(workers: Sandbox) -> None:
    coder = Coder([RIGHT], ["KEEP", RIGHT])
    session, _ = scripted(TASK, workers, [RIGHT], [WRONG_TEST, T3], coder)
    decided = alphacodium(session, SELECTOR)
    assert decided.solution.chosen == 0
    assert len(coder.asked) == 1
    assert "KEEP" in coder.asked[0]
    assert [s.step for s in session.steps] == ["kept"]


def test_each_generated_round_asks_about_the_next_failed_test(workers: Sandbox) -> None:
    coder = Coder([SQUARE], [UNREADABLE, UNREADABLE, UNREADABLE])
    session, _ = scripted(TASK, workers, [SQUARE], [T3, T5, T0], coder)
    alphacodium(session, SELECTOR)
    assert ["double(3) == 6" in m for m in coder.asked] == [True, False]
    assert ["double(5) == 10" in m for m in coder.asked] == [False, True]


def test_programs_that_pass_the_public_tests_compete_by_the_generated_ones(
    workers: Sandbox,
) -> None:
    coder = Coder([TRIPLE, SQUARE, SHIFT], [])
    session, _ = scripted(TASK, workers, [TRIPLE, SQUARE, SHIFT], [T3, T5], coder)
    decided = alphacodium(session, SELECTOR)
    assert decided.solution.chosen == 2
    assert decided.solution.ranked[:2] == (2, 1)  # TRIPLE fails a public test and comes last
