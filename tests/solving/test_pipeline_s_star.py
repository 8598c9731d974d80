"""S*: debugging on public tests, clusters, distinguishing inputs, a judge asked twice."""

from __future__ import annotations

import numpy as np
import pytest

from sparring.sandbox import Sandbox
from sparring.schema import Role
from sparring.solving.pipelines.s_star import clusters_of, s_star
from tests.solving.pipeline_cases import (
    PLUS_TWO,
    RIGHT,
    SHIFT,
    SQUARE,
    T0,
    T3,
    TASK,
    TRIPLE,
    UNREADABLE,
)
from tests.solving.scripted_session import Says, program, scripted


def judge(favours: str, inputs: str = "double(7)") -> Says:
    """A model that gives one distinguishing input, and finds the program with a text right."""

    def says(role: Role, message: str) -> str | None:
        if "on which the two differ" in message:
            assert role is Role.TESTER
            return inputs
        if "End with one line" in message:
            first = message.index("A:\n```python")
            second = message.index("B:\n```python")
            where = message.index(favours)
            return "So it is\n" + ("A" if first < where < second else "B")
        return UNREADABLE

    return says


def test_clusters_are_equal_outputs_on_all_inputs_largest_first() -> None:
    answers = np.array([[0, 1], [2, 2], [0, 1], [-1, -1], [-1, 1]])
    assert clusters_of(answers) == [[0, 2], [1], [4]]
    assert clusters_of(np.zeros((3, 0), dtype=np.int64)) == [[0, 1, 2]]
    assert clusters_of(np.zeros((0, 0), dtype=np.int64)) == []


def test_failing_programs_are_debugged_up_to_four_times(workers: Sandbox) -> None:
    session, model = scripted(TASK, workers, [TRIPLE], [T3], lambda role, message: TRIPLE)
    decided = s_star(session)
    assert len(model.asked) == 4
    assert all(role is Role.CODER for role, _ in model.asked)
    assert decided.solution.chosen == 4  # the newest version
    assert decided.solution.chosen_by == "most public tests passed"
    assert not session.tests  # no program passes, so nothing competes


def test_debugging_ends_once_the_public_tests_pass(workers: Sandbox) -> None:
    session, model = scripted(TASK, workers, [TRIPLE], [T3], lambda role, message: RIGHT)
    decided = s_star(session)
    assert len(model.asked) == 1
    assert decided.solution.chosen == 1
    assert session.programs[1].origin == "debugged"


def test_an_unreadable_version_leaves_the_old_one(workers: Sandbox) -> None:
    session, _ = scripted(TASK, workers, [TRIPLE], [], lambda role, message: UNREADABLE)
    assert s_star(session).solution.chosen == 0


def test_the_judge_decides_between_clusters_of_equal_size(workers: Sandbox) -> None:
    session, model = scripted(TASK, workers, [SQUARE, RIGHT], [T0], judge("return 2 * x"))
    # on 0 both give 0: one cluster, no match
    assert s_star(session).solution.chosen == 0
    assert not model.asked
    session, model = scripted(TASK, workers, [SQUARE, RIGHT], [T3], judge("return 2 * x"))
    decided = s_star(session)
    assert decided.solution.chosen == 1
    kinds = ["differ" in m for _, m in model.asked]
    assert kinds == [True, False, False]  # one input, then the judge twice
    straight, swapped = (m for _, m in model.asked[1:])
    assert "double(7)" in straight
    assert "A gives: 49" in straight
    assert "B gives: 14" in straight
    assert "A gives: 14" in swapped
    assert "B gives: 49" in swapped


@pytest.mark.parametrize("letter", ["A", "B"])
def test_a_judge_that_always_says_the_same_letter_gives_no_point(
    workers: Sandbox, letter: str
) -> None:
    def says(role: Role, message: str) -> str:
        return "double(7)" if "on which the two differ" in message else letter

    session, _ = scripted(TASK, workers, [SQUARE, RIGHT, SHIFT], [T3], says)
    assert s_star(session).solution.chosen == 1  # no points: the larger cluster
    [step] = [s for s in session.steps if s.step == "match"]
    assert step.facts == {"straight": letter, "swapped": "B" if letter == "A" else "A"}


def test_an_input_that_does_not_distinguish_is_replaced_by_a_known_one(workers: Sandbox) -> None:
    for useless in ("double(2)", UNREADABLE):
        session, model = scripted(
            TASK, workers, [SQUARE, RIGHT], [T3], judge("return 2 * x", useless)
        )
        assert s_star(session).solution.chosen == 1
        assert "Input: double(3)" in model.asked[1][1]


def test_outputs_that_are_equal_in_another_order_do_not_differ(workers: Sandbox) -> None:
    # 1 and 1.0 are one answer; the judge would be asked about nothing
    floats = program("def double(x):\n    return {2: 4, 3: 6}.get(x, 1.0)")
    whole = program("def double(x):\n    return {2: 4, 3: 5}.get(x, 1)")
    session, model = scripted(TASK, workers, [floats, whole], [T3], judge("return"))
    s_star(session)
    assert "Input: double(3)" in model.asked[1][1]


def test_only_the_largest_clusters_meet(workers: Sandbox) -> None:
    others = [
        program(f"def double(x):\n    return {{2: 4, 3: {k}}}.get(x, 0)") for k in range(7, 13)
    ]
    session, model = scripted(TASK, workers, others, [T3], lambda role, message: UNREADABLE)
    assert s_star(session).solution.chosen == 0
    assert sum("on which the two differ" in m for _, m in model.asked) == 6  # 4 clusters


def test_programs_that_fail_a_public_test_do_not_compete(workers: Sandbox) -> None:
    session, _ = scripted(
        TASK, workers, [TRIPLE, TRIPLE, PLUS_TWO], [T3], lambda role, message: UNREADABLE
    )
    decided = s_star(session)
    assert decided.solution.chosen == 2
    assert decided.solution.ranked == (2, 0, 1)
