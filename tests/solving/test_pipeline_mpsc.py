"""MPSC with specifications: reading them, running them, and what they are worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sparring.policy.chat.base import ChatReply
from sparring.sandbox import Sandbox
from sparring.schema import Outcome, ParseFailure, Role, StopReason, Task, Test, TestKind, Verdict
from sparring.solving.candidates import ProgramCandidate
from sparring.solving.inputs import input_only
from sparring.solving.pipelines.mpsc import _programs_PS, _specifications, _tests_US, mpsc
from sparring.solving.pipelines.rounds import tests_of as readable_tests
from sparring.solving.specifications import (
    HeldConditions,
    condition_test,
    held,
    read_specification,
)
from tests.solving.pipeline_cases import (
    PRINTED_TASK,
    RIGHT,
    SHIFT,
    SQUARE,
    T3,
    TASK,
    UNREADABLE,
    WRONG_TEST,
    call,
)
from tests.solving.scripted_session import Says, printed, program, scripted

GOOD = program(
    "def precondition(x):\n    return isinstance(x, int) and x >= 0\n"
    "def postcondition(result, x):\n    return result - x == x"
)
PRINTED = program(
    "def precondition(text):\n    return text.strip().lstrip('-').isdigit()\n"
    "def postcondition(output, text):\n    print('noise')\n    return int(output) == int(text) + 1"
)


def specify(answer: str) -> Says:
    def says(role: Role, message: str) -> str | None:
        assert role is Role.TESTER
        assert "precondition" in message
        return answer

    return says


def decide(task: Task, workers: Sandbox, answer: str, test: object, output: str) -> object:
    """What a specification says of an output, run in the sandbox."""
    session, _ = scripted(task, workers, [], [], lambda role, message: None)
    parsed = read_specification(task, answer)
    assert parsed.source is not None
    question = condition_test(test, output)
    assert question is not None
    reply = ChatReply("", StopReason.END_TOKEN, 0, 0)
    [[outcome]] = session.run([ProgramCandidate(-1, reply, parsed)], [question])
    return held(outcome)


@pytest.mark.parametrize(
    ("given", "gives", "expected"),
    [
        (3, "6", HeldConditions.BOTH),
        (3, "7", HeldConditions.BROKEN),
        (-1, "-2", HeldConditions.FORBIDDEN),
    ],
)
def test_a_specification_of_a_function_decides_in_the_sandbox(
    workers: Sandbox, given: int, gives: str, expected: HeldConditions
) -> None:
    assert decide(TASK, workers, GOOD, call(given, gives=0), gives) is expected


def test_a_specification_of_a_program_reads_input_and_output(workers: Sandbox) -> None:
    test = PRINTED_TASK.examples[0]
    assert decide(PRINTED_TASK, workers, PRINTED, test, "2\n") is HeldConditions.BOTH
    assert decide(PRINTED_TASK, workers, PRINTED, test, "3\n") is HeldConditions.BROKEN
    assert decide(PRINTED_TASK, workers, PRINTED, test, "no number") is None  # it raises
    empty = input_only("x\n", test.kind)
    assert decide(PRINTED_TASK, workers, PRINTED, empty, "2\n") is HeldConditions.FORBIDDEN


def test_a_method_is_specified_too(workers: Sandbox) -> None:
    task = replace(TASK, entry_point="Solution.double")
    assert decide(task, workers, GOOD, call(3, gives=0), "6") is HeldConditions.BOTH


def test_arguments_that_the_precondition_changes_reach_the_postcondition_unchanged(
    workers: Sandbox,
) -> None:
    changes = program(
        "def precondition(v):\n    v.clear()\n    return True\n"
        "def postcondition(result, v):\n    return result == len(v)"
    )
    assert decide(TASK, workers, changes, call([1, 2], gives=0), "2") is HeldConditions.BOTH


def test_refusals_of_specifications_have_names() -> None:
    assert read_specification(TASK, UNREADABLE).failure is ParseFailure.NO_CODE_BLOCK
    half = program("def postcondition(result, x):\n    return True")
    assert read_specification(TASK, half).failure is ParseFailure.NO_FUNCTION
    assert read_specification(TASK, RIGHT).failure is ParseFailure.NO_FUNCTION


def test_outputs_that_are_no_values_have_no_condition() -> None:
    assert condition_test(call(3, gives=6), "not a value") is None
    assert condition_test(call(3, gives=6), "[" * 100_000) is None


def test_specifications_outvote_a_majority_of_wrong_programs(workers: Sandbox) -> None:
    programs, tests = [SQUARE, SQUARE, RIGHT], [WRONG_TEST, WRONG_TEST]
    session, model = scripted(TASK, workers, programs, tests, specify(GOOD))
    decided = mpsc(session)
    assert decided.solution.chosen == 2
    assert len(model.asked) == 2  # as many specifications as tests
    session, _ = scripted(TASK, workers, programs, tests, specify(UNREADABLE))
    assert mpsc(session).solution.chosen == 0  # no test is passed: all equal


def test_a_specification_that_forbids_all_or_raises_has_no_edge(workers: Sandbox) -> None:
    for useless in (
        program(
            "def precondition(x):\n    return False\ndef postcondition(r, x):\n    return True"
        ),
        program(
            "def precondition(x):\n    return 1 / 0\ndef postcondition(r, x):\n    return True"
        ),
    ):
        session, _ = scripted(
            TASK, workers, [SQUARE, RIGHT, SHIFT], [T3], specify(program(useless))
        )
        assert mpsc(session).solution.chosen == 1  # the tests alone decide


@pytest.mark.parametrize(("lowest", "expected"), [(0, [1, 1]), (-9, [1, 1 / 2])])
def test_a_failure_counts_where_the_input_is_allowed(
    workers: Sandbox, lowest: int, expected: list[float]
) -> None:
    """The second program fails on −1: an input that the specification forbids, or allows."""
    specification = program(
        f"def precondition(x):\n    return x >= {lowest}\n"
        "def postcondition(result, x):\n    return result == 2 * x"
    )
    raises = program("def double(x):\n    assert x >= 0\n    return 2 * x")
    session, _ = scripted(TASK, workers, [RIGHT, raises], [T3], specify(specification))
    session.sample(programs=2)
    inputs = [input_only(call(x, gives=0).input, TestKind.CALL) for x in (3, -1)]
    specifications = _specifications(session, 1)
    weight_PS = _programs_PS(session, session.programs, specifications, inputs)
    assert weight_PS[:, 0].tolist() == expected


def test_a_test_meets_a_specification_by_its_input_and_its_output(workers: Sandbox) -> None:
    session, _ = scripted(TASK, workers, [], [T3], specify(GOOD))
    tests = [call(3, gives=6), call(3, gives=7), call(-3, gives=-6)]
    assert _tests_US(session, _specifications(session, 1), tests).tolist() == [[1], [0], [0]]


def test_a_failure_of_the_sandbox_is_no_failure_of_the_program() -> None:
    three, lost = Outcome(Verdict.FINISHED, "6"), Outcome(Verdict.INFRA)
    rows, met = [[three, three], [three, lost]], Outcome(Verdict.FINISHED, "2")

    class Known:
        """Session in which all is known: programs by ``rows``, and every condition holds."""

        def run(self, programs: list[str], tests: list[Test]) -> list[list[Outcome]]:
            return rows if programs == ["a", "b"] else [[met] * len(tests)]

        def seen(self, programs: list[str], tests: list[Test]) -> list[list[Outcome]]:
            return rows

    session: Any = Known()
    programs: Any = ["a", "b"]
    inputs = [input_only(call(x, gives=0).input, TestKind.CALL) for x in (3, 4)]
    assert _programs_PS(session, programs, [programs[0]], inputs).tolist() == [[1], [1]]


def test_without_a_test_the_specifications_decide_on_the_public_inputs(workers: Sandbox) -> None:
    wrong = program("print(int(input()) + 1 if True else 0)")
    session, _ = scripted(
        PRINTED_TASK, workers, [wrong], [UNREADABLE], lambda role, message: PRINTED
    )
    decided = mpsc(session)
    assert decided.solution.chosen == 0
    assert decided.tests == ()
    assert not readable_tests(session.tests)


def test_printed_problems_work_from_end_to_end(workers: Sandbox) -> None:
    programs = [
        program("n = int(input())\nprint(n + 1 if n < 5 else n)"),
        program("n = int(input())\nprint(n + 1)"),
    ]
    session, _ = scripted(
        PRINTED_TASK,
        workers,
        programs,
        [printed("9", "10"), printed("4", "5")],
        lambda role, message: PRINTED,
    )
    assert mpsc(session).solution.chosen == 1
