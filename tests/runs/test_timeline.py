"""The account of a step: intervals in lanes, what they cover, and what is left."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from sparring.runs import timeline as module
from sparring.runs.timeline import Interval, Phase, PhaseAccount, Timeline, account_from, covered


@pytest.fixture
def clock(monkeypatch: Any) -> list[float]:
    """A clock that stands until the test moves it."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def told(account: PhaseAccount) -> list[tuple[str, str, float, float]]:
    return [(i.phase.value, i.lane, i.start, i.end) for i in account.intervals]


def test_a_phase_within_a_phase_suspends_it(clock: list[float]) -> None:
    line = Timeline()
    with line.during(Phase.SAMPLING, "coder"):
        clock[0] += 2
        with line.during(Phase.JOURNALLING):
            clock[0] += 1
        clock[0] += 4
    clock[0] += 1
    account = line.cut()
    assert told(account) == [
        ("sampling", "coder", 0, 2),
        ("journalling", "coder", 2, 3),
        ("sampling", "coder", 3, 7),
    ]
    assert account.seconds == 8
    assert account.phases() == {"sampling": 6, "journalling": 1}
    assert account.other_share() == 2 / 8


def test_a_phase_that_goes_on_is_divided_between_accounts(clock: list[float]) -> None:
    line = Timeline()
    with line.during(Phase.LEARNING):
        clock[0] += 3
        line.ran(5)
        first = line.cut()
        clock[0] += 2
    second = line.cut()
    assert (told(first), first.runs) == ([("learning", "main", 0, 3)], 5)
    assert (told(second), second.runs) == ([("learning", "main", 0, 2)], 0)


def test_lanes_of_threads_overlap_and_are_not_counted_twice(clock: list[float]) -> None:
    line = Timeline()
    begun, go_on = threading.Event(), threading.Event()

    def beside() -> None:
        line.in_lane("ahead")
        with line.during(Phase.SAMPLING):
            begun.set()
            assert go_on.wait(60)

    thread = threading.Thread(target=beside)
    thread.start()
    assert begun.wait(60)
    clock[0] += 1
    with line.during(Phase.LEARNING):
        clock[0] += 2
        go_on.set()
        thread.join()
        clock[0] += 4
    with line.during(Phase.METRICS):
        clock[0] += 3
    account = line.cut()
    assert told(account) == [
        ("sampling", "ahead", 0, 3),
        ("learning", "main", 1, 7),
        ("metrics", "main", 7, 10),
    ]
    assert account.alone() == {"sampling": 1, "learning": 4, "metrics": 3}
    assert account.other_share() == pytest.approx(3 / 10)


def test_waiting_is_no_work_and_hides_none() -> None:
    account = PhaseAccount(
        4.0,
        (
            Interval(Phase.WAITING, "main", 0, 4),
            Interval(Phase.SAMPLING, "ahead", 0, 3),
        ),
    )
    assert account.other_share() == 0.25
    assert account.alone() == {"sampling": 3}


def test_covered_counts_each_moment_once() -> None:
    spans = [(5, 6), (0, 2), (1, 4), (1.5, 1.7), (6, 6)]
    assert covered(Interval(Phase.RUNNING, "x", a, b) for a, b in spans) == 5


def test_an_account_reads_back_and_steps_on_record_have_no_rates(clock: list[float]) -> None:
    line = Timeline()
    with line.during(Phase.READING):
        clock[0] += 2
    account = line.cut()
    assert account_from(json.loads(json.dumps(account.record()))) == account
    assert account.timing(100, 10) == {"seconds": 2, "phases": {"reading": 2}}
    with line.during(Phase.SAMPLING):
        clock[0] += 4
    line.ran(6)
    with line.during(Phase.RUNNING):
        clock[0] += 1
    timing = line.cut().timing(100, 10)
    assert (timing["tokens_per_s"], timing["responses_per_s"], timing["runs_per_s"]) == (20, 2, 6)
