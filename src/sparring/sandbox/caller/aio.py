"""The sandbox from asynchronous code: nothing blocks the event loop.

A thread waits for the outcomes and hands each job's over as it comes; leaving the loop early, or a
cancellation, abandons what has not begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from sparring.sandbox.types import Job
from sparring.schema import Outcome

_Found = tuple[int, tuple[Outcome, ...]]
Stream = Callable[[Sequence[Job], threading.Event], Iterator[_Found]]
"""`Runner.stream`."""


async def arun(stream: Stream, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
    """`Runner.run`, awaited: the outcomes of every job, aligned with `jobs`."""
    results: list[tuple[Outcome, ...]] = [()] * len(jobs)
    async for index, outcomes in astream(stream, jobs):
        results[index] = outcomes
    return results


async def astream(stream: Stream, jobs: Sequence[Job]) -> AsyncIterator[_Found]:
    """`Runner.stream`, asynchronous: (index of job, its outcomes), each as soon as it is known.

    Raises what `Runner.stream` raises.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Queue[_Found | BaseException | None] = asyncio.Queue()
    left = threading.Event()

    def tell(item: _Found | BaseException | None) -> None:
        # The loop may have been closed over this thread's head: then nobody is waiting.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(found.put_nowait, item)

    def wait() -> None:
        try:
            for item in stream(jobs, left):
                tell(item)
        except BaseException as error:  # noqa: BLE001  # raised again where it is awaited
            tell(error)
        else:
            tell(None)

    threading.Thread(target=wait, name="sandbox-async", daemon=True).start()
    try:
        while (item := await found.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        left.set()
