"""What happens when workers die, and that none outlives its sandbox or its parent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparring.errors import SandboxError
from sparring.sandbox import Job, Limits, Sandbox
from sparring.sandbox.caller import process
from sparring.sandbox.caller.process import Worker
from sparring.schema import Verdict
from tests.sandbox.conftest import alive

DOUBLE = "print(2 * int(input()))"


def test_a_worker_that_dies_once_costs_nothing() -> None:
    with Sandbox(1, memo=False) as sandbox:
        program = "import time\ntime.sleep(0.3)\nprint(input())"
        victim = sandbox._worker_pool[0].pid
        threading.Timer(0.15, os.kill, (victim, signal.SIGKILL)).start()
        [outcomes] = sandbox.run([Job(program, ("1", "2"))])
        assert [o.output for o in outcomes] == ["1\n", "2\n"]
        assert sandbox.stats.workers_lost == 1
        assert sandbox.run([Job(DOUBLE, ("4",))])[0][0].output == "8\n"


SLEEPY = "import time\ntime.sleep(0.4)\nprint(input())"


@contextlib.contextmanager
def killing(sandbox: Sandbox, count: int) -> Iterator[None]:
    """Kill the one worker of the sandbox soon after it has started, `count` times."""
    ended = threading.Event()

    def kill() -> None:
        killed: set[int] = set()
        while len(killed) < count and not ended.wait(0.01):
            pid = sandbox._worker_pool[0].pid
            if pid not in killed and not ended.wait(0.1):
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        ended.set()
        killer.join()


def test_only_the_run_that_two_workers_died_of_is_infra_and_it_is_asked_again() -> None:
    with Sandbox(1) as sandbox:
        jobs = [Job(SLEEPY, ("1", "2"))]
        with killing(sandbox, 2):
            [outcomes] = sandbox.run(jobs)
        assert [o.verdict for o in outcomes] == [Verdict.INFRA, Verdict.FINISHED]
        assert (sandbox.stats.infra, sandbox.stats.runs_executed) == (1, 1)
        [outcomes] = sandbox.run(jobs)
        assert [o.output for o in outcomes] == ["1\n", "2\n"]
        assert sandbox.stats.runs_executed == 2


def test_a_program_that_no_worker_survives_is_given_up_after_three_runs() -> None:
    with Sandbox(1) as sandbox:
        with killing(sandbox, 100):
            [outcomes] = sandbox.run([Job(SLEEPY, tuple("12345678"))])
        assert {o.verdict for o in outcomes} == {Verdict.INFRA}
        assert sandbox.stats.workers_lost == 6
        [outcomes] = sandbox.run([Job(SLEEPY, ("1",))])
        assert outcomes[0].verdict is Verdict.FINISHED


def test_a_replacement_that_dies_as_it_starts_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    hello = Worker.hello
    deaths = iter([True, True])

    def die_first(worker: Worker) -> dict[str, object]:
        if next(deaths, False):
            os.kill(worker.pid, signal.SIGKILL)
        return hello(worker)

    with Sandbox(1) as sandbox:
        monkeypatch.setattr(Worker, "hello", die_first)
        os.kill(sandbox._worker_pool[0].pid, signal.SIGKILL)
        assert sandbox.run([Job(DOUBLE, ("4",))])[0][0].output == "8\n"


def test_a_sandbox_that_gets_no_worker_any_more_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(worker: Worker) -> dict[str, object]:
        worker.kill()
        raise SandboxError("no memory left")

    with Sandbox(1) as sandbox:
        monkeypatch.setattr("sparring.sandbox.caller.worker_pool._AGAIN_SECONDS", (0.01, 0.0))
        monkeypatch.setattr(Worker, "hello", refuse)
        os.kill(sandbox._worker_pool[0].pid, signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(SandboxError, match="no memory left"):
                sandbox.run([Job(DOUBLE, ("4",))])


def test_a_silent_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.sandbox.caller.pool._SILENCE_SECONDS", 0.5)
    monkeypatch.setattr("sparring.sandbox.caller.pool._SILENCE_FACTOR", 0.1)
    with Sandbox(1) as sandbox:
        os.kill(sandbox._worker_pool[0].pid, signal.SIGSTOP)
        assert sandbox.run([Job(DOUBLE, ("4",))])[0][0].output == "8\n"
        assert sandbox.stats.workers_lost == 1


def test_closing_ends_calls_and_processes() -> None:
    sandbox = Sandbox(1)
    pid = sandbox._worker_pool[0].pid
    closing = threading.Timer(0.1, sandbox.close)
    closing.start()
    with pytest.raises(SandboxError, match="closed"):
        sandbox.run([Job("import time\ntime.sleep(2)", ("1", "2"), Limits(idle_seconds=5))])
    closing.join()
    assert not alive(pid)
    assert not sandbox._worker_pool.scratch.exists()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_process_outlives_the_parent(end: signal.Signals, tmp_path: Path) -> None:
    script = (
        "import signal\n"
        # as in a terminal, also where the tests were started in the background, which ignores it
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from sparring.sandbox import *\n"
        "with Sandbox(2) as s:\n"
        "    print(*(w.pid for w in s._worker_pool), flush=True)\n"
        "    s.run([Job('import time; time.sleep(30)', ('1', '2'), Limits(idle_seconds=60))] * 2)\n"
    )
    source = str(Path(process.__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": source, "TMPDIR": str(tmp_path)},
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        time.sleep(0.2)
        pids += [child for pid in pids for child in _children(pid)]
        parent.send_signal(end)
        parent.wait(timeout=20)
    assert len(pids) > 3  # the workers, their programs, their namespaces' first processes
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(alive, pids))


def _children(pid: int) -> list[int]:
    return [int(w) for w in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
