"""Grading of a group: infrastructure failures are no label, wherever they happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sparring.grading.facts import task_facts
from sparring.grading.grade import infra_share
from sparring.prompts.rules import ParsedTest
from sparring.sandbox import Job
from sparring.schema import (
    Outcome,
    ParseFailure,
    Response,
    Role,
    StopReason,
    Task,
    Test,
    Verdict,
)
from tests.grading.grading_helpers import graded, group_from_letters

TASK = Task(
    id="double",
    statement="Double a number.",
    tests=(Test("1\n", "2\n"),),
    solutions=("solution",),
    validator="validator",
)


class Scripted:
    """Sandbox with scripted outcomes: a list for each program, consumed in order over all jobs."""

    def __init__(self, scripted: dict[str, list[Outcome]]) -> None:
        self.scripted = scripted

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        outcomes_left = {program: iter(outcomes) for program, outcomes in self.scripted.items()}
        return [tuple(next(outcomes_left[job.program.strip()]) for _ in job.inputs) for job in jobs]


def response(role: Role, text: str) -> Response:
    return Response("double", role, 0, (1,), (2,), (0.0,), StopReason.END_TOKEN, text)


def group(validator: list[Outcome], solution: list[Outcome]) -> Any:
    two, four = Outcome(Verdict.FINISHED, "2\n"), Outcome(Verdict.FINISHED, "4\n")
    scripted = {
        "right = 1": [two, four, two],
        "wrong = 1": [four, four, four],
        "validator": validator,
        "solution": solution,
    }
    coder = [response(Role.CODER, f"```python\n{name}\n```") for name in ("right = 1", "wrong = 1")]
    tester = [
        response(Role.TESTER, f"**Test Input:**\n```\n{a}\n```\n**Test Output:**\n```\n{b}\n```")
        for a, b in ((2, 4), (1, 2))
    ]
    sandbox: Any = Scripted(scripted)
    return graded(sandbox, TASK, coder, tester)


def test_an_infrastructure_failure_on_a_hidden_test_counts_as_one() -> None:
    assert infra_share([group_from_letters(["++", "++"], ["?-", "++"])]) == 1 / 8


def test_an_infrastructure_failure_of_an_initial_policy_program_counts_as_one() -> None:
    lost = [[Outcome(Verdict.INFRA), Outcome(Verdict.WRONG_ANSWER)]]
    assert infra_share([replace(group_from_letters(["++", "++"]), pool_outcomes_PT=lost)]) == 1 / 6


VALID = Outcome(Verdict.FINISHED, "valid\n")
LOST = Outcome(Verdict.INFRA)
SOLUTION = [
    Outcome(Verdict.FINISHED, "4\n"),
    Outcome(Verdict.FINISHED, "2\n"),
    Outcome(Verdict.FINISHED, "2\n"),  # on the ground-truth test, which comes last
]


def test_verdicts_come_from_outputs() -> None:
    graded_group = group([VALID, VALID], SOLUTION)
    assert graded_group.matrix.passed_PT.tolist() == [[True, True, True], [False, True, False]]
    assert graded_group.right_U.tolist() == [True, True]
    assert graded_group.valid_U.tolist() == [True, True]
    assert infra_share([graded_group]) == 0


def test_facts_have_answers_on_generated_inputs_and_how_responses_were_read() -> None:
    facts = task_facts(group([VALID] * 2, SOLUTION))
    # 4 and 2 are printed by one program, 4 and 4 by the other
    assert facts.answers_PI is not None
    assert facts.answers_PI.tolist() == [[0, 0], [0, 1]]
    assert facts.reading[Role.CODER].responses == facts.reading[Role.TESTER].responses == 2
    assert not facts.reading[Role.CODER].failures
    unread = task_facts(
        replace(
            group([VALID] * 2, SOLUTION),
            tests=[ParsedTest(None, ParseFailure.NO_TEST_INPUT), ParsedTest(Test("2", "4"))],
            tester=[replace(response(Role.TESTER, ""), stop=StopReason.LENGTH)] * 2,
            outcomes_PT=[[LOST, Outcome(Verdict.INVALID), LOST], [LOST, LOST, LOST]],
        )
    )
    assert unread.answers_PI is not None
    assert unread.answers_PI.tolist() == [[-1], [-1]]
    assert unread.reading[Role.TESTER].failures == {ParseFailure.NO_TEST_INPUT: 1}
    assert unread.reading[Role.TESTER].at_limit == 2


def test_a_validator_that_could_not_be_run_leaves_the_test_without_a_label() -> None:
    graded_group = group([VALID, LOST], SOLUTION)
    assert graded_group.matrix.observed_PT.tolist() == [[True, True, False]] * 2
    assert infra_share([graded_group]) == 2 / 6
    refused = group([VALID, Outcome(Verdict.FINISHED, "invalid\n")], SOLUTION)
    assert refused.valid_U.tolist() == [True, False]
    assert refused.matrix.observed_PT.all()


def test_a_reference_that_could_not_be_run_is_no_measure() -> None:
    graded_group = group([VALID, VALID], [SOLUTION[0], LOST, SOLUTION[2]])
    assert not graded_group.has_reference
    assert task_facts(graded_group).right_U is None
    assert np.isnan(task_facts(graded_group).majority_test)
