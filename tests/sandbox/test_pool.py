"""The pool: alignment, each unique run once, the store, skipping, asynchronous calls."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sparring.errors import SandboxError
from sparring.sandbox import Fork, Job, Limits, Sandbox
from sparring.sandbox.caller import process
from sparring.schema import Verdict

DOUBLE = "print(2 * int(input()))"


LOOP = "n = int(input())\nwhile n: pass\nprint(n)"


SHORT = Limits(cpu_seconds=0.1, idle_seconds=0.4)


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


def test_a_program_that_loops_on_its_smallest_input_gets_no_other() -> None:
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


def test_skipped_executions_are_not_stored(tmp_path: Path) -> None:
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


def test_a_closed_sandbox_says_so(fresh: Sandbox) -> None:
    fresh.close()
    fresh.close()
    with pytest.raises(SandboxError, match="closed"):
        fresh.run([Job(DOUBLE, ("1",))])


def test_importing_the_sandbox_imports_nothing_heavy() -> None:
    source = str(Path(process.__file__).parents[3])
    check = "import sys, sparring.sandbox; print({'torch', 'numpy', 'pydantic'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", check],
        capture_output=True,
        env={"PYTHONPATH": source},
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"
