"""Programs that run before they are asked for: the same outcomes, each run once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

import pytest

from sparring.errors import SandboxError
from sparring.sandbox import Job, Limits, PrefetchingRunner
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
    runner = PrefetchingRunner(sandbox)
    for job in begun:
        runner.prefetch([job])
    assert printed(runner.run(JOBS)) == PRINTED
    assert printed(runner.run(JOBS)) == PRINTED
    assert set(sandbox.runs.values()) == {1}
    assert {key[:2] for key in sandbox.runs} >= {("a", "1"), ("a", "2"), ("a", "3"), ("b", "1")}


def test_a_running_prefetch_is_awaited_and_not_repeated() -> None:
    sandbox = Echo()
    sandbox.gate.clear()
    runner = PrefetchingRunner(sandbox)
    runner.prefetch(JOBS)
    assert sandbox.called.wait(60)
    threading.Timer(0.05, sandbox.gate.set).start()
    assert printed(runner.run(JOBS)) == PRINTED
    assert set(sandbox.runs.values()) == {1}


def test_another_limit_is_another_run() -> None:
    sandbox = Echo()
    runner = PrefetchingRunner(sandbox)
    runner.prefetch([Job("a", ("1",))])
    runner.run([Job("a", ("1",), Limits(cpu_seconds=2)), Job("a", ("1",))])
    assert sorted(sandbox.runs) == [("a", "1", 1.0), ("a", "1", 2)]


def test_an_early_failure_of_ours_is_asked_for_again() -> None:
    sandbox = Echo(infra=1)
    runner = PrefetchingRunner(sandbox)
    runner.prefetch(JOBS[:1])
    assert sandbox.called.wait(60)
    found = runner.run(JOBS[:1])
    assert {o.verdict for o in found[0]} <= {Verdict.FINISHED, Verdict.INFRA}
    assert {o.verdict for o in runner.run(JOBS[:1])[0]} == {Verdict.FINISHED}


def test_a_sandbox_that_fails_early_and_lives_is_asked_again_and_a_dead_one_is_an_error() -> None:
    sandbox = Echo(fails=1)
    runner = PrefetchingRunner(sandbox)
    sandbox.gate.clear()
    runner.prefetch(JOBS)
    assert sandbox.called.wait(60)
    sandbox.gate.set()
    assert printed(runner.run(JOBS)) == PRINTED
    dead = PrefetchingRunner(Echo(fails=99))
    dead.prefetch(JOBS)
    with pytest.raises(SandboxError, match="closed"):
        dead.run(JOBS)


def test_many_threads_ask_and_each_run_is_executed_once() -> None:
    sandbox = Echo()
    runner = PrefetchingRunner(sandbox)
    found: list[list[list[str]]] = []

    def ask() -> None:
        for job in JOBS:
            runner.prefetch([job])
        found.append(printed(runner.run(JOBS)))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [PRINTED] * 16
    assert set(sandbox.runs.values()) == {1}
