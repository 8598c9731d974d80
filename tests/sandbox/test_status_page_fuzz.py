"""The page that a program shares with its server: any contents give valid outcomes."""

from __future__ import annotations

import os
import random
import signal
import socket
from collections.abc import Iterator

import pytest

from sparring.sandbox.protocol.status_page import MAX_RUNS, StatusPage
from sparring.sandbox.types import Limits
from sparring.sandbox.worker import endings, watchdog
from sparring.sandbox.worker.zygote import Death
from sparring.schema import Verdict

_LIMITS = Limits(cpu_seconds=5.0)


class _Reaper:
    """A zygote that has one child, a process that waits."""

    def reap(self, pid: int) -> Death:
        status = os.waitpid(pid, 0)[1]
        return Death(status, 0.01, 5000)


@pytest.fixture
def child() -> Iterator[tuple[watchdog.WatchedProcess, StatusPage]]:
    parent, its = socket.socketpair()
    mine, program = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    status_page = StatusPage()
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    made = watchdog.WatchedProcess(pid, mine, status_page, _Reaper(), parent, proc, 100)  # type: ignore[arg-type]
    yield made, status_page
    made.end()
    for held in (parent, its, program):
        held.close()
    os.close(proc)


def _page(rng: random.Random, status_page: StatusPage, written: bytes) -> None:
    """Something on the page: noise, a part of an honest page, or extreme numbers in places."""
    page = status_page._page
    how = rng.randrange(4)
    if how == 0:
        page[:] = rng.randbytes(len(page))
        return
    page[:] = written
    for _ in range(rng.randint(1, 40)):
        at = rng.randrange(len(page) - 8)
        extreme = rng.choice([b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7, b"\x80" * 8])
        page[at : at + 8] = extreme if how > 1 else rng.randbytes(8)


def _fuzz(child: watchdog.WatchedProcess, status_page: StatusPage, count: int) -> None:
    rng = random.Random(19)
    for run in range(MAX_RUNS):
        status_page.begin(run, 10_000 * run)
        status_page.end(run, rng.choice("oema"), "detail" * run, 9000 + run, spent=False)
    written = bytes(status_page._page)
    seen: set[Verdict] = set()
    for _ in range(count):
        _page(rng, status_page, written)
        ended, spent = status_page.read()
        total = rng.uniform(0.0, 4.0)
        given = rng.randint(1, MAX_RUNS)
        believed = min(ended, given)
        unfinished = believed < given and rng.random() < 0.5
        reports = child._reports(believed, total, _LIMITS, unfinished=unfinished)
        assert len(reports) == believed + unfinished
        assert isinstance(spent, bool)
        used = [report.cpu_seconds for report in reports]
        assert all(0.0 <= seconds <= total for seconds in used)
        assert sum(used) <= total + 1e-6
        for report in reports[:believed]:
            verdict, detail = endings.verdict_of(report)
            seen.add(verdict)
            assert len(detail) <= 500
        child._peak_before_kib = 0
    # Nothing that a page says is a decision, and nothing is a failure of ours.
    assert seen <= {
        Verdict.FINISHED,
        Verdict.RUNTIME_ERROR,
        Verdict.MEMORY_LIMIT,
        Verdict.TIME_LIMIT,
    }


def test_a_mutated_page_decides_nothing(child: tuple[watchdog.WatchedProcess, StatusPage]) -> None:
    _fuzz(*child, 2_000)


@pytest.mark.slow
def test_many_mutated_pages_decide_nothing(
    child: tuple[watchdog.WatchedProcess, StatusPage],
) -> None:
    _fuzz(*child, 100_000)
