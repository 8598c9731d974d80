"""Measuring pipelines: costs, Best-of-N at equal tokens, records, and what a session may see."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.errors import RunError
from sparring.schema import Task, Test, without_ground_truth
from sparring.selection.evidence import Evidence, chances
from sparring.selection.labelled import LabelledEvidence
from sparring.selection.ranked import subsets
from sparring.selection.rules import scores
from sparring.selection.selectors import Selector
from sparring.solving.budget import Costs
from sparring.solving.equal_tokens import SampledTask, mean_tokens, size_at
from sparring.solving.pipeline_figures import cost_per_solved, in_compare
from sparring.solving.pipeline_runs import RUNS, PipelineRun, cut_torn_line, read_runs
from sparring.solving.pipelines import Pipeline
from tests.solving.pipeline_cases import TASK

FULL = replace(
    TASK,
    tests=(Test("1\n", "secret one\n"),),
    hidden=(Test("2\n", "secret two\n"),),
    solutions=("secret = 3",),
    validator="secret = 4",
    preamble="livecodebench",
    head="import math\n",
    difficulty="easy",
    source="somewhere",
)


def test_a_session_sees_no_ground_truth_and_loses_nothing_else() -> None:
    seen = without_ground_truth(FULL)
    assert "secret" not in repr(seen)
    without = {"tests", "hidden", "solutions", "validator"}
    for name in {field.name for field in fields(Task)} - without:
        assert getattr(seen, name) == getattr(FULL, name)
    assert (seen.tests, seen.hidden, seen.solutions, seen.validator) == ((), (), (), None)


def sampled(correct: list[bool], passed: Any, **more: Any) -> SampledTask:
    """A task with programs and tests by their outcomes; every output is the test's own."""
    correct_P, passed_PU = np.array(correct), np.array(passed, dtype=bool)
    programs, tests = passed_PU.shape
    usual: dict[str, Any] = {
        "known_P": np.ones(programs, dtype=bool),
        "readable_P": np.ones(programs, dtype=bool),
        "public_P": np.zeros(programs),
        "parsed_U": np.ones(tests, dtype=bool),
        "right_U": None,
        "observed_PU": np.ones((programs, tests), dtype=bool),
        "answers_PI": np.where(passed_PU, 1, 0).astype(np.int64),
        "input_U": np.arange(tests),
        "tokens": (30.0, 10.0),
    }
    return SampledTask(correct_P, passed_PU=passed_PU, **{**usual, **more})


def test_best_of_n_of_all_samples_is_the_selectors_choice() -> None:
    task = sampled([True, False, False], [[1, 1], [1, 0], [0, 0]])
    assert task.best_of(3, Selector.BON) == 1
    assert task.single == pytest.approx(1 / 3)
    assert task.best_of(1, Selector.BON) == pytest.approx(1 / 3, abs=0.25)  # one of three, drawn


@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([Selector.SOFT_B4, Selector.SOFT]))
@settings(max_examples=30, deadline=None)
def test_best_of_n_knows_what_was_drawn_and_could_be_read(
    seed: int, k: int, selector: Selector
) -> None:
    """Against the evidence of the drawn responses alone, by another way (`LabelledEvidence`)."""
    rng = np.random.default_rng(seed)
    readable_P, parsed_U = rng.random(5) < 0.8, rng.random(4) < 0.7
    input_U = np.where(parsed_U, rng.integers(0, 3, 4), -1)
    correct_P = (rng.random(5) < 0.5) & readable_P
    passed_PU = (rng.random((5, 4)) < 0.5) & parsed_U
    answers_PI = rng.integers(-1, 2, (5, 3))
    task = sampled(
        correct_P.tolist(),
        passed_PU,
        readable_P=readable_P,
        parsed_U=parsed_U,
        input_U=input_U,
        answers_PI=answers_PI,
    )
    read = Evidence(
        passed_PU[readable_P][:, parsed_U],
        np.ones((readable_P.sum(), parsed_U.sum()), dtype=bool),
        answers_PI[readable_P],
    )
    labelled = LabelledEvidence(
        "t",
        read,
        correct_P[readable_P],
        input_U[parsed_U],
        np.flatnonzero(readable_P),
        np.flatnonzero(parsed_U),
        5,
        4,
    )
    drawn, expected = subsets(5, 4, k, k, 50), []
    for p, u in zip(drawn.programs_DP, drawn.tests_DU, strict=True):
        evidence, rows = labelled.of(np.flatnonzero(p), np.flatnonzero(u))
        right = labelled.correct_P[rows]
        chance = chances(scores(selector, evidence)) if len(rows) else np.zeros(0)
        expected.append(float((chance * right).sum()))
    assert task.best_of(k, selector) == pytest.approx(np.mean(expected))


def test_ties_are_shared_among_equal_programs() -> None:
    task = sampled([True, False], [[1], [1]])
    assert task.best_of(2, Selector.BON) == 0.5


def test_programs_that_fail_public_examples_are_left_out_of_best_of_n() -> None:
    task = sampled([True, False], [[0], [1]], public_P=np.array([1.0, 0.0]))
    assert task.best_of(2, Selector.BON) == 1


def test_unread_programs_and_tests_take_their_place_in_a_draw() -> None:
    task = sampled(
        [False, True],
        [[0, 0], [0, 1]],
        readable_P=np.array([False, True]),
        parsed_U=np.array([False, True]),
        input_U=np.array([-1, 0]),
        answers_PI=np.array([[-1], [1]]),
    )
    assert task.best_of(2, Selector.SOFT_B4) == 1
    none = replace(task, readable_P=np.zeros(2, dtype=bool))
    assert none.best_of(2, Selector.SOFT_B4) == 0


def test_a_program_of_unknown_worth_is_no_part_of_one_shot_or_of_best_of_n() -> None:
    task = sampled([True, False], [[1], [1]], known_P=np.array([True, False]))
    assert task.single == 1
    assert task.best_of(2, Selector.BON) == 1
    none = replace(task, known_P=np.zeros(2, dtype=bool))
    assert math.isnan(none.single)
    assert math.isnan(none.best_of(2, Selector.BON))


def test_equal_tokens_are_a_size_between_whole_ones() -> None:
    tasks = [
        sampled([True], [[1]], tokens=(30.0, 10.0)),
        sampled([True], [[1]], tokens=(50.0, 30.0)),
    ]
    assert mean_tokens(tasks, 1) == 60
    assert mean_tokens(tasks, 1.5) == 90
    assert [size_at(tasks, t, 8) for t in (59, 60, 90, 120, 10_000)] == [None, 1, 1.5, 2, 8]
    unknown = sampled([True], [[1]], tokens=(math.nan, 1.0))
    assert size_at([*tasks, unknown], 100, 8) is None


def test_a_size_between_two_is_the_mixture_of_both() -> None:
    task = sampled([True, False, False], [[1, 1], [1, 0], [0, 0]])
    one, two = (task.best_of(k, Selector.BON) for k in (1, 2))
    assert one < two
    assert task.best_of(1.25, Selector.BON) == pytest.approx(0.75 * one + 0.25 * two)


def test_unsolved_tasks_cost_too() -> None:
    cost, solved = np.array([10.0, 30.0, 20.0]), np.array([1.0, 0.0, 1.0])
    estimate = cost_per_solved(cost, solved)
    assert estimate.mean == 30  # (10 + 30 + 20) / 2
    assert 0 <= estimate.low < 30 < estimate.high
    assert estimate.n_tasks == 3


def test_a_solved_task_has_no_cost_where_none_is_solved_and_no_interval_where_one_is() -> None:
    assert math.isnan(cost_per_solved(np.ones(3), np.zeros(3)).mean)
    one = cost_per_solved(np.ones(3), np.array([0.0, 1.0, 0.0]))
    assert one.mean == 3
    assert math.isnan(one.low)


def test_the_jackknife_leaves_out_one_task_at_a_time() -> None:
    cost, solved = np.array([10.0, 30.0, 20.0, 40.0]), np.array([1.0, 1.0, 0.0, 1.0])
    value = cost.sum() / solved.sum()
    left = [np.delete(cost, i).sum() / np.delete(solved, i).sum() for i in range(4)]
    error = math.sqrt(3 / 4 * sum((x - value) ** 2 for x in left))
    estimate = cost_per_solved(cost, solved)
    assert (estimate.high - estimate.mean) / error == pytest.approx(3.182, abs=1e-3)  # t, 3 df


def a_run(task: str = "t") -> PipelineRun:
    return PipelineRun(
        Pipeline.MPSC,
        task,
        8,
        str(Selector.SOFT_B4),
        3,
        "print(1)",
        "mutual consistency",
        "all sampled",
        (Test("1\n", "2\n"), TASK.examples[0]),
        Costs(1.5, 10, 20, 3, 4, 0),
        2,
        ("specifications: 8 of 8",),
    )


def test_a_record_of_a_run_can_be_read_back(tmp_path: Path) -> None:
    lines = [json.dumps(a_run(name).record()) + "\n" for name in ("a", "b")]
    (tmp_path / RUNS).write_text("".join(lines) + lines[0][:20])  # killed while writing
    assert read_runs(tmp_path) == {a_run(n).key: a_run(n) for n in ("a", "b")}
    cut_torn_line(tmp_path)
    assert (tmp_path / RUNS).read_text() == "".join(lines)
    (tmp_path / RUNS).write_text("{}\n")
    with pytest.raises(RunError, match=RUNS):
        read_runs(tmp_path)


def test_runs_of_other_sizes_and_selectors_are_other_runs() -> None:
    one = a_run()
    others = [replace(one, size=4), replace(one, selector="bon"), a_run("other")]
    assert len({r.key for r in (one, *others, replace(one, replayed=9))}) == 4


def test_compare_gets_the_solved_tasks_in_the_order_of_the_evaluation() -> None:
    record = {"tasks": [{"id": "a"}, {"id": "b"}], "figures": {}, "per_task": {}}
    one = {"solved": {"mean": 1.0}, "solved_by_task": [1.0]}
    found = in_compare(record, {"figures": {"mpsc": one}, "tasks": ["b"]})
    assert found["figures"]["solved_mpsc"] == {"mean": 1.0}
    first, second = found["per_task"]["solved_mpsc"]
    assert math.isnan(first)
    assert second == 1.0
