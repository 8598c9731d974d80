"""A task's own checker program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from sparring.grading.comparison import Grader, OutputComparison
from sparring.sandbox import Job, Sandbox
from sparring.schema import Outcome, Task, Test, Verdict

DIVISOR = """
import json, sys
case = json.load(sys.stdin)
n, d = int(case["input"]), int(case["output"])
print("accepted" if 1 < d < n and n % d == 0 else f"{d} does not divide {n}")
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(1) as opened:
        yield opened


def grade(sandbox: Sandbox, checker: str, output: str, data: str = "12\n") -> Outcome:
    task = Task("t", "A divisor.", (Test(data, "3\n"),), checker="program", checker_program=checker)
    grader = Grader(sandbox)
    one = OutputComparison(task, data, output, "3\n")
    grader.prepare([one])
    return grader.graded(Outcome(Verdict.FINISHED, output), one)


@pytest.mark.parametrize(
    ("output", "verdict", "detail"),
    [
        ("4\n", Verdict.ACCEPTED, ""),
        ("5\n", Verdict.WRONG_ANSWER, "5 does not divide 12"),
        ("", Verdict.WRONG_ANSWER, "ValueError"),
        ("accepted\n", Verdict.WRONG_ANSWER, "ValueError"),
        ("9" * 5000, Verdict.WRONG_ANSWER, "ValueError"),
        ("\udcff", Verdict.WRONG_ANSWER, "ValueError"),
    ],
)
def test_the_checker_decides(sandbox: Sandbox, output: str, verdict: Verdict, detail: str) -> None:
    graded = grade(sandbox, DIVISOR, output)
    assert graded.verdict is verdict
    assert detail in graded.detail


def test_a_checker_that_fails_accepts_nothing(sandbox: Sandbox) -> None:
    for checker in (
        "1/0",
        "print('accepted')\n1/0",
        "print('ACCEPTED')",
        "def",
        "print('a\\naccepted')",
    ):
        assert grade(sandbox, checker, "4").verdict is Verdict.WRONG_ANSWER


def test_other_verdicts_stay_as_they_are(sandbox: Sandbox) -> None:
    task = Task("t", "A divisor.", (Test("12", "3"),), checker="program", checker_program=DIVISOR)
    late = Outcome(Verdict.TIME_LIMIT, "4")
    assert Grader(sandbox).graded(late, OutputComparison(task, "12", "4", "3")) is late


def test_questions_that_are_much_text_are_asked_in_portions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sparring.grading.comparison._PORTION", 1)

    class Counting:
        asked: ClassVar[list[int]] = []

        def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
            self.asked.append(sum(len(job.inputs) for job in jobs))
            yes = Outcome(Verdict.FINISHED, "accepted\n")
            return [tuple(yes for _ in job.inputs) for job in jobs]

    task = Task("t", "…", (), checker="program", checker_program="print('accepted')")
    ones = [OutputComparison(task, "1\n", f"{k}", "2") for k in range(3)]
    grader = Grader(Counting())
    grader.prepare([*ones, *ones])
    assert Counting.asked == [1, 1, 1, 0]
    assert all(grader.verdict(one)[0] is Verdict.ACCEPTED for one in ones)
