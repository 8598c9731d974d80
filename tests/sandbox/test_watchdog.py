"""The server's measurements of a process, and the verdicts that follow."""

from __future__ import annotations

import resource

import pytest

from sparring.sandbox import Job, Limits, Sandbox
from sparring.sandbox.caller import pool
from sparring.sandbox.worker import endings
from sparring.schema import Verdict


def test_a_program_that_closes_everything_is_run_on_all_its_inputs(sandbox: Sandbox) -> None:
    inputs = tuple(f"{i}\n" for i in range(6))
    honest = Job("print(input())", inputs)  # after it, runs are handed over in batches again
    closing = Job("import os\nprint(input())\nos.closerange(3, 256)", inputs)
    for _ in range(3):
        for outcomes in sandbox.run([honest, closing]):
            assert [(o.verdict, o.output) for o in outcomes] == [
                (Verdict.FINISHED, data) for data in inputs
            ]


def test_long_runs_of_one_batch_are_not_taken_for_a_dead_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "_SILENCE_SECONDS", 3.0)
    monkeypatch.setattr(pool, "_SILENCE_FACTOR", 0.0)
    job = Job("import time\ninput()\ntime.sleep(0.9)", tuple("12345"), Limits(idle_seconds=3.0))
    with Sandbox(1, memo=False) as opened:
        [outcomes] = opened.run([job])
        assert [o.verdict for o in outcomes] == [Verdict.FINISHED] * 5
        assert opened.stats.workers_lost == 0


def test_waiting_for_a_cpu_excuses_only_so_much_idle_time() -> None:
    assert endings.excused(5.0, 0.3) == 5.0  # a busy machine
    assert endings.excused(500.0, 0.5) < 30.0  # a herd of threads that wake all at once


def test_a_low_limit_on_descriptors_costs_no_worker() -> None:
    # Less than the batches of all workers have on their way, which the kernel counts together.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (258, hard))
    try:
        with Sandbox(7, memo=False) as sandbox:
            inputs = tuple(f"{i}\n" for i in range(32))
            sleep = "import time\ninput()\ntime.sleep(0.05)"
            results = sandbox.run([Job(f"# {k}\n{sleep}", inputs) for k in range(14)])
            assert {o.verdict for outcomes in results for o in outcomes} == {Verdict.FINISHED}
            assert sandbox.stats.workers_lost == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
