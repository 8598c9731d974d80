"""Function tasks in a group: calls and scripts in one matrix, each by its own rule; on record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sparring import values
from sparring.grading.checker_leniency import CheckerLeniency
from sparring.grading.comparison import OutputComparison
from sparring.grading.facts import task_facts
from sparring.grading.group import GroupResult
from sparring.grading.monitors import monitor_values
from sparring.grading.pseudo_labels import grade_by_pseudo_labels
from sparring.grading.recorded import result_from
from sparring.grading.scorer import facts_of
from sparring.runs.lines import clean
from sparring.sandbox import Job, Limits, Sandbox
from sparring.schema import Outcome, Role, Task, Test, TestKind, Verdict
from sparring.tasks.checkers.checker import accepts
from tests.grading.played import graded, played, program, read, response
from tests.grading.test_record import record


def call(value: object, *arguments: object, rule: str | None = None) -> Test:
    return Test(values.encode((list(arguments), {})), values.encode(value), TestKind.CALL, rule)


SCRIPT = """def check(candidate):
    for x in ([1, 2], [3]):
        assert candidate(x) == sum(x) / len(x)
"""
RIGHT = "def mean(xs):\n    return sum(xs) / len(xs)"
WHOLE = "def mean(xs):\n    return sum(xs) // len(xs)"
NEAR = "def mean(xs):\n    return round(sum(xs) / len(xs), 2)"
LOUD = "print('loaded')\ndef mean(xs):\n    print(xs)\n    return sum(xs) / len(xs)"
OTHER = "def mean(xs):\n    return median(xs)"  # which there is not
TASK = Task(
    "mean",
    "`mean(xs)` is the mean of a list of numbers.",
    tests=(
        call(2.0, [1, 3]),
        Test(SCRIPT, "", TestKind.SCRIPT),
        call(0.333, [0, 0, 1], rule="value(abs=0.01)"),
    ),
    examples=(call(1.0, [1]),),
    hidden=(call(2.5, [2, 3]),),
    solutions=(RIGHT,),
    checker="value",
    entry_point="mean",
)
GENERATED = [
    "assert mean([0, 1]) == 0.5",
    "assert mean([0, 1]) == 1",
    "assert abs(mean([1, 0, 0]) - 0.3333) < 0.001",
    "assert mean([])",
    "assert mean([1.0]) == 1",
    "mean([1])",
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(1) as opened:
        yield opened


@pytest.fixture(scope="module")
def group(sandbox: Sandbox) -> GroupResult:
    sources = [RIGHT, WHOLE, NEAR, LOUD, OTHER]
    return played(sandbox, TASK, [program(s) for s in sources], [program(g) for g in GENERATED])


def test_calls_and_scripts_stand_in_one_matrix_in_the_tasks_order(group: GroupResult) -> None:
    rows = ["".join(".x"[int(v)] for v in row) for row in group.matrix.passed_PT.tolist()]
    assert rows == [
        "xxx" "x.x.x.",
        "x.." "....x.",  # the script and the tolerance catch it
        "xxx" "x...x.",  # 0.33 is near enough for one test and not for another
        "xxx" "x.x.x.",  # what it prints is nobody's business
        "..." "......",
    ]  # fmt: skip
    verdicts = [o.verdict for o in group.outcomes_PT[4]][:2]
    assert verdicts[0] is Verdict.RUNTIME_ERROR
    assert [[o.verdict is Verdict.ACCEPTED for o in row] for row in group.hidden_PH] == [
        [True], [False], [True], [True], [False],
    ]  # fmt: skip


def test_a_generated_call_is_right_if_the_reference_passes_it(group: GroupResult) -> None:
    assert group.has_reference
    assert [o.verdict for o in group.reference_G] == [Verdict.ACCEPTED] * 4
    assert group.right_U.tolist() == [True, False, True, False, True, False]
    assert group.valid_U.tolist() == [True, True, True, False, True, False]  # mean([]) ends badly
    assert group.size_U.tolist()[:5] == [2, 2, 3, 0, 1]


def test_votes_go_by_values(group: GroupResult) -> None:
    facts = task_facts(group)
    assert facts.agreement_P.tolist() == [2, 1, 1, 2, 1]
    # For the input [0, 1] two answers have a vote each; the others vote alone,
    # two of them rightly: (2 · 1/2 + 2) / 6.
    assert facts.majority_test == pytest.approx(3 / 6)
    assert facts_of(group).repeats_U.tolist() == [2, 2, 1, 1, 1, 1]
    assert facts.first_U is not None
    assert facts.first_U.tolist() == [True, False, True, True, True, False]  # the last is unread
    assert facts_of(group).copied_U.tolist() == [False] * 4 + [True, False]  # [1.0] is [1]


def test_scripts_vote_by_their_verdicts(sandbox: Sandbox) -> None:
    task = replace(TASK, tests=TASK.tests[1:2], hidden=())
    found = played(sandbox, task, [program(s) for s in (WHOLE, WHOLE + "\n", RIGHT)], [])
    assert task_facts(found).majority_program == 0.0
    assert [o.verdict for row in found.outcomes_PT for o in row] == [
        Verdict.WRONG_ANSWER, Verdict.WRONG_ANSWER, Verdict.ACCEPTED,
    ]  # fmt: skip


def test_monitors_of_calls(group: GroupResult) -> None:
    found = monitor_values([group])
    assert group.leniency == CheckerLeniency(
        accepted=0, pairs=6
    )  # 2.0, 0.333 and 2.5; not the script
    assert found["duplicate_tests"] == 1 / 5
    assert found["copied_tests"] == 1 / 5
    assert found["trivial_inputs"] == 1 / 5  # less than half of 2 values: []
    assert found["reference_failures"] == 0
    only = replace(
        group,
        task=replace(TASK, tests=TASK.tests[1:2], hidden=()),
        outcomes_PT=[[row[1], *row[len(TASK.tests) :]] for row in group.outcomes_PT],
        hidden_PH=[[]] * 5,
    )
    assert clean(monitor_values([only]))["trivial_inputs"] is None


def test_a_record_keeps_kinds_and_rules(group: GroupResult) -> None:
    written = record(group)
    again = result_from(written)
    assert again.task.tests == TASK.tests
    assert again.task.hidden == TASK.hidden
    assert again.task.entry_point == "mean"
    assert [p.test for p in again.tests] == [p.test for p in group.tests]
    assert [p.failure for p in again.tests] == [p.failure for p in group.tests]
    assert again.matrix.passed_PT.tolist() == group.matrix.passed_PT.tolist()
    assert record(again) == written
    a, b = task_facts(again), task_facts(group)
    assert a.agreement_P.tolist() == b.agreement_P.tolist()
    assert clean(monitor_values([again])) == clean(monitor_values([group]))


def test_a_record_of_printed_text_is_written_as_it_was_before_there_were_calls(
    sandbox: Sandbox,
) -> None:
    task = Task("t", "Print 1.", (Test("", "1\n"),))
    text = "**Test Input:**\n```\n2\n```\n**Test Output:**\n```\n1\n```"
    written = record(played(sandbox, task, [program("print(1)")], [text, "none"]))
    assert written["task"]["tests"] == [["", "1\n"]]
    assert "entry_point" not in written["task"]
    keys = [set(t) & {"input", "output", "kind", "checker", "failure"} for t in written["tests"]]
    assert keys == [{"input", "output", "failure"}] * 2


def test_another_rule_for_printed_text_leaves_a_function_task_alone(group: GroupResult) -> None:
    again = result_from(record(group), "float(abs=100)")
    assert again.matrix.passed_PT.tolist() == group.matrix.passed_PT.tolist()
    assert again.right_U.tolist() == group.right_U.tolist()
    assert again.task.checker == "value"


def test_pseudo_labels_by_a_testers_calls(sandbox: Sandbox) -> None:
    coder = [response(Role.CODER, program(s)) for s in (RIGHT, WHOLE)]
    tester = [response(Role.TESTER, program(g)) for g in GENERATED[:2]]
    group = read(TASK, coder, tester)
    [found] = grade_by_pseudo_labels(sandbox, [group], [group.tests], Limits())
    assert found.result is not None
    assert found.result.task.entry_point == "mean"
    assert found.result.matrix.passed_PG.tolist() == [[True, False], [False, False]]
    assert found.right_K is not None
    assert found.right_K.tolist() == [True, False]


class Listening:
    """A sandbox that fails, on its own account, at every script."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def run(self, jobs: Any) -> list[tuple[Outcome, ...]]:
        self.jobs += jobs
        lost, two = Outcome(Verdict.INFRA), Outcome(Verdict.FINISHED, "2")
        return [(lost if j.kind is TestKind.SCRIPT else two,) * len(j.inputs) for j in jobs]


def test_a_program_gets_one_job_for_each_kind_and_a_lost_script_is_no_label() -> None:
    sandbox = Listening()
    coder = [response(Role.CODER, program(RIGHT))]
    found = graded(sandbox, TASK, coder)
    assert [(j.kind, len(j.inputs), j.entry_point) for j in sandbox.jobs] == [
        (TestKind.CALL, 3, "mean"), (TestKind.SCRIPT, 1, "mean"),
    ] * 2  # fmt: skip
    assert found.matrix.observed_PT.tolist() == [[True, False, True]]
    assert found.matrix.passed_PT.tolist() == [[True, False, False]]


def test_a_call_under_a_rule_for_text_is_compared_as_a_value(sandbox: Sandbox) -> None:
    task = replace(TASK, tests=(call({1, 2}, [2, 1]),), checker="tokens", solutions=())
    found = played(sandbox, task, [program("def mean(xs):\n    return set(xs)")], [])
    assert json.loads(found.outcomes_PT[0][0].output)["set"]
    assert found.matrix.correct_P.tolist() == [True]


def test_a_generated_tolerance_is_relative_to_what_the_test_expects() -> None:
    """The reference's 1001 is within a thousandth of 1002.0015, which is not within one of it."""
    test = call(1002.0015, [1000, 1002], rule="value(abs=0.0, rel=0.001)")
    one = OutputComparison.with_reference(TASK, test, values.encode(1001.0))
    assert accepts(one.checker, one.output, one.expected)
    assert not accepts(one.checker, one.expected, one.output)
    text = Test("1\n", "2\n")  # in print the test stands where a program would
    one = OutputComparison.with_reference(TASK, text, "3\n")
    assert (one.output, one.expected) == ("2\n", "3\n")
