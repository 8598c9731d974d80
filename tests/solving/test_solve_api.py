"""`solve` as a library: texts, files and tasks; what comes back; what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring.errors import ConfigError, DataError, Stopped
from sparring.schema import Task, Test
from sparring.selection.calibration import Calibration, Signal
from sparring.selection.selectors import Selector
from sparring.solving.api import solve
from sparring.solving.budget import Budget
from sparring.solving.session import Step
from tests.fake_openai import FakeOpenAI, whole

CALIBRATION = Calibration(0.0, dict.fromkeys(Signal, 1.0))
SOURCE = "print(int(input()) + 1)\n"


def test_a_text_is_solved_in_a_line(fake: FakeOpenAI, tmp_path: Path) -> None:
    lines: list[str] = []
    steps: list[Step] = []
    solved = solve(
        "Print the number read plus one.", coder=fake.url, n=6, m=4, examples=[("1", "2")],
        calibration=CALIBRATION, report=lines.append, on_step=steps.append, out=tmp_path / "out",
    )  # fmt: skip
    assert solved.source == SOURCE
    assert solved.sure is not None
    assert solved.sure > 0.5
    assert not solved.abstained
    assert lines[0] == "asks for a whole program on standard input"
    assert lines[-1] == "1 given by --example"
    assert [s.text for s in steps] == [s["text"] for s in solved.record["steps"]]
    assert solved.account
    assert solved.costs.requests == len(fake.bodies)
    assert (tmp_path / "out" / "solve.json").exists()


def test_a_task_is_solved_without_a_look_at_its_truth(fake: FakeOpenAI) -> None:
    truth = Test("1\n", "1000\n")
    task = Task("t", "Print the number read plus one.", (truth,), (Test("1\n", "2\n"),))
    solved = solve(task, coder=fake.url, n=4, m=4, calibration=CALIBRATION)
    assert solved.source == SOURCE
    assert solved.task.tests == ()
    assert solved.record["decision"]["chosen_on"]["examples"]["passed"] == [0]


def test_a_function_is_asked_for_and_chosen(fake: FakeOpenAI) -> None:
    def writes(body: dict[str, object]) -> dict[str, object]:
        message = str(body["messages"])
        assert "`f`" in message
        if "Write one test" in message:
            return whole("```python\nassert f(3) == 4\n```")
        return whole("```python\ndef f(x):\n    return x + 1\n```")

    fake.writes = writes
    solved = solve("def f(x):\n    '''Add one.'''\n", coder=fake.url, n=2, m=2,
                   calibration=CALIBRATION)  # fmt: skip
    assert solved.source == "def f(x):\n    return x + 1\n"


def test_a_stop_returns_the_best_so_far(fake: FakeOpenAI) -> None:
    solved = solve("Print the number read plus one.", coder=fake.url, n=1000, m=1000, sure=0.0,
                   stop=lambda: len(fake.bodies) > 6, calibration=CALIBRATION)  # fmt: skip
    assert solved.source in (SOURCE, SOURCE.replace("1", "2"))
    assert solved.record["stopped"]
    assert len(fake.bodies) < 100


def test_a_stop_before_the_server_has_answered_is_an_error(fake: FakeOpenAI) -> None:
    with pytest.raises(Stopped):
        solve("Print x.", coder=fake.url, stop=lambda: True, calibration=CALIBRATION)


def test_a_budget_holds(fake: FakeOpenAI) -> None:
    solve("Print x.", coder=fake.url, budget=Budget(requests=3), calibration=CALIBRATION)
    assert len(fake.bodies) <= 3


def test_what_cannot_be_solved_is_refused_before_any_request(fake: FakeOpenAI) -> None:
    with pytest.raises(ConfigError, match="--select agreement_bon: needs the samples of an eval"):
        solve("Print x.", coder=fake.url, select=Selector.AGREEMENT_BON)
    with pytest.raises(ConfigError, match="--select oracle: needs the ground truth"):
        solve("Print x.", coder=fake.url, select=Selector.ORACLE)
    with pytest.raises(DataError, match="asks for Rust"):
        solve("Write a Rust program.", coder=fake.url)
    assert fake.bodies == []
