"""Draws of a task's responses: only what was drawn is seen."""

from __future__ import annotations

import numpy as np
import pytest

from sparring.selection.choices import drawn_choices, sizes_for
from sparring.selection.consensus import NONE
from sparring.selection.evidence import Evidence
from sparring.selection.labelled import NO_INPUT, LabelledEvidence

PASSED = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]], bool)
TASK = LabelledEvidence(
    "t",
    Evidence(PASSED, np.ones_like(PASSED), np.array([[1, 5], [1, 6], [2, NONE]], dtype=np.int64)),
    np.array([True, False, False]),
    # the first two tests have one input, the third has none of its own
    np.array([1, 1, NO_INPUT]),
    # the coder's second response of four holds no program
    np.array([0, 2, 3]),
    # the tester's first response of three holds two tests, the second none
    np.array([0, 0, 2]),
    4,
    3,
)


def test_the_evidence_of_some_responses_by_hand() -> None:
    evidence, rows = TASK.of(np.array([3, 1, 0]), np.array([1, 0]))
    assert rows.tolist() == [2, 0]
    assert evidence.passed_PU.tolist() == [[False, False], [True, True]]
    assert evidence.observed_PU.all()
    # the input counts once, at its first test
    assert evidence.answers_PI.tolist() == [[NONE, NONE], [5, NONE]]
    nothing, rows = TASK.of(np.array([1]), np.array([1]))
    assert rows.tolist() == []
    assert nothing.passed_PU.shape == (0, 0)


def test_a_test_without_an_input_has_no_answers() -> None:
    evidence, _ = TASK.of(np.array([0, 2]), np.array([2]))
    assert evidence.passed_PU.tolist() == [[False], [False]]
    assert (evidence.answers_PI == NONE).all()


def test_draws_leave_out_those_without_a_program_and_stack_the_others() -> None:
    drawn = list(TASK.draws(1, 2, 200, np.random.default_rng(0)))
    assert len(drawn) == 1
    evidence, rows = drawn[0]
    # a quarter of the draws take the response without a program
    assert 130 < len(rows) < 170
    assert set(rows[:, 0].tolist()) == {0, 1, 2}
    assert evidence.passed_PU.shape[:2] == (len(rows), 1)
    # shorter draws are filled up with tests that were observed on no program
    assert set(evidence.observed_PU.sum(axis=(1, 2)).tolist()) == {1, 2, 3}
    sizes = {rows.shape[1] for _, rows in TASK.draws(3, 3, 200, np.random.default_rng(0))}
    assert sizes == {2, 3}


def test_single_tests_are_drawn_one_by_one() -> None:
    single = TASK.single_tests()
    assert single.tester == 3
    for evidence, _ in single.draws(4, 1, 20, np.random.default_rng(0)):
        assert evidence.observed_PU.shape[2] == 1


def test_choices_say_what_was_chosen_and_count_the_silent() -> None:
    found = drawn_choices("set", [TASK], [(4, 3)], draws=5)
    # program 0 passes most and leads
    assert found.right_C.tolist() == [True] * 5
    assert found.passed_C == pytest.approx([2 / 3] * 5)
    assert found.silent == 0
    assert set(found.task_C) == {"t"}
    quiet = drawn_choices("set", [TASK], [(1, 1)], draws=40)
    assert quiet.silent > 0
    assert len(quiet.right_C) + quiet.silent == 40


def test_sizes_fit_the_task() -> None:
    assert sizes_for(10, 16) == [(4, 4), (5, 5), (8, 8), (10, 10)]
    assert sizes_for(3, 40) == [(3, 40)]


def test_shapes_must_fit() -> None:
    e = TASK.evidence
    with pytest.raises(ValueError, match="per program"):
        LabelledEvidence(
            "t", e, np.ones(2, bool), TASK.input_U, TASK.response_P, TASK.response_U, 4, 3
        )
    with pytest.raises(ValueError, match="per test"):
        LabelledEvidence(
            "t", e, TASK.correct_P, np.zeros(2, int), TASK.response_P, TASK.response_U, 4, 3
        )
