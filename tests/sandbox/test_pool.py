"""The pool: alignment, each unique run once, skipping, and what happens when workers die."""

from __future__ import annotations

import asyncio
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
from sparring.sandbox import Fork, Job, Level, Limits, Sandbox, worker
from sparring.sandbox.worker import Worker
from sparring.schema import Verdict

DOUBLE = "print(2 * int(input()))"
LOOP = "n = int(input())\nwhile n: pass\nprint(n)"
SHORT = Limits(cpu_seconds=0.1, idle_seconds=0.4)


@pytest.fixture
def fresh() -> Iterator[Sandbox]:
    with Sandbox(2) as opened:
        yield opened


def test_outcomes_are_aligned_with_jobs_and_inputs(fresh: Sandbox) -> None:
    jobs = [Job(f"print({k} * int(input()))", ("1", "2", "1", "3")) for k in range(30)]
    for k, outcomes in enumerate(fresh.run(jobs)):
        assert [o.output for o in outcomes] == [f"{k * n}\n" for n in (1, 2, 1, 3)]


def test_no_jobs_and_no_inputs_are_no_trouble(fresh: Sandbox) -> None:
    assert fresh.run([]) == []
    assert fresh.run([Job(DOUBLE, ()), Job(DOUBLE, ("4",))])[0] == ()


def test_each_unique_run_is_executed_once(fresh: Sandbox) -> None:
    fresh.run([Job(DOUBLE, ("1", "2", "1")), Job(DOUBLE, ("2", "3"))])
    assert (fresh.stats.runs_asked, fresh.stats.runs_executed) == (5, 3)
    fresh.run([Job(DOUBLE, ("3", "4"))])
    assert (fresh.stats.runs_executed, fresh.stats.deduplicated) == (4, 3)


def test_other_limits_are_another_run(fresh: Sandbox) -> None:
    fresh.run([Job(DOUBLE, ("1",)), Job(DOUBLE, ("1",), SHORT)])
    assert fresh.stats.runs_executed == 2


def test_without_the_memo_every_call_executes() -> None:
    with Sandbox(1, memo=False) as sandbox:
        sandbox.run([Job(DOUBLE, ("1",))])
        sandbox.run([Job(DOUBLE, ("1",))])
        assert sandbox.stats.runs_executed == 2


def test_stream_yields_a_job_as_soon_as_it_is_known(fresh: Sandbox) -> None:
    slow = Job("import time\ntime.sleep(0.3)\nprint('slow')", ("",))
    order = [index for index, _ in fresh.stream([slow, Job(DOUBLE, ("1",))])]
    assert order == [1, 0]


def test_an_abandoned_stream_leaves_the_pool_usable(fresh: Sandbox) -> None:
    stream = fresh.stream([Job(DOUBLE + f"\n# {k}", ("1",)) for k in range(50)])
    next(stream)
    stream.close()
    assert fresh.run([Job(DOUBLE, ("5",))])[0][0].output == "10\n"


def test_several_threads_may_share_a_sandbox(fresh: Sandbox) -> None:
    found: dict[int, str] = {}

    def ask(k: int) -> None:
        found[k] = fresh.run([Job(DOUBLE + f"\n# {k}", (str(k),))])[0][0].output

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: f"{2 * k}\n" for k in range(8)}


def test_a_process_for_each_test_gives_the_same_outcomes() -> None:
    with Sandbox(1, fork=Fork.PER_TEST) as sandbox:
        [outcomes] = sandbox.run([Job("import os\nprint(os.getpid())", ("1", "2", "3"))])
    assert len({o.output for o in outcomes}) == 3


def test_a_program_that_loops_on_its_smallest_input_is_given_no_other() -> None:
    with Sandbox(1, skip_after_timeout=True) as sandbox:
        other = LOOP + "\n# another program"
        jobs = [Job(LOOP, ("10", "1", "100"), SHORT), Job(other, ("10", "0"), SHORT)]
        looping, sound = sandbox.run(jobs)
        assert [o.verdict for o in looping] == [
            Verdict.NOT_RUN,
            Verdict.TIME_LIMIT,
            Verdict.NOT_RUN,
        ]
        assert [o.verdict for o in sound] == [Verdict.TIME_LIMIT, Verdict.FINISHED]
        # Not run is not an outcome to be remembered, but the reason for it is.
        assert sandbox.run(jobs[:1])[0] == looping
        assert sandbox.stats.skipped == 4
        assert sandbox.stats.runs_executed == 3


def test_outcomes_outlive_the_process_in_a_store(tmp_path: Path) -> None:
    bytes_of_all_kinds = "import os\nos.write(1, bytes(range(256)))\n1 / int(input())"
    jobs = [Job(DOUBLE, ("1", "2")), Job(bytes_of_all_kinds, ("0", "1")), Job(LOOP, ("1",), SHORT)]
    with Sandbox(1, store=tmp_path / "outcomes.db") as sandbox:
        first = sandbox.run(jobs)
        assert sandbox.stats.runs_executed == 5
    with Sandbox(1, store=tmp_path / "outcomes.db") as sandbox:
        assert sandbox.run(jobs) == first
        assert sandbox.stats.runs_executed == 0
        assert sandbox.run([Job(DOUBLE, ("1",), SHORT)])[0][0].output == "2\n"
        assert sandbox.stats.runs_executed == 1


def test_what_was_not_run_is_not_stored(tmp_path: Path) -> None:
    for _ in range(2):
        with Sandbox(1, store=tmp_path / "s.db", skip_after_timeout=True) as sandbox:
            [outcomes] = sandbox.run([Job(LOOP, ("1", "10"), SHORT)])
            assert [o.verdict for o in outcomes] == [Verdict.TIME_LIMIT, Verdict.NOT_RUN]


def test_a_file_that_is_no_store_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database " * 100)
    for name in ("text", "no/such/place.db"):
        with pytest.raises(SandboxError, match="store of outcomes"):
            Sandbox(1, store=tmp_path / name)


def test_asynchronous_code_is_not_blocked(fresh: Sandbox) -> None:
    async def both() -> tuple[list[int], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.02)
                ticks += 1

        ticking = asyncio.create_task(tick())
        slow = Job("import time\ntime.sleep(0.4)\nprint('slow')", ("",))
        order = [index async for index, _ in fresh.astream([slow, Job(DOUBLE, ("1",))])]
        ticking.cancel()
        return order, ticks

    order, ticks = asyncio.run(both())
    assert order == [1, 0]
    assert ticks >= 5
    assert asyncio.run(fresh.arun([Job(DOUBLE, ("4",))]))[0][0].output == "8\n"


def test_asynchronous_calls_may_be_left_and_fail_as_others_do(fresh: Sandbox) -> None:
    async def leave() -> None:
        async for _ in fresh.astream([Job(DOUBLE + f"\n# {k}", ("1",)) for k in range(60)]):
            break
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(fresh.arun([Job("import time\ntime.sleep(1)", ("",))]), 0.1)

    asyncio.run(leave())
    assert fresh.run([Job(DOUBLE, ("5",))])[0][0].output == "10\n"
    fresh.close()
    with pytest.raises(SandboxError, match="closed"):
        asyncio.run(fresh.arun([Job(DOUBLE, ("1",))]))


def test_large_inputs_and_outputs_pass(fresh: Sandbox) -> None:
    lines = "".join(f"{k}\n" for k in range(100_000))
    jobs = [
        Job(f"import sys\nsys.stdout.write(sys.stdin.read())\n# {k}", (lines, lines + "1"))
        for k in range(6)
    ]
    for outcomes in fresh.run(jobs):
        assert [o.output for o in outcomes] == [lines, lines + "1"]


def test_a_worker_that_dies_once_costs_nothing() -> None:
    with Sandbox(1, memo=False) as sandbox:
        program = "import time\ntime.sleep(0.3)\nprint(input())"
        victim = sandbox._crew[0].pid
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
            pid = sandbox._crew[0].pid
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
        os.kill(sandbox._crew[0].pid, signal.SIGKILL)
        assert sandbox.run([Job(DOUBLE, ("4",))])[0][0].output == "8\n"


def test_a_sandbox_that_gets_no_worker_any_more_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(worker: Worker) -> dict[str, object]:
        worker.kill()
        raise SandboxError("no memory left")

    with Sandbox(1) as sandbox:
        monkeypatch.setattr("sparring.sandbox.crew._AGAIN_SECONDS", (0.01, 0.0))
        monkeypatch.setattr(Worker, "hello", refuse)
        os.kill(sandbox._crew[0].pid, signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(SandboxError, match="no memory left"):
                sandbox.run([Job(DOUBLE, ("4",))])


def test_a_silent_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.sandbox.pool._SILENCE_SECONDS", 0.5)
    monkeypatch.setattr("sparring.sandbox.pool._SILENCE_FACTOR", 0.1)
    with Sandbox(1) as sandbox:
        os.kill(sandbox._crew[0].pid, signal.SIGSTOP)
        assert sandbox.run([Job(DOUBLE, ("4",))])[0][0].output == "8\n"
        assert sandbox.stats.workers_lost == 1


def test_a_closed_sandbox_says_so(fresh: Sandbox) -> None:
    fresh.close()
    fresh.close()
    with pytest.raises(SandboxError, match="closed"):
        fresh.run([Job(DOUBLE, ("1",))])


def test_closing_ends_calls_and_processes() -> None:
    sandbox = Sandbox(1)
    pid = sandbox._crew[0].pid
    closing = threading.Timer(0.1, sandbox.close)
    closing.start()
    with pytest.raises(SandboxError, match="closed"):
        sandbox.run([Job("import time\ntime.sleep(2)", ("1", "2"), Limits(idle_seconds=5))])
    closing.join()
    assert not _alive(pid)
    assert not sandbox._crew.scratch.exists()


def test_the_report_names_level_and_layers(fresh: Sandbox) -> None:
    report = fresh.report()
    assert report["level"] == fresh.level.value
    assert report["workers"] == 2
    layers = report["layers"]
    assert isinstance(layers, dict)
    assert layers["seccomp"] is True


def test_without_namespaces_the_next_level_is_taken_and_the_reason_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _refuse(monkeypatch, {Level.NAMESPACES})
    try:
        opened = Sandbox(1)
    except SandboxError:
        pytest.skip("this host has no Landlock")
    with opened as sandbox:
        assert sandbox.level is Level.LANDLOCK
        assert "not today" in str(sandbox.report()["layers"])


def test_below_landlock_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse(monkeypatch, set(Level))
    with pytest.raises(SandboxError, match=r"namespaces.*not today.*landlock.*not today"):
        Sandbox(1)


def test_a_level_asked_for_is_given_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse(monkeypatch, {Level.NAMESPACES})
    with pytest.raises(SandboxError, match="not today"):
        Sandbox(1, level=Level.NAMESPACES)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_process_outlives_the_parent(end: signal.Signals, tmp_path: Path) -> None:
    script = (
        "import signal\n"
        # as in a terminal, also where the tests were started in the background, which ignores it
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from sparring.sandbox import *\n"
        "with Sandbox(2) as s:\n"
        "    print(*(w.pid for w in s._crew), flush=True)\n"
        "    s.run([Job('import time; time.sleep(30)', ('1', '2'), Limits(idle_seconds=60))] * 2)\n"
    )
    source = str(Path(worker.__file__).parents[2])
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
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_alive, pids))


def test_importing_the_sandbox_imports_nothing_heavy() -> None:
    source = str(Path(worker.__file__).parents[2])
    check = "import sys, sparring.sandbox; print({'torch', 'numpy', 'pydantic'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", check],
        capture_output=True,
        env={"PYTHONPATH": source},
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"


def _children(pid: int) -> list[int]:
    return [int(w) for w in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _refuse(monkeypatch: pytest.MonkeyPatch, levels: set[Level]) -> None:
    start, hello = worker.Worker.__init__, worker.Worker.hello
    asked: dict[int, Level] = {}

    def remember(self: worker.Worker, level: Level, scratch: Path, hash_seed: int = 0) -> None:
        asked[id(self)] = level
        start(self, level, scratch, hash_seed)

    def answer(self: worker.Worker) -> dict[str, object]:
        if asked[id(self)] in levels:
            raise worker.Refused("not today")
        return hello(self)

    monkeypatch.setattr(worker.Worker, "__init__", remember)
    monkeypatch.setattr(worker.Worker, "hello", answer)
