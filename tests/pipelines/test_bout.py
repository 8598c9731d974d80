"""Judging a bout: our own failures are no label, wherever they happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from tests.pipelines.played import told

from sparring.pipelines.bout import infra_share, judge
from sparring.sandbox import Job, Limits
from sparring.schema import Outcome, Response, Role, StopReason, Task, Test, Verdict

TASK = Task(
    id="double",
    statement="Double a number.",
    tests=(Test("1\n", "2\n"),),
    solutions=("solution",),
    validator="validator",
)


class Scripted:
    """Stands for a sandbox: each program's outcomes are told in advance."""

    def __init__(self, told: dict[str, list[Outcome]]) -> None:
        self.told = told

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        return [tuple(self.told[job.program.strip()][: len(job.inputs)]) for job in jobs]


def response(role: Role, text: str) -> Response:
    return Response("double", role, 0, (1,), (2,), (0.0,), StopReason.END_TOKEN, text)


def judged(validator: list[Outcome], solution: list[Outcome]) -> Any:
    two, four = Outcome(Verdict.FINISHED, "2\n"), Outcome(Verdict.FINISHED, "4\n")
    told = {
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
    sandbox: Any = Scripted(told)
    [found] = judge(sandbox, [TASK], [coder], [tester], Limits())
    return found


def test_a_failure_of_ours_on_a_withheld_test_counts_as_one() -> None:
    assert infra_share([told(["++", "++"], ["?-", "++"])]) == 1 / 8


def test_a_failure_of_ours_on_an_opponents_run_counts_as_one() -> None:
    lost = [[Outcome(Verdict.INFRA), Outcome(Verdict.WRONG_ANSWER)]]
    assert infra_share([replace(told(["++", "++"]), pool_outcomes_PT=lost)]) == 1 / 6


VALID = Outcome(Verdict.FINISHED, "valid\n")
LOST = Outcome(Verdict.INFRA)
SOLUTION = [
    Outcome(Verdict.FINISHED, "4\n"),
    Outcome(Verdict.FINISHED, "2\n"),
    Outcome(Verdict.FINISHED, "2\n"),  # on the ground-truth test, which comes last
]


def test_verdicts_come_from_outputs() -> None:
    found = judged([VALID, VALID], SOLUTION)
    assert found.matrix.passed_PT.tolist() == [[True, True, True], [False, True, False]]
    assert found.right_U.tolist() == [True, True]
    assert found.valid_U.tolist() == [True, True]
    assert infra_share([found]) == 0


def test_a_validator_that_could_not_be_run_leaves_the_test_without_a_label() -> None:
    found = judged([VALID, LOST], SOLUTION)
    assert found.matrix.observed_PT.tolist() == [[True, True, False]] * 2
    assert infra_share([found]) == 2 / 6
    refused = judged([VALID, Outcome(Verdict.FINISHED, "invalid\n")], SOLUTION)
    assert refused.valid_U.tolist() == [True, False]
    assert refused.matrix.observed_PT.all()


def test_a_reference_that_could_not_be_run_is_no_measure() -> None:
    found = judged([VALID, VALID], [SOLUTION[0], LOST, SOLUTION[2]])
    assert not found.has_reference
    assert found.facts().right_U is None
    assert np.isnan(found.facts().majority_test)
