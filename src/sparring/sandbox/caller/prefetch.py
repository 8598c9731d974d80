"""`PrefetchingRunner`: runs that begin before anybody asks for their outcomes.

While the other responses of a step are still being sampled, the programs that are there already
run: `prefetch` takes jobs and returns at once, `run` is that of the runner behind it with what was
begun already in hand. What an outcome is does not depend on when it was found, so with and without
prefetching the outcomes are the same, and each run is executed once, whether the runner remembers
it or not.

Holds the outcomes of one step; make a new one for the next.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from typing import Protocol

from sparring.errors import SandboxError
from sparring.sandbox.types import Job, Limits
from sparring.schema import Kind, Outcome, Verdict

_THREADS = 4
"""Calls at once: where one waits for a program that loops, the others go on."""
_NO_ANSWER = (Verdict.INFRA, Verdict.NOT_RUN)
"""Outcomes that say nothing of the program: whoever needs it asks again."""

_Run = tuple[str, str, Limits, Kind, str, bool, str]


class Runs(Protocol):
    """Whoever runs jobs: a `Runner`, or a `PrefetchingRunner` before one."""

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """The outcomes of every job, aligned with ``jobs`` and with each job's inputs."""
        ...


class _Asked:
    """A job that nobody has asked for before, and the future of its outcomes by input. One that is
    cancelled has failed: whoever waits for it asks again."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.found: Future[dict[str, Outcome]] = Future()


class PrefetchingRunner:
    """Runs programs ahead of the question. Safe to use from several threads."""

    def __init__(
        self,
        runner: Runs,
        during: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
    ) -> None:
        """``during``: entered around each call of the runner, by whichever thread makes it."""
        self._runner = runner
        self._during = during
        self._lock = threading.Lock()
        self._asked: dict[_Run, Future[dict[str, Outcome]]] = {}
        self._queued: list[_Asked] = []
        self._busy = 0

    def prefetch(self, jobs: Iterable[Job]) -> None:
        """Have these run. Failures show where the outcomes are asked for."""
        with self._lock:
            self._queued += self._new(jobs)
            if not self._queued or self._busy == _THREADS:
                return
            self._busy += 1
        threading.Thread(target=self._work, name="prefetch", daemon=True).start()

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """See `Runner.run`."""
        with self._lock:
            for job in jobs:
                self._forget_failures(job)
        while True:
            with self._lock:
                asked = [*self._queued, *self._new(jobs)]
                self._queued = []
                found = [[self._asked[run] for run in _runs(job)] for job in jobs]
            if asked:
                self._execute(asked)
            with contextlib.suppress(CancelledError):  # another thread's call: asked for again
                return [
                    tuple(f.result()[x] for f, x in zip(futures, job.inputs, strict=True))
                    for futures, job in zip(found, jobs, strict=True)
                ]

    def _new(self, jobs: Iterable[Job]) -> Iterator[_Asked]:
        """What of them nobody has asked for yet, or has failed, now in work."""
        for job in jobs:
            new = {
                x: run
                for run, x in zip(_runs(job), job.inputs, strict=True)
                if run not in self._asked or self._asked[run].cancelled()
            }
            if new:
                asked = _Asked(replace(job, inputs=tuple(new)))
                self._asked.update(dict.fromkeys(new.values(), asked.found))
                yield asked

    def _forget_failures(self, job: Job) -> None:
        for run, x in zip(_runs(job), job.inputs, strict=True):
            found = self._asked.get(run)
            if found is None or found.cancelled() or not found.done():
                continue
            if found.result()[x].verdict in _NO_ANSWER:
                del self._asked[run]

    def _work(self) -> None:
        while True:
            with self._lock:
                asked, self._queued = self._queued, []
                if not asked:
                    self._busy -= 1
                    return
            with contextlib.suppress(SandboxError):  # whoever asks meets it himself
                self._execute(asked)

    def _execute(self, asked: Sequence[_Asked]) -> None:
        try:
            with self._during():
                found = self._runner.run([a.job for a in asked])
            for a, outcomes in zip(asked, found, strict=True):
                a.found.set_result(dict(zip(a.job.inputs, outcomes, strict=True)))
        finally:
            for a in asked:
                a.found.cancel()  # does nothing to one that has its result


def _runs(job: Job) -> Iterator[_Run]:
    program = (job.program, job.preamble, job.limits, job.kind, job.entry_point, job.alone)
    return ((*program, x) for x in job.inputs)
