"""Groups graded by pseudo-labels: a reward sees a frozen tester's tests and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparring.config.load import make_recipe
from sparring.grading.grade import grade, infra_share
from sparring.grading.group import GroupResult, read_group
from sparring.grading.pseudo_labels import (
    grade_by_pseudo_labels,
    pseudo_label_metrics,
    rewarded_group,
)
from sparring.grading.record import ScoredGroup, rollout_record
from sparring.grading.recorded import result_from
from sparring.prompts.rules import ReadingRules
from sparring.rewards.advantages import DropReason
from sparring.runs.lines import clean
from sparring.sandbox import Job, Limits
from sparring.schema import Outcome, Response, Role, StopReason, Task, Test, Verdict
from sparring.selection.consensus import TestFilter
from sparring.tasks.preambles import source_before
from sparring.training.scoring import scorer_of

TASK = Task(
    id="double",
    statement="Double a number.",
    tests=(Test("9\n", "18\n"), Test("8\n", "16\n")),
    solutions=("2 * x",),
    validator="valid",
)


class Calculator:
    """Stands for a sandbox: a program prints an expression of the input x; the validator and the
    solution are an expression or a word."""

    def __init__(self) -> None:
        self.calls: list[list[tuple[str, tuple[str, ...]]]] = []
        self.lost: set[tuple[str, str]] = set()

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        self.calls.append([(expression(j), j.inputs) for j in jobs])
        return [tuple(self._outcome(expression(j), x) for x in j.inputs) for j in jobs]

    def _outcome(self, program: str, x: str) -> Outcome:
        if (program, x.strip()) in self.lost:
            return Outcome(Verdict.INFRA)
        printed = program if program in ("valid", "invalid") else eval(program, {"x": int(x)})
        return Outcome(Verdict.FINISHED, f"{printed}\n")


def expression(job: Job) -> str:
    """What a program prints."""
    source = job.program.strip()
    return source[len("print(") : -1] if source.startswith("print(") else source


def response(role: Role, text: str) -> Response:
    return Response("double", role, 0, (1,), (2,), (0.0,), StopReason.END_TOKEN, text)


def programs(*sources: str) -> list[Response]:
    return [response(Role.CODER, f"```python\nprint({s})\n```") for s in sources]


def tests(*pairs: tuple[int, int] | str) -> list[Response]:
    form = "**Test Input:**\n```\n{}\n```\n**Test Output:**\n```\n{}\n```"
    return [response(Role.TESTER, p if isinstance(p, str) else form.format(*p)) for p in pairs]


CODER = programs("2 * x", "x + x", "x ** 2", "x + 2")
TESTER = tests((1, 2), (2, 4), (3, 7))
FROZEN_TESTS = tests((3, 6), (5, 10), "no test at all", (0, 1))
"""One of three is wrong: nobody passes it."""


def graded_by_pseudo_labels(
    sandbox: Calculator | None = None,
    task: Task = TASK,
    frozen_tester: list[Response] = FROZEN_TESTS,
) -> GroupResult:
    box: Any = sandbox or Calculator()
    usual = {role: ReadingRules() for role in Role}
    group = read_group(task, CODER, TESTER, usual)
    written = read_group(task, (), frozen_tester, usual).tests
    [pseudo_labels] = grade_by_pseudo_labels(box, [group], [written], Limits())
    return replace(grade(box, group, Limits()), pseudo_labels=pseudo_labels)


def scored(group: GroupResult, how: TestFilter = TestFilter.NONE, **reward: object) -> ScoredGroup:
    section = {"source": "tester", "model": "x", "filter": how.value}
    recipe = make_recipe({"pseudo_labels": section, "reward": reward}, (), "test")
    return scorer_of(recipe).score(group, 1, 0)


def test_the_first_runs_know_nothing_of_ground_truth() -> None:
    sandbox = Calculator()
    graded_by_pseudo_labels(sandbox)
    first = sandbox.calls[0]
    assert {program for program, _ in first} == {"2 * x", "x + x", "x ** 2", "x + 2"}
    assert {inputs for _, inputs in first} == {("3\n", "5\n", "0\n", "1\n", "2\n", "3\n")}


def test_programs_run_behind_the_source_that_the_task_puts_before_them() -> None:
    class Keeping(Calculator):
        def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
            before.update(j.preamble for j in jobs if j.program != TASK.validator)
            return super().run(jobs)

    before = set[str]()
    task = replace(TASK, preamble="livecodebench", head="import math\n")
    graded_by_pseudo_labels(Keeping(), task=task)
    assert before == {source_before(task)}


def test_programs_are_rewarded_by_the_pseudo_label_tests() -> None:
    scored_group = scored(graded_by_pseudo_labels())
    assert scored_group.earned.coder_rewards.value.tolist() == [2, 2, 0, 0]
    assert scored_group.kept_K is not None
    assert scored_group.kept_K.tolist() == [True, True, False, True]
    assert scored_group.earned.coder.value.tolist() == [1, 1, -1, -1]
    assert scored_group.group.matrix.correct_P.tolist() == [
        True,
        True,
        False,
        False,
    ]  # by ground truth


def test_without_the_filter_one_wrong_test_leaves_no_correct_program() -> None:
    assert scored(graded_by_pseudo_labels()).earned.tester.dropped is DropReason.NO_LABEL
    agreed = scored(graded_by_pseudo_labels(), TestFilter.AGREEMENT)
    assert agreed.kept_K is not None
    assert agreed.kept_K.tolist() == [True, True, False, False]
    assert agreed.rewarded_on is not None
    assert agreed.rewarded_on.matrix.correct_P.tolist() == [True, True, False, False]
    # (1, 2) catches both wrong programs, (2, 4) neither; (3, 7) is wrong and lets nobody pass
    # by Eq 4 they earn 2, 0 and 0; the right ones W/2 = 1 more for being right
    assert agreed.earned.tester_rewards.value.tolist() == [3, 1, 0]
    assert len(agreed.rewarded_on.task.tests) == agreed.rewarded_on.matrix.ground_truth == 2
    assert [len(row) for row in agreed.rewarded_on.outcomes_PT] == [5] * 4


@pytest.mark.parametrize("how", TestFilter)
def test_nothing_that_the_tasks_maker_knows_reaches_a_reward(how: TestFilter) -> None:
    garbage = replace(TASK, tests=(Test("7\n", "no\n"),), solutions=("x - 1",), validator="invalid")
    one, other = graded_by_pseudo_labels(), graded_by_pseudo_labels(task=garbage)
    assert one.valid_U.all()
    assert not other.valid_U.any()
    assert other.matrix.correct_P.sum() == 0
    a, b = scored(one, how), scored(other, how)
    np.testing.assert_array_equal(a.earned.coder_rewards.value, b.earned.coder_rewards.value)
    np.testing.assert_array_equal(a.earned.tester_rewards.value, b.earned.tester_rewards.value)
    np.testing.assert_array_equal(a.earned.coder.value, b.earned.coder.value)
    np.testing.assert_array_equal(a.earned.tester.value, b.earned.tester.value)


def test_a_validator_that_could_not_be_run_masks_no_reward() -> None:
    sandbox = Calculator()
    sandbox.lost = {("valid", "1"), ("valid", "2"), ("valid", "3")}
    lost = graded_by_pseudo_labels(sandbox)
    assert not lost.matrix.observed_PU.any()
    a, b = (scored(j, TestFilter.AGREEMENT) for j in (lost, graded_by_pseudo_labels()))
    np.testing.assert_array_equal(a.earned.tester_rewards.value, b.earned.tester_rewards.value)


def test_an_infrastructure_failure_is_masked_there_too() -> None:
    sandbox = Calculator()
    sandbox.lost = {("x + x", "5")}
    group = graded_by_pseudo_labels(sandbox)
    scored_group = scored(group)
    assert scored_group.rewarded_on is not None
    assert not scored_group.rewarded_on.matrix.observed_PG[1, 1]
    assert infra_share([group]) > 0


@pytest.mark.parametrize("how", TestFilter)
def test_a_task_without_a_test_has_no_label(how: TestFilter) -> None:
    scored_group = scored(graded_by_pseudo_labels(frozen_tester=tests("nothing", "no more")), how)
    assert (
        scored_group.earned.coder.dropped
        is scored_group.earned.tester.dropped
        is DropReason.NO_TEST
    )
    assert np.isnan(scored_group.earned.coder_rewards.value).all()
    assert not scored_group.earned.coder.labelled.any()
    wrong = scored(graded_by_pseudo_labels(frozen_tester=tests((0, 1), (1, 9))), how)
    expected = DropReason.NO_TEST if how is TestFilter.AGREEMENT else DropReason.ZERO_VARIANCE
    assert wrong.earned.coder.dropped is expected


def test_a_custom_reward_sees_the_pseudo_label_tests_only(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "def reward(group):\n"
        "    passed = group.passed_PT[:, : group.ground_truth]\n"
        "    count = passed.sum(axis=1) * 10.0 + group.ground_truth\n"
        "    return count, [float(v) for v in group.valid_U]\n"
    )
    own = f"{tmp_path / 'own.py'}:reward"
    refused = replace(TASK, validator="invalid")
    scored_group = scored(graded_by_pseudo_labels(task=refused), TestFilter.AGREEMENT, function=own)
    assert scored_group.earned.coder_rewards.value.tolist() == [22, 22, 2, 2]
    assert scored_group.earned.tester_rewards.value.tolist() == [1, 1, 1]


@pytest.mark.parametrize("frozen_tester", [FROZEN_TESTS, tests("nothing")], ids=["tests", "none"])
def test_a_record_gives_the_same_rewards_again(frozen_tester: list[Response]) -> None:
    before = scored(graded_by_pseudo_labels(frozen_tester=frozen_tester), TestFilter.AGREEMENT)
    record = json.loads(json.dumps(clean(rollout_record(1, before))))
    scored_group = scored(result_from(record), TestFilter.AGREEMENT)
    assert clean(rollout_record(1, scored_group)) == record
    np.testing.assert_array_equal(
        scored_group.earned.tester_rewards.value, before.earned.tester_rewards.value
    )


def test_metrics_measure_the_pseudo_labels() -> None:
    figures = pseudo_label_metrics([scored(graded_by_pseudo_labels(), TestFilter.AGREEMENT)])
    assert figures == {
        "unread": 0.25,
        "right": pytest.approx(2 / 3),
        "set_aside": pytest.approx(1 / 3),
        "kept_right": 1.0,
        "labels_right": 1.0,
    }
    plain = pseudo_label_metrics([scored(graded_by_pseudo_labels())])
    assert plain["kept_right"] == pytest.approx(2 / 3)
    assert plain["labels_right"] == 0.5  # right programs called wrong, by the one wrong test


def test_a_group_by_ground_truth_is_rewarded_on_itself() -> None:
    group = replace(graded_by_pseudo_labels(), pseudo_labels=None)
    assert rewarded_group(group, TestFilter.NONE) == (group, None)
    record = rollout_record(1, scored(group))
    assert "pseudo_labels" not in record
