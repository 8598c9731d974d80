"""Evidence from outcomes: what is an answer, and what is none."""

from __future__ import annotations

from sparring.schema import Outcome, Test, TestKind, Verdict
from sparring.selection.consensus import NONE
from sparring.solving.inputs import input_only
from sparring.solving.observed import evidence_from


def test_programs_that_fail_a_script_need_not_agree() -> None:
    """A script has no output: only the programs that pass it have the same answer."""
    verdicts = (Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.WRONG_ANSWER, Verdict.ACCEPTED)
    outcomes = [[Outcome(verdict)] for verdict in verdicts]
    evidence = evidence_from([Test("assert f(1) > 0", "", TestKind.SCRIPT)], outcomes)
    assert evidence.answers_PI.tolist() == [[0], [NONE], [NONE], [0]]
    assert evidence.passed_PU.tolist() == [[True], [False], [False], [True]]


def test_an_input_is_one_column_however_many_tests_have_it() -> None:
    tests = [Test("1\n", "2\n"), Test("1\n", "3\n"), input_only("1\n"), input_only("2\n")]
    rows = [
        [Outcome(Verdict.ACCEPTED, "2\n"), Outcome(Verdict.WRONG_ANSWER, "2\n"),
         Outcome(Verdict.FINISHED, "2\n"), Outcome(Verdict.FINISHED, "5\n")],
        [Outcome(Verdict.INFRA), Outcome(Verdict.INFRA), Outcome(Verdict.INFRA), None],
    ]  # fmt: skip
    evidence = evidence_from(tests, rows)
    assert evidence.passed_PU.tolist() == [[True, False], [False, False]]
    assert evidence.observed_PU.tolist() == [[True, True], [False, False]]
    assert evidence.answers_PI.tolist() == [[0, 0], [NONE, NONE]]
