"""Limits that a user's processes share (descriptors, threads, processes), and the end of all."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sparring.errors import SandboxError
from sparring.sandbox import Fork, Job, Level, Limits, Sandbox
from sparring.sandbox.caller import process
from sparring.sandbox.check.attacks import Attack, reaching_program
from sparring.sandbox.check.attacks.channels import _DEAF
from sparring.sandbox.check.conditions import HostCondition, caller, changed
from sparring.sandbox.check.security import ATTACKS, aimed
from sparring.sandbox.check.suites import CheckSuite, check_sandbox
from sparring.sandbox.check.targets import Targets
from sparring.sandbox.isolation import user_limits
from sparring.schema import Verdict
from tests.sandbox.conftest import alive

_OPEN = (
    "import fcntl\nfound = []\nfor fd in range(3000):\n"
    "    try: fcntl.fcntl(fd, fcntl.F_GETFD); found.append(fd)\n    except OSError: pass\n"
    "print(found)"
)


@pytest.mark.parametrize("condition", [HostCondition.DESCRIPTORS, HostCondition.NUMBERS])
@pytest.mark.parametrize("level", Level)
def test_a_program_has_four_descriptors_whatever_the_caller_has(
    level: Level, condition: HostCondition
) -> None:
    for fork in Fork:
        with caller(condition), Sandbox(1, level=level, fork=fork, memo=False) as sandbox:
            os.kill(sandbox._worker_pool[0].pid, signal.SIGKILL)  # a replacement is no different
            [outcomes] = sandbox.run([Job(_OPEN, ("1", "2"))])
            assert [o.output for o in outcomes] == ["[0, 1, 2, 255]\n"] * 2


def test_a_host_without_descriptors_for_the_condition_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: str, flags: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("sparring.sandbox.check.conditions.os.open", full)
    with pytest.raises(SandboxError, match=r"after 0 descriptors: raise ulimit -n"):
        caller(HostCondition.DESCRIPTORS).__enter__()


def _descendants(pid: int) -> list[int]:
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [int(p) for p in found] + [d for p in found for d in _descendants(int(p))]


_FLOOD = "import os, threading\ndef f():\n    while True: os.write(1, b'x' * 999)\n" + (
    "for _ in range(9): threading.Thread(target=f).start()"
)


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("program", [_DEAF, _FLOOD], ids=["deaf", "flood"])
def test_the_parents_death_ends_processes_that_ignore_signals(
    level: Level, program: str, tmp_path: Path
) -> None:
    script = (
        "import sys\nfrom sparring.sandbox import *\n"
        f"with Sandbox(1, level=Level({level.value!r})) as s:\n"
        "    print(s._worker_pool[0].pid, flush=True)\n"
        f"    s.run([Job({program!r}, tuple(map(str, range(600))), Limits(cpu_seconds=30,\n"
        "        output_bytes=1 << 29, file_mib=1 << 9))])\n"
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
        pid = int(parent.stdout.readline())
        pids, deadline = [pid], time.monotonic() + 20
        # Server, zygote, program: between two programs there is none.
        while len(pids) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
            pids = [pid, *_descendants(pid)]
        parent.kill()
        parent.wait(timeout=20)
    assert len(pids) >= 3
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(alive, pids))


def test_a_deaf_program_costs_its_own_runs_and_no_worker() -> None:
    job = Job(_DEAF, tuple(map(str, range(600))), Limits(cpu_seconds=0.2))
    with Sandbox(1, memo=False) as sandbox:
        deaf, honest = sandbox.run([job, Job("print(input())", ("1",))])
        assert honest[0].output == "1\n"
        assert {o.verdict for o in deaf} <= {Verdict.RUNTIME_ERROR, Verdict.TIME_LIMIT}
        assert (sandbox.stats.workers_lost, sandbox.stats.infra) == (0, 0)


def test_the_outputs_of_later_runs_are_watched_too(sandbox: Sandbox) -> None:
    # The descriptors of a batch wait in the program's reach: it fills the second run's output.
    program = (
        "import os, socket, time\n"
        "s = socket.socket(fileno=255)\ns.setblocking(False)\n"
        "if input() == 'warm': raise SystemExit\n"
        "_, rights, _, _ = s.recvmsg(9, 999)\n"
        "fds = memoryview(rights[0][2]).cast('i')\n"
        "for _ in range(40): os.write(fds[1], b'x' * 65536)\ntime.sleep(0.3)"
    )
    limits = Limits(output_bytes=1 << 16, idle_seconds=2.0)
    warm = Job("print(input())", tuple("123456"), limits)  # after it, runs come in batches
    for _ in range(10):
        sandbox.run([warm, warm])
        [outcomes] = sandbox.run([Job(program, ("a", "b", "c"), limits)])
        # On a busy machine runs look slow and come one by one: then nothing waits to be taken.
        if "BlockingIOError" not in outcomes[0].detail:
            break
    assert outcomes[0].verdict is Verdict.OUTPUT_LIMIT


@pytest.mark.parametrize(
    ("most", "processes", "threads"),
    [(1500, 1125, {1: 746, 4: 183, 1000: 4}), (resource.RLIM_INFINITY, sys.maxsize, {1: 1000})],
)
def test_threads_are_divided_among_the_programs_of_a_user(
    most: int, processes: int, threads: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_limits.resource, "getrlimit", lambda _: (most, most))
    assert user_limits.processes.__wrapped__() == processes  # a quarter stays for the caller
    for workers, each in threads.items():
        assert user_limits.threads.__wrapped__(workers) == each


def test_descriptors_on_their_way_are_divided() -> None:
    assert user_limits.runs_on_their_way(1, 32) == 32
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert user_limits.runs_on_their_way(hard, 32) == 1


def test_an_older_landlock_is_simulated_and_reported() -> None:
    with Sandbox(1, level=Level.LANDLOCK, landlock_abi=2) as sandbox:
        layers = sandbox.report()["layers"]
        assert isinstance(layers, dict)
        assert layers["landlock_abi"] == 2
    with pytest.raises(SandboxError, match="landlock_abi is 0: give 1 or more"):
        Sandbox(1, landlock_abi=0)


@pytest.mark.parametrize("abi", [1, 2])
def test_an_older_landlock_stops_attacks_on_files(
    abi: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tuple(a for a in ATTACKS if a.name.startswith(("landlock", "write")))
    monkeypatch.setattr("sparring.sandbox.check.security.ATTACKS", chosen)
    tried = check_sandbox(Level.LANDLOCK, Fork.PER_PROGRAM, [CheckSuite.ATTACKS], landlock_abi=abi)
    if tried.refused:
        pytest.skip(tried.refused)
    assert len(tried.results) == len(chosen) > 30
    assert [(r.name, r.why) for r in tried.failed] == []


@pytest.mark.slow
@pytest.mark.parametrize("abi", range(1, 8))
@pytest.mark.parametrize("fork", Fork)
def test_every_landlock_holds_every_attack(abi: int, fork: Fork) -> None:
    tried = check_sandbox(Level.LANDLOCK, fork, [CheckSuite.ATTACKS], landlock_abi=abi)
    if tried.refused:
        pytest.skip(tried.refused)
    assert [(r.name, r.why) for r in tried.failed] == []


@pytest.mark.slow
@pytest.mark.parametrize("fork", Fork)
@pytest.mark.parametrize("condition", [c for c in HostCondition if c is not HostCondition.USUAL])
@pytest.mark.parametrize("level", Level)
def test_every_attack_holds_in_every_condition(
    level: Level, condition: HostCondition, fork: Fork
) -> None:
    tried = check_sandbox(level, fork, list(CheckSuite), condition)
    if tried.refused:
        pytest.skip(tried.refused)
    assert [(r.name, r.why) for r in tried.failed] == []


def test_an_attack_from_a_thread_is_the_attack() -> None:
    made = [changed(HostCondition.THREAD, attack) for attack in ATTACKS]
    assert sum(one is not None for one in made) > 150
    body = "import threading\nassert threading.current_thread() is not threading.main_thread()"
    attack = changed(HostCondition.THREAD, Attack("through", reaching_program(body)))
    assert attack is not None
    with Targets() as targets, Sandbox(1, memo=False) as sandbox:
        [[outcome]] = sandbox.run([aimed(attack, targets)])
        assert outcome.output == targets.mark
