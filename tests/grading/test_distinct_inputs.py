"""Answers by distinct input: what a choice by answers sees of a group."""

from __future__ import annotations

from sparring.grading.distinct_inputs import answers_by_input, input_numbers
from sparring.grading.facts import task_facts
from sparring.grading.group import GroupResult
from sparring.prompts.rules import ParsedProgram, ParsedTest
from sparring.schema import Outcome, ParseFailure, Task, Test, TestKind, Verdict

TRUTH = Test("0", "0")
TESTS = [
    Test("1", "1"),
    Test("2\n", "4"),
    Test("1", "7"),  # the first input again, with another claim
    None,
    Test("assert f(1) == 1", "", kind=TestKind.SCRIPT),
]


def outcome(mark: str) -> Outcome:
    """A digit is printed; E raised, T time, I infrastructure, - not parsed, + and x of a script."""
    known = {
        "E": Outcome(Verdict.RUNTIME_ERROR, "1"),
        "T": Outcome(Verdict.TIME_LIMIT, "1"),
        "I": Outcome(Verdict.INFRA),
        "-": Outcome(Verdict.INVALID),
        "+": Outcome(Verdict.ACCEPTED),
        "x": Outcome(Verdict.WRONG_ANSWER),
    }
    return known.get(mark) or Outcome(Verdict.WRONG_ANSWER, f"{mark}\n")


def group(*rows: str, tests: list[Test | None] = TESTS) -> GroupResult:
    """``rows``: an outcome for each generated test."""
    parsed = [ParsedTest(t, None if t else ParseFailure.NO_TEST_INPUT) for t in tests]
    return GroupResult(
        task=Task("t", "Square.", (TRUTH,)),
        coder=(),
        tester=(),
        programs=[ParsedProgram("x")] * len(rows),
        tests=parsed,
        outcomes_PT=[[Outcome(Verdict.ACCEPTED), *map(outcome, row)] for row in rows],
        refused_U=[None] * len(tests),
        reference_U=[None] * len(tests),
        right_U=None,
    )


def test_equal_inputs_are_one_and_an_unread_test_has_none() -> None:
    assert input_numbers(TESTS).tolist() == [0, 1, 0, -1, 2]
    calls = [Test('[["1"], {}]', "1", kind=TestKind.CALL), Test('[["1"],{}]', "2", TestKind.CALL)]
    assert input_numbers(calls).tolist() == [0, 0]
    assert input_numbers([]).tolist() == []


def test_answers_are_numbers_and_failures_are_none() -> None:
    one = group("141-+", "151-+", "E4E-x", "TI1-+", "I41-I", "14T-+")
    facts = task_facts(one)
    assert facts.input_U is not None
    assert facts.input_U.tolist() == [0, 1, 0, -1, 2]
    assert facts.answers_PI is not None
    assert facts.answers_PI.tolist() == [
        [0, 0, 0],
        [0, 1, 0],
        [-1, 0, -1],  # an error has no answer, whatever was printed; nor has a failed script
        [0, -1, 0],  # the second time, the program was in time
        [0, 0, -1],
        [0, 0, 0],  # the first answer counts
    ]


def test_a_group_without_programs_or_tests_has_no_answers() -> None:
    assert task_facts(group()).answers_PI is not None
    assert answers_by_input(group("-", tests=[None]), input_numbers([None])).shape == (1, 0)
    assert answers_by_input(group("", tests=[]), input_numbers([])).shape == (1, 0)
