"""`Runner`: the interface by which a caller runs programs, on one machine or on a cluster.

A runner plans a call (`plan`), queues its work, returns each job as soon as its last execution has
ended, remembers outcomes and counts. Subclasses do the queued work: by the processes of `pool` on
this machine, or by the nodes of `cluster`.

A subclass takes work from ``_waiting`` under ``_lock``, puts outcomes into the work, and calls
``_finish`` under the lock when no outcome is missing.
"""

from __future__ import annotations

import queue
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.closing import Closing
from sparring.errors import SandboxError
from sparring.sandbox.caller import aio, plan
from sparring.sandbox.caller.memo import Memo
from sparring.sandbox.types import Fork, Job, Level, Stats
from sparring.schema import Outcome, Verdict

if TYPE_CHECKING:
    from sparring.sandbox.caller.store import Store

_MEMO_BYTES = 256 << 20
_LEFT_SECONDS = 0.1


class Runner(Closing):
    """Runner of untrusted programs. A context manager; safe to use from several threads."""

    level: Level
    """Isolation of every program."""

    def __init__(
        self, fork: Fork, *, skip: bool, memo: bool, store: Path | None, packages: str = ""
    ) -> None:
        """Take the settings that `Sandbox` documents.

        `packages` is a text of names and versions, a part of the keys of outcomes. Raises
        `SandboxError` if the store cannot be used.
        """
        self._fork = fork
        self._skip = skip
        self._packages_text = packages
        self._store = _open_store(store)
        self._memo = Memo(_MEMO_BYTES if memo else 0, self._store)
        self.stats = Stats()
        self._lock = threading.Condition()
        self._waiting: deque[plan.ProgramWork] = deque()
        self._closed = threading.Event()
        self._broken = ""
        self._calls = 0
        self._busy_since = 0.0

    @abstractmethod
    def report(self) -> dict[str, object]:
        """Return the isolation of the programs for a run's record: level, layers, versions."""

    @abstractmethod
    def close(self) -> None:
        """End every program of this runner. May be called twice."""

    @property
    def closed(self) -> bool:
        """True once the runner takes no more calls: closed, or broken down."""
        return self._closed.is_set()

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """Return the outcomes of every job, aligned with `jobs` and with each job's inputs.

        Raises `SandboxError` if the runner is closed or breaks down.
        """
        outcomes_by_job: list[tuple[Outcome, ...]] = [()] * len(jobs)
        for index, outcomes in self.stream(jobs):
            outcomes_by_job[index] = outcomes
        return outcomes_by_job

    async def arun(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """Await the outcomes of every job: `run` for asynchronous code."""
        return await aio.arun(self.stream, jobs)

    def astream(self, jobs: Sequence[Job]) -> AsyncIterator[tuple[int, tuple[Outcome, ...]]]:
        """Iterate over the outcomes of jobs as they end: `stream` for asynchronous code."""
        return aio.astream(self.stream, jobs)

    def stream(
        self, jobs: Sequence[Job], abandoned: threading.Event | None = None
    ) -> Iterator[tuple[int, tuple[Outcome, ...]]]:
        """Yield (index of job, its outcomes), each job as soon as its last execution has ended.

        Once `abandoned` is set, the iterator ends early, and executions that have not begun are
        dropped. Raises `SandboxError` if the runner is closed or breaks down.
        """
        call = plan.Call()
        with self._lock:
            self._check_open()
            planned = plan.make(
                jobs, call, self._memo, self.stats, skip=self._skip, packages=self._packages_text
            )
            to_run = [work for work in planned.works if work.unknown]
            self._enqueue(to_run)
        try:
            for work in planned.works:
                if not work.unknown:
                    yield from planned.collect(work)
            for finished in self._finished(call, len(to_run), abandoned):
                yield from planned.collect(finished)
        finally:
            self._end(call)

    def perform(self, works: Sequence[plan.ProgramWork], call: plan.Call) -> None:
        """Execute works of `call` that another process has planned, as a cluster's node does."""
        with self._lock:
            self._check_open()
            self._enqueue(works)
        try:
            for _ in self._finished(call, len(works), None):
                pass
        finally:
            self._end(call)

    def _check_open(self) -> None:
        if self._closed.is_set():
            why = f" ({self._broken})" if self._broken else ""
            raise SandboxError(f"the sandbox is closed{why}: open a new one.")

    def _enqueue(self, works: Sequence[plan.ProgramWork]) -> None:
        if self._calls == 0:
            self._busy_since = time.monotonic()
        self._calls += 1
        self._waiting.extend(works)
        self._lock.notify_all()

    def _end(self, call: plan.Call) -> None:
        with self._lock:
            self._waiting = deque(work for work in self._waiting if work.call is not call)
            self._calls -= 1
            if self._calls == 0:
                self.stats.seconds += time.monotonic() - self._busy_since
            if self._store is not None:
                self._store.commit()

    def _finished(
        self, call: plan.Call, count: int, abandoned: threading.Event | None
    ) -> Iterator[plan.ProgramWork]:
        for _ in range(count):
            finished = _next(call, abandoned)
            if isinstance(finished, plan.Call):
                return
            if finished is None:
                why = self._broken or "it was closed"
                raise SandboxError(f"the sandbox ended during a call: {why}.")
            yield finished

    def _shut(self, reason: str = "") -> bool:
        """Take no more calls, and end calls that wait. Return False if already shut."""
        with self._lock:
            if self._closed.is_set():
                return False
            self._closed.set()
            self._broken = reason
            calls = {id(work.call): work.call for work in self._waiting}
            self._waiting.clear()
            self._lock.notify_all()
        for call in calls.values():
            call.done.put(None)
        return True

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()

    def _finish(self, work: plan.ProgramWork) -> None:
        for key in work.unknown:
            self._memo.put(key, work.outcomes[key])
            self._count(work.outcomes[key])
        work.audit(self.stats)
        work.call.done.put(work)

    def _count(self, outcome: Outcome) -> None:
        if outcome.verdict is Verdict.NOT_RUN:
            self.stats.skipped += 1
        elif outcome.verdict is Verdict.INFRA:
            self.stats.infra += 1
        else:
            self.stats.runs_executed += 1
            self.stats.cpu_seconds += outcome.cpu_seconds


def _open_store(path: Path | None) -> Store | None:
    if path is None:
        return None
    from sparring.sandbox.caller.store import Store  # imports SQLite, which few callers need

    return Store(path)


def _next(
    call: plan.Call, abandoned: threading.Event | None
) -> plan.ProgramWork | plan.Call | None:
    """Return the next finished work. Return None if the runner broke down, and `call` itself once
    it was abandoned."""
    while abandoned is not None and not abandoned.is_set():
        try:
            return call.done.get(timeout=_LEFT_SECONDS)
        except queue.Empty:
            continue
    return call if abandoned is not None else call.done.get()
