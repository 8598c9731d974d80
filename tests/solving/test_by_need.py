"""Sampling by need: when it ends, and what it says of its end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sparring.sandbox import Sandbox
from sparring.selection.calibration import Calibration, Signal
from sparring.selection.need import UNCHANGED
from sparring.solving.by_need import by_need
from sparring.solving.options import Sizes
from tests.fake_openai import PROGRAM, TEST, FakeOpenAI, whole
from tests.solving.sessions import a_session, solve_options

SURE = Calibration(10.0, dict.fromkeys(Signal, 0.0))
"""Finds every choice right."""


def always_right(body: dict[str, Any]) -> dict[str, Any]:
    asks_for_test = "Write one test" in body["messages"][0]["content"]
    return whole(TEST if asks_for_test else PROGRAM)


def test_a_sure_choice_that_stays_is_settled(fake: FakeOpenAI, workers: Sandbox) -> None:
    fake.writes = always_right
    options = solve_options(fake, sizes=Sizes(100, 100))
    with a_session(fake, workers, replace(options, calibration=SURE)) as session:
        assert by_need(session).reason == "the choice is settled"
        rounds = [step for step in session.steps if step.step == "round"]
    # The first choice is made after the first round; it has to stay for so many more.
    assert len(rounds) == 1 + UNCHANGED


def test_a_doubtful_choice_is_not_settled(fake: FakeOpenAI, workers: Sandbox) -> None:
    fake.writes = always_right
    unsure = Calibration(0.0, dict.fromkeys(Signal, 0.0))
    options = solve_options(fake, sizes=Sizes(40, 40))
    with a_session(fake, workers, replace(options, calibration=unsure)) as session:
        assert by_need(session).reason.startswith("as many were sampled")


def test_tests_that_are_spent_end_the_rounds(fake: FakeOpenAI, workers: Sandbox) -> None:
    fake.writes = always_right
    options = solve_options(fake, sizes=Sizes(100, 4))
    with a_session(fake, workers, options) as session:
        assert "could hardly be told apart" in by_need(session).reason
        assert len(session.programs) < 100
