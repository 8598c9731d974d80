"""`PrefetchingRunner`: executions that begin before anybody asks for their outcomes.

Programs that have been sampled run while other responses of the step are still being sampled.
`prefetch` takes jobs and returns at once; `run` waits for the outcomes of jobs that have begun and
of new jobs. Prefetching changes no outcome, and each execution is made once, with or without the
runner's own memo.

A `PrefetchingRunner` holds the outcomes of one step; the next step needs a new one.
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
from sparring.schema import Outcome, TestKind, Verdict

_THREADS = 4
"""Largest number of calls of the runner at once: while one call waits for a looping program, others
go on."""
_NO_ANSWER = (Verdict.INFRA, Verdict.NOT_RUN)
"""Verdicts that say nothing about the program, so that `run` makes the execution again."""

_Execution = tuple[str, str, Limits, TestKind, str, bool, str]


class Runs(Protocol):
    """Anything that runs jobs: a `Runner`, or a `PrefetchingRunner` before a runner."""

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """Return the outcomes of every job, aligned with ``jobs`` and with each job's inputs."""
        ...


class _Begun:
    """Job in work, and the future of its outcomes by input.

    A cancelled future has failed: a thread that waits for its outcomes asks again.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.outcomes: Future[dict[str, Outcome]] = Future()


class PrefetchingRunner:
    """Runner that executes programs before their outcomes are asked for.

    Safe to use from several threads.
    """

    def __init__(
        self,
        runner: Runs,
        during: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext,
    ) -> None:
        """Pass jobs on to `runner`; enter ``during()`` around each call, in the thread that
        calls."""
        self._runner = runner
        self._during = during
        self._lock = threading.Lock()
        self._begun: dict[_Execution, Future[dict[str, Outcome]]] = {}
        self._queued: list[_Begun] = []
        self._busy = 0

    def prefetch(self, jobs: Iterable[Job]) -> None:
        """Begin to execute jobs, and return at once. `run` raises the failures."""
        with self._lock:
            self._queued += self._new(jobs)
            if not self._queued or self._busy == _THREADS:
                return
            self._busy += 1
        threading.Thread(target=self._work, name="prefetch", daemon=True).start()

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """Return the outcomes of every job, as `Runner.run` does."""
        with self._lock:
            for job in jobs:
                self._forget_failures(job)
        while True:
            with self._lock:
                to_run = [*self._queued, *self._new(jobs)]
                self._queued = []
                futures_by_job = [[self._begun[each] for each in _executions(job)] for job in jobs]
            if to_run:
                self._execute(to_run)
            with contextlib.suppress(CancelledError):  # another thread's call failed: try again
                return [
                    tuple(f.result()[x] for f, x in zip(futures, job.inputs, strict=True))
                    for futures, job in zip(futures_by_job, jobs, strict=True)
                ]

    def _new(self, jobs: Iterable[Job]) -> Iterator[_Begun]:
        """Yield jobs with the inputs that have not begun or have failed, and note them as begun."""
        for job in jobs:
            new = {
                x: execution
                for execution, x in zip(_executions(job), job.inputs, strict=True)
                if execution not in self._begun or self._begun[execution].cancelled()
            }
            if new:
                begun = _Begun(replace(job, inputs=tuple(new)))
                self._begun.update(dict.fromkeys(new.values(), begun.outcomes))
                yield begun

    def _forget_failures(self, job: Job) -> None:
        for execution, x in zip(_executions(job), job.inputs, strict=True):
            future = self._begun.get(execution)
            if future is None or future.cancelled() or not future.done():
                continue
            if future.result()[x].verdict in _NO_ANSWER:
                del self._begun[execution]

    def _work(self) -> None:
        while True:
            with self._lock:
                to_run, self._queued = self._queued, []
                if not to_run:
                    self._busy -= 1
                    return
            with contextlib.suppress(SandboxError):  # `run` meets the same error
                self._execute(to_run)

    def _execute(self, to_run: Sequence[_Begun]) -> None:
        try:
            with self._during():
                outcomes_by_job = self._runner.run([each.job for each in to_run])
            for each, outcomes in zip(to_run, outcomes_by_job, strict=True):
                each.outcomes.set_result(dict(zip(each.job.inputs, outcomes, strict=True)))
        finally:
            for each in to_run:
                each.outcomes.cancel()  # has no effect on a future with a result


def _executions(job: Job) -> Iterator[_Execution]:
    program = (job.program, job.preamble, job.limits, job.kind, job.entry_point, job.alone)
    return ((*program, x) for x in job.inputs)
