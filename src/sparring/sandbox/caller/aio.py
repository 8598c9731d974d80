"""Calls of the sandbox from asynchronous code, without blocking the event loop.

A thread waits for the outcomes, and hands over the outcomes of each job as the job ends. If the
caller leaves the loop early or cancels, executions that have not begun are abandoned.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from sparring.sandbox.types import Job
from sparring.schema import Outcome

_JobOutcomes = tuple[int, tuple[Outcome, ...]]
"""Index of a job, and the job's outcomes."""
Stream = Callable[[Sequence[Job], threading.Event], Iterator[_JobOutcomes]]
"""Signature of `Runner.stream`."""


async def arun(stream: Stream, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
    """Await the outcomes of every job, aligned with `jobs`: `Runner.run`, asynchronous."""
    outcomes_by_job: list[tuple[Outcome, ...]] = [()] * len(jobs)
    async for index, outcomes in astream(stream, jobs):
        outcomes_by_job[index] = outcomes
    return outcomes_by_job


async def astream(stream: Stream, jobs: Sequence[Job]) -> AsyncIterator[_JobOutcomes]:
    """Yield (index of job, its outcomes) as each job ends: `Runner.stream`, asynchronous.

    Raises the errors of `Runner.stream`.
    """
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[_JobOutcomes | BaseException | None] = asyncio.Queue()
    abandoned = threading.Event()

    def hand_over(item: _JobOutcomes | BaseException | None) -> None:
        # A closed loop raises: then nobody is waiting any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(arrived.put_nowait, item)

    def wait() -> None:
        try:
            for item in stream(jobs, abandoned):
                hand_over(item)
        except BaseException as error:  # noqa: BLE001  # raised again where it is awaited
            hand_over(error)
        else:
            hand_over(None)

    threading.Thread(target=wait, name="sandbox-async", daemon=True).start()
    try:
        while (item := await arrived.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        abandoned.set()
