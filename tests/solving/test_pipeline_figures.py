"""Figures of pipelines: graded runs, public examples of the evaluation's programs, differences."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sparring.evaluation.evaluator import graded
from sparring.grading.group import ReadGroup
from sparring.metrics.intervals import Estimate
from sparring.prompts.rules import ParsedProgram, ParsedTest
from sparring.sandbox import Limits, Sandbox
from sparring.schema import ParseFailure, Test
from sparring.selection.selectors import Selector
from sparring.solving.evaluate_pipelines import _graded, _public_P
from sparring.solving.pipeline_figures import COSTS, GradedRun, figures_of, single_figures
from sparring.solving.pipeline_tables import cost_rows
from tests.solving.pipeline_cases import PRINTED_TASK
from tests.solving.test_pipeline_measure import a_run, sampled

RIGHT, DOUBLE = "print(int(input()) + 1)", "print(int(input()) * 2)"
TASK = replace(
    PRINTED_TASK,
    examples=(Test("1\n", "2\n"), Test("4\n", "5\n")),
    tests=(Test("7\n", "8\n"),),
    solutions=(RIGHT,),
)


def test_a_run_is_graded_on_the_ground_truth_and_one_without_a_program_is_unsolved(
    workers: Sandbox,
) -> None:
    tests = (Test("5\n", "6\n"), Test("5\n", "7\n"), Test("6\n", "7\n"))
    runs = [replace(a_run(), source=s, tests=tests) for s in (RIGHT, DOUBLE, None)]
    found = _graded(runs, [TASK] * 3, workers)
    assert [r.solved for r in found] == [1, 0, 0]
    assert [(r.right, r.tests) for r in found] == [(2, 3)] * 3
    [blind] = _graded(runs[:1], [replace(TASK, solutions=())], workers)
    assert math.isnan(blind.right)


def test_public_examples_are_counted_for_each_program_of_the_evaluation(workers: Sandbox) -> None:
    unread = ParsedProgram(None, ParseFailure.NO_CODE_BLOCK)
    programs = [ParsedProgram(RIGHT), unread, ParsedProgram(DOUBLE)]
    tests = [ParsedTest(Test("2\n", "3\n"))]
    [group] = graded([ReadGroup(TASK, (), programs, (), tests)], workers, Limits())
    assert _public_P(group, workers).tolist() == [2, 0, 1]
    none = replace(group, task=replace(TASK, examples=()))
    assert _public_P(none, workers).tolist() == [0, 0, 0]


def test_each_table_of_costs_has_its_own_costs() -> None:
    costs = {
        per: {name: Estimate(k, k, k, 3).as_dict() for name in COSTS}
        for per, k in (("per_task", 10.0), ("per_solved", 20.0))
    }
    by_pipeline = {"figures": {"mpsc": costs}}
    for per, mean in (("per_task", "10"), ("per_solved", "20")):
        [row] = cost_rows(by_pipeline, per)
        assert row[0] == "mpsc"
        assert all(cell.startswith(mean) for cell in row[1:])


def test_figures_by_hand() -> None:
    """Three tasks: solved, unsolved, unknown. Best-of-1 × 1 takes 40 tokens, as the pipeline."""
    costs = replace(a_run().costs, prompt_tokens=30, completion_tokens=10)
    run = replace(a_run(), costs=costs)
    runs = [
        GradedRun(run, 1.0, 2.0, 4.0),
        GradedRun(replace(run, chosen=None), 0.0, 1.0, 1.0),
        GradedRun(run, math.nan, math.nan, math.nan),
    ]
    right = sampled([True, False], np.array([[1, 1], [1, 1]]), right_U=np.array([True, False]))
    wrong = sampled([False, False], np.array([[1, 1], [1, 1]]))
    found = figures_of(runs, [wrong, wrong, right], Selector.BON, most=2)
    assert found["solved"]["mean"] == 1 / 2
    assert found["tests_right"]["mean"] == 3 / 5
    assert found["minus_single"]["mean"] == 1 / 2  # 1 − 0 and 0 − 0
    equal = found["equal_tokens"]
    assert (equal["size"], equal["largest"], equal["tokens"]) == (1, False, 40)
    assert equal["minus"]["mean"] == 1 / 2
    assert found["without_program"] == 1
    assert found["replayed"] == 3 * run.replayed
    assert found["per_solved"]["tokens"]["mean"] == 80  # two tasks of 40, one solved
    assert not figures_of(runs, [wrong] * 3, Selector.BON, most=1)["equal_tokens"]["largest"]
    cheap = replace(wrong, tokens=(20.0, 10.0))
    assert figures_of(runs, [cheap] * 3, Selector.BON, most=1)["equal_tokens"]["largest"]
    between = figures_of(runs, [cheap] * 3, Selector.BON, most=2)["equal_tokens"]
    assert between["size"] == pytest.approx(4 / 3)
    assert between["tokens"] == pytest.approx(40)
    unknown = replace(wrong, tokens=(math.nan, math.nan))
    assert figures_of(runs, [wrong, wrong, unknown], Selector.BON, most=2)["equal_tokens"] is None
    one = single_figures([wrong, right])
    assert one["solved"]["mean"] == 1 / 4
    assert one["tests_right"]["mean"] == 1 / 2
    assert one["tokens"]["mean"] == pytest.approx(30)
