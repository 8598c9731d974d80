"""Programs that run before they are asked for: the same outcomes, each run once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

import pytest

from sparring.errors import SandboxError
from sparring.grading.early import Early
from sparring.runs.timeline import Timeline
from sparring.sandbox import Job, Limits
from sparring.schema import Outcome, Verdict


class Echo:
    """Runs that print program and input, slowly where a gate is shut, and are counted."""

    def __init__(self, fails: int = 0, infra: int = 0) -> None:
        self.runs: Counter[tuple[str, str, float]] = Counter()
        self.gate = threading.Event()
        self.gate.set()
        self.called = threading.Event()
        self.fails, self.infra = fails, infra
        self._lock = threading.Lock()

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        self.called.set()
        assert self.gate.wait(60)
        with self._lock:
            if self.fails:
                self.fails -= 1
                raise SandboxError("closed")
            for job in jobs:
                self.runs.update((job.program, x, job.limits.cpu_seconds) for x in job.inputs)
            verdict = Verdict.INFRA if self.infra else Verdict.FINISHED
            self.infra = max(0, self.infra - 1)
        return [tuple(Outcome(verdict, f"{j.program}({x})") for x in j.inputs) for j in jobs]


JOBS = [Job("a", ("1", "2", "1")), Job("b", ("1",)), Job("a", ("2", "3")), Job("c", ())]
PRINTED = [["a(1)", "a(2)", "a(1)"], ["b(1)"], ["a(2)", "a(3)"], []]


def printed(found: Sequence[tuple[Outcome, ...]]) -> list[list[str]]:
    return [[o.output for o in outcomes] for outcomes in found]


@pytest.mark.parametrize("begun", [[], JOBS[:1], JOBS, [Job("z", ("9",)), *JOBS[::-1]]])
def test_each_run_is_executed_once_whatever_was_begun(begun: list[Job]) -> None:
    sandbox = Echo()
    early = Early(sandbox, Timeline())
    for job in begun:
        early.begin([job])
    assert printed(early.run(JOBS)) == PRINTED
    assert printed(early.run(JOBS)) == PRINTED
    assert set(sandbox.runs.values()) == {1}
    assert {key[:2] for key in sandbox.runs} >= {("a", "1"), ("a", "2"), ("a", "3"), ("b", "1")}


def test_what_is_still_running_is_waited_for_and_not_asked_again() -> None:
    sandbox = Echo()
    sandbox.gate.clear()
    early = Early(sandbox, Timeline())
    early.begin(JOBS)
    assert sandbox.called.wait(60)
    threading.Timer(0.05, sandbox.gate.set).start()
    assert printed(early.run(JOBS)) == PRINTED
    assert set(sandbox.runs.values()) == {1}


def test_another_limit_is_another_run() -> None:
    sandbox = Echo()
    early = Early(sandbox, Timeline())
    early.begin([Job("a", ("1",))])
    early.run([Job("a", ("1",), Limits(cpu_seconds=2)), Job("a", ("1",))])
    assert sorted(sandbox.runs) == [("a", "1", 1.0), ("a", "1", 2)]


def test_an_early_failure_of_ours_is_asked_for_again() -> None:
    sandbox = Echo(infra=1)
    early = Early(sandbox, Timeline())
    early.begin(JOBS[:1])
    assert sandbox.called.wait(60)
    found = early.run(JOBS[:1])
    assert {o.verdict for o in found[0]} <= {Verdict.FINISHED, Verdict.INFRA}
    assert {o.verdict for o in early.run(JOBS[:1])[0]} == {Verdict.FINISHED}


def test_a_sandbox_that_fails_early_and_lives_is_asked_again_and_a_dead_one_is_an_error() -> None:
    sandbox = Echo(fails=1)
    early = Early(sandbox, Timeline())
    sandbox.gate.clear()
    early.begin(JOBS)
    assert sandbox.called.wait(60)
    sandbox.gate.set()
    assert printed(early.run(JOBS)) == PRINTED
    dead = Early(Echo(fails=99), Timeline())
    dead.begin(JOBS)
    with pytest.raises(SandboxError, match="closed"):
        dead.run(JOBS)


def test_many_threads_ask_and_each_run_is_executed_once() -> None:
    sandbox = Echo()
    early = Early(sandbox, Timeline())
    found: list[list[list[str]]] = []

    def ask() -> None:
        for job in JOBS:
            early.begin([job])
        found.append(printed(early.run(JOBS)))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [PRINTED] * 16
    assert set(sandbox.runs.values()) == {1}
