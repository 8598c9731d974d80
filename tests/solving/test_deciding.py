"""Decisions by hand: what comes before what, and how sure a decision may be."""

from __future__ import annotations

from dataclasses import replace

from sparring.sandbox import Sandbox
from sparring.schema import Role, Test
from sparring.selection.calibration import Calibration, Signal
from sparring.solving.account import account
from sparring.solving.budget import Budget
from sparring.solving.by_need import by_need
from sparring.solving.deciding import choose
from sparring.solving.options import Sizes
from sparring.solving.result import result_record
from tests.solving.scripted_session import printed, program, scripted
from tests.solving.sessions import TASK

PLUS = {k: f"print(int(input()) + {k})" for k in range(1, 5)}
SURE = Calibration(10.0, dict.fromkeys(Signal, 0.0))
BY_AGREEMENT = Calibration(0.0, {**dict.fromkeys(Signal, 0.0), Signal.AGREEMENT: 1.0})


def test_binding_tests_come_before_examples_and_examples_before_generated_tests(
    workers: Sandbox,
) -> None:
    task = replace(TASK, tests=(Test("5\n", "8\n"),), examples=(Test("1\n", "3\n"),))
    programs = [program(PLUS[k]) for k in (1, 1, 2, 1)]
    generated = [printed(f"{k}", f"{k + 1}") for k in range(3)]
    session, _ = scripted(task, workers, [*programs, program(PLUS[3])], generated)
    session.sample(4, 3)
    # No program passes the binding test: the example decides against all generated tests.
    assert choose(session).ranked[0].number == 2
    session.sample(1)
    assert [p.number for p in choose(session).ranked[:2]] == [4, 2]


def test_a_program_that_fails_a_test_that_decides_is_not_right(workers: Sandbox) -> None:
    for tests, examples in (
        ((Test("5\n", "0\n"),), ()),
        ((), (Test("5\n", "0\n"),)),
    ):
        task = replace(TASK, tests=tests, examples=examples)
        session, _ = scripted(task, workers, [program(PLUS[1])] * 3, [printed("1", "2")])
        session.options = replace(session.options, calibration=SURE)
        solution = by_need(session)
        assert (solution.chosen, solution.sure) == (0, 0.0)
        lines = account(result_record(session, solution, {}, "by_need"))
        assert any("0% likely to be right, because it fails a test" in line for line in lines)


def test_binding_tests_that_were_not_run_say_nothing(workers: Sandbox) -> None:
    binding = tuple(Test(f"{k}\n", f"{k + 1}\n") for k in range(5))
    task = replace(TASK, tests=binding, examples=())
    session, _ = scripted(task, workers, [program(PLUS[1])], [printed("9", "10")])
    session.options = replace(session.options, calibration=SURE)
    session.sample(1, 1)
    session.run(session.programs, [session.tests[0].parsed.test or binding[0]])
    session.spending.budget = Budget(executions=2)
    choice = choose(session)
    [row] = session.seen(session.programs, binding)
    assert [o is None for o in row] == [False, True, True, True, True]
    assert choice.sure is not None
    assert choice.sure > 0.99


def test_an_unknown_probability_is_not_called_below_the_threshold(workers: Sandbox) -> None:
    session, _ = scripted(replace(TASK, examples=()), workers, [program(PLUS[1])], ["no test"])
    solution = by_need(session)
    assert solution.sure is None
    [line] = [
        x for x in account(result_record(session, solution, {}, "by_need")) if "how sure" in x
    ]
    assert "unknown" in line
    assert "%" not in line
    assert line.endswith("not vouched for")


def repaired(role: Role, message: str) -> str | None:
    return program(PLUS[3]) if role is Role.CODER else None


def test_a_repaired_program_runs_on_everything_and_its_like_are_no_witnesses(
    workers: Sandbox,
) -> None:
    """Three programs fail the example. The model turns each into the same program, which is right:
    but three answers to messages that say what is wanted are not three samples that agree."""
    task = replace(TASK, examples=(Test("1\n", "4\n"),))
    programs = [program(f"{PLUS[k]}  # {i}") for i, k in enumerate((1, 2, 4))]
    generated = [printed(f"{k}", f"{k + 3}") for k in range(3)]
    session, _ = scripted(task, workers, programs, generated, says=repaired, sizes=Sizes(3, 3, 1))
    session.options = replace(session.options, calibration=BY_AGREEMENT)
    solution = by_need(session)
    assert session.programs[solution.chosen or 0].origin == "repaired"
    assert len(session.programs) == 6
    tests = [t.parsed.test for t in session.tests if t.parsed.test]
    every = [*task.examples, *tests]
    assert all(o is not None for row in session.seen(session.programs, every) for o in row)
    # Of the three samples none agrees with it: log-odds of 0 of 3 others.
    assert solution.sure is not None
    assert abs(solution.sure - 1 / 8) < 1e-9
