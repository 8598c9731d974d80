"""Hidden tests and the monitors' facts on record: read back as they were, or absent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from sparring.errors import RunError
from sparring.grading.checker_leniency import NO_PAIRS
from sparring.grading.group import GroupResult
from sparring.grading.monitors import monitor_values
from sparring.grading.record import ScoredGroup, rollout_record, usage_record
from sparring.grading.recorded import result_from
from sparring.grading.scorer import facts_of
from sparring.rewards.score import RewardRules
from sparring.rewards.settings import EQUATIONS
from sparring.runs.lines import clean
from sparring.sandbox import Sandbox
from sparring.schema import Task, Test, Verdict
from tests.grading.played import a_test, played, program

ADD = "a, b = map(int, input().split())\nprint(a + b)"
FITTED = "print({'1 2': 3, '2 2': 4}.get(input(), 0))"
TASK = Task(
    "add",
    "Add two numbers.",
    tests=(Test("1 2\n", "3\n"), Test("2 2\n", "4\n")),
    examples=(Test("5 5\n", "10\n"),),
    solutions=(ADD,),
    hidden=(Test("7 2\n", "9\n"), Test("1 1\n", "2.4\n")),
)


@pytest.fixture(scope="module")
def group() -> Iterator[GroupResult]:
    with Sandbox(1) as sandbox:
        yield played(
            sandbox,
            TASK,
            [program(ADD), program(FITTED), "none"],
            [a_test("5 5", "10"), a_test("3 1", "5")],
        )


def record(group: GroupResult) -> dict[str, Any]:
    scored = ScoredGroup(group, RewardRules(EQUATIONS, 9, 9).score(facts_of(group)))
    found = json.loads(json.dumps(clean(rollout_record(1, scored))))
    assert isinstance(found, dict)
    return found


def test_the_reward_does_not_know_of_hidden_tests_and_the_record_does(
    group: GroupResult,
) -> None:
    assert group.matrix.passed_PT.shape == (3, 4)
    assert group.matrix.correct_P.tolist() == [True, True, False]
    held = [[o.verdict for o in row] for row in group.hidden_PH]
    yes, no, none = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.INVALID
    assert held == [[yes, no], [no, no], [none, none]]
    assert [o.verdict for o in group.reference_G] == [yes, yes, yes, no]
    written = record(group)
    assert [p["reward"] for p in written["programs"]] == [2.0, 2.0, 0.0]
    assert [len(p["runs"]) for p in written["programs"]] == [4, 4, 4]
    assert [r["output"] for r in written["programs"][0]["hidden_runs"]] == ["9\n", "2\n"]
    assert [len(row) for row in usage_record(group)["runs"]] == [6, 6, 6]


def test_what_is_read_back_gives_the_same_monitors(group: GroupResult) -> None:
    again = result_from(record(group))
    assert again.task.hidden == TASK.hidden
    verdicts = [[[o.verdict for o in row] for row in j.hidden_PH] for j in (again, group)]
    assert verdicts[0] == verdicts[1]
    values = monitor_values([group])
    assert clean(monitor_values([again])) == clean(values)
    assert values["hidden_gap"] == 3 / 4
    assert values["copied_tests"] == 1 / 2
    assert values["reference_failures"] == 1 / 4


def test_another_checker_is_asked_about_hidden_tests_too(group: GroupResult) -> None:
    again = result_from(record(group), "float(abs=0.5)")
    assert [o.verdict for o in again.hidden_PH[0]] == [Verdict.ACCEPTED] * 2
    assert [o.verdict for o in again.reference_G] == [Verdict.ACCEPTED] * 4
    assert again.leniency.pairs == group.leniency.pairs == 8
    assert again.leniency.accepted == group.leniency.accepted == 0
    wide = result_from(record(group), "float(abs=0.7)")
    assert wide.leniency.accepted == 1  # 3 for 2.4; the other way round is not among the eight


def test_a_record_without_hidden_tests_is_read_as_having_none(group: GroupResult) -> None:
    old = record(group)
    for name in ("hidden", "examples", "reference", "checker_leniency"):
        del old["task"][name]
    for p in old["programs"]:
        del p["hidden_runs"]
    again = result_from(old)
    assert np.array_equal(again.matrix.passed_PT, group.matrix.passed_PT)
    assert again.task.hidden == ()
    assert [list(row) for row in again.hidden_PH] == [[], [], []]
    assert again.leniency == NO_PAIRS
    assert clean(monitor_values([again]))["hidden_gap"] is None


@pytest.mark.parametrize("name", ["hidden_runs", "reference"])
def test_a_record_that_lacks_a_run_is_refused_in_one_line(group: GroupResult, name: str) -> None:
    cut = record(group)
    (cut["programs"][0] if name == "hidden_runs" else cut["task"])[name].pop()
    with pytest.raises(RunError, match="not of this version's form") as caught:
        result_from(cut)
    assert "\n" not in str(caught.value)


def test_how_a_response_was_read_is_on_record() -> None:
    coder = [f"{program('print(input())')}\nprints\n{program('3')}", "I cannot."]
    with Sandbox(1) as sandbox:
        group = played(sandbox, TASK, coder, [a_test("1", "1"), "no test"])
    written = record(group)
    assert [p.get("how") for p in written["programs"]] == ["earlier_block", None]
    assert written["programs"][1]["seen"] == "no block, 1 line of text"
    assert [t.get("how") for t in written["tests"]] == ["test_headers", None]
    assert written["tests"][1]["seen"] == "no input header, no output header, no block"
    again = result_from(written)
    assert list(again.programs) == list(group.programs)
    assert list(again.tests) == list(group.tests)
    for part in ("programs", "tests"):  # a record from before there were decisions
        for entry in written[part]:
            entry.pop("how", None)
            entry.pop("seen", None)
    assert [p.how for p in result_from(written).programs] == ["", ""]
