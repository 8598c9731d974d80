"""Sampling by need, step by step: when the rounds end, and inputs that tell programs apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sparring.sandbox import Sandbox
from sparring.schema import Role
from sparring.selection.calibration import Calibration, Signal
from sparring.selection.need import PROGRAMS_FIRST, TESTS_PER_ROUND, UNCHANGED
from sparring.solving.budget import Budget
from sparring.solving.by_need import by_need
from sparring.solving.engine import solve_task
from sparring.solving.options import Sizes
from sparring.solving.replay import replay_directory
from tests.fake_openai import FakeOpenAI
from tests.solving.scripted_session import printed, program, scripted
from tests.solving.sessions import TASK, solve_options

RIGHT, WRONG = "print(int(input()) + 1)", "print(int(input()) + 2)"
SURE = Calibration(10.0, dict.fromkeys(Signal, 0.0))
UNSURE = Calibration(-10.0, dict.fromkeys(Signal, 0.0))


def tests_of(count: int) -> list[str]:
    return [printed(f"{k}", f"{k + 1}") for k in range(count)]


@pytest.mark.parametrize(("calibration", "settles"), [(SURE, True), (UNSURE, False)])
def test_a_choice_that_is_sure_and_stays_ends_the_rounds(
    workers: Sandbox, calibration: Calibration, settles: bool
) -> None:
    session, _ = scripted(TASK, workers, [program(RIGHT)] * 40, tests_of(40))
    session.options = replace(session.options, calibration=calibration)
    solution = by_need(session)
    rounds = [s for s in session.steps if s.step == "round"]
    if settles:
        assert solution.reason == "the choice is settled"
        # The first round has no choice before it, so that one more is needed.
        assert len(rounds) == UNCHANGED + 1
        assert len(session.tests) == TESTS_PER_ROUND * (UNCHANGED + 1)
    else:
        assert solution.reason == "as many were sampled as may be (-n, -m)"
        assert (len(session.programs), len(session.tests)) == (40, 40)


def test_a_choice_that_changes_starts_the_count_again(workers: Sandbox) -> None:
    """The tests of the first two rounds are passed by the one kind, those behind by the other."""
    early = [printed(f"{k}", f"{k + 2}") for k in range(2 * TESTS_PER_ROUND)]
    kinds = [program(WRONG), program(RIGHT)] * 20
    task = replace(TASK, examples=())
    session, _ = scripted(task, workers, kinds, [*early, *tests_of(40)][:40])
    session.options = replace(session.options, calibration=SURE)
    solution = by_need(session)
    chosen = [s.facts["leader"] for s in session.steps if s.step == "round"][1:]
    sources = [session.programs[int(str(n))].source for n in chosen]
    assert {str(s).strip() for s in sources} == {WRONG, RIGHT}
    assert solution.reason == "the choice is settled"
    assert len(chosen) > UNCHANGED + 1


def test_spent_tests_end_the_rounds_before_the_programs_are(workers: Sandbox) -> None:
    session, _ = scripted(TASK, workers, [program(RIGHT)] * 40, tests_of(2), sizes=Sizes(40, 2))
    session.options = replace(session.options, calibration=UNSURE)
    solution = by_need(session)
    assert "could hardly be told apart" in solution.reason
    assert len(session.programs) < 40


def inputs_of(role: Role, message: str) -> str | None:
    return "**Test Input:**\n```\n7\n```" if "differ" in message else None


def test_programs_that_are_nearly_equal_are_told_apart_by_an_input(workers: Sandbox) -> None:
    """Two kinds of program pass a test each; on the input of the model all others agree with the
    one kind."""
    first = "n = int(input())\nprint(n + 1)"
    second = "n = int(input())\nprint(n + 1 if n > 4 else n + 2)"
    third = "n = int(input())\nprint(n + 1 if n > 4 else 0)"
    kinds = [program(s) for s in (second, first, second, first, third)]
    tests = [printed("1", "2"), printed("2", "3"), printed("3", "5"), printed("4", "6")]
    task = replace(TASK, examples=())
    session, model = scripted(
        task, workers, kinds, tests, says=inputs_of, sizes=Sizes(PROGRAMS_FIRST + 1, 12)
    )
    model.own = {Role.CODER: [*kinds, program(third)], Role.TESTER: [*tests, *tests, *tests]}
    by_need(session)
    asked = [message for role, message in model.asked if role is Role.TESTER]
    assert len(asked) == 2  # once, although they are nearly equal in both rounds
    assert all(first in message and second in message for message in asked)
    assert [t.input for t in session.inputs] == ["7\n"]
    [step] = [s for s in session.steps if s.step == "apart"]
    assert step.facts["inputs"] == ["7\n"]
    assert "1 new input" in step.text
    # All programs have run on it, and it is evidence: a column of answers, and none of the matrix.
    [*rows] = session.seen(session.programs, session.inputs)
    assert [row[0].output for row in rows if row[0]] == ["8\n"] * 6
    evidence = session.evidence()
    assert evidence.answers_PI.shape[1] == 5
    assert evidence.passed_PU.shape[1] == 12


@pytest.mark.usefixtures("shared_workers")
@pytest.mark.parametrize("sizes", [Sizes(8, 8), Sizes(40, 40)])
def test_a_session_that_ended_while_programs_ran_is_replayed_alike(
    fake: FakeOpenAI, workers: Sandbox, tmp_path: Path, sizes: Sizes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The next round of the replay, of which nothing is on record, is none."""
    stopped = False
    stream = workers.stream

    def ending(*args: object) -> object:
        nonlocal stopped
        stopped = True
        return iter(())

    monkeypatch.setattr(workers, "stream", ending)
    out = tmp_path / "s"
    solved = solve_task(TASK, solve_options(fake, sizes=sizes), out, stop=lambda: stopped)
    monkeypatch.setattr(workers, "stream", stream)
    assert solved.solution.reason == "stopped"
    assert solved.programs
    assert replay_directory(out).same is True


def test_a_budget_that_ends_with_the_last_sample_is_named(
    fake: FakeOpenAI, workers: Sandbox
) -> None:
    session, _ = scripted(
        TASK, workers, [program(RIGHT)] * 4, tests_of(4), budget=Budget(requests=8)
    )
    assert by_need(session).reason == "requests"
