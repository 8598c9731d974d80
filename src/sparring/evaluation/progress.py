"""Progress of an evaluation: a bar in a terminal, now and then a line in a log."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console

from sparring.policy.chat.base import ChatReply, ChatRequest, FailedRequest
from sparring.runs.bar import Bar, time_left

_ENOUGH = 64
"""Responses after which the rate so far tells the time left: a usual batch of a local model. Before
that, the shortest responses of the first batch would be taken for all."""


class EvaluationProgress(Bar):
    """Progress display that counts responses or tasks towards a total. A context manager."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, clock)
        self._unit = ""
        self._total = self._done = self._new = self._tokens = self._missing = 0
        self._started = clock()

    def start_counting(self, total: int, recorded: int, unit: str = "responses") -> None:
        """Start to count towards ``total``; ``recorded`` of them are recorded already."""
        self._unit, self._total, self._done, self._new = unit, total, recorded, 0
        self._tokens = self._missing = 0
        self._started = self._clock()
        if recorded:
            self.log(f"{recorded:,} of {total:,} {unit} are recorded already")

    def record_reply(self, request: ChatRequest, reply: ChatReply | FailedRequest) -> None:
        """Count a response that arrived or failed."""
        if isinstance(reply, FailedRequest):
            self._missing += 1
        else:
            self._tokens += reply.completion_tokens or 0
            self._done += 1
            self._new += 1
        self.refresh()

    def advance(self, count: int) -> None:
        """Add ``count`` to the number done."""
        self._done += count
        self._new += count
        self.refresh()

    def line(self) -> str:
        """Return the state in one line: done, rate, time left, missing."""
        if self._done + self._missing >= self._total:
            return ""
        seconds = max(self._clock() - self._started, 1e-9)
        new = self._new  # read once: the thread of the bar asks while another one counts
        parts = [f"{self._unit} {self._done:,}/{self._total:,}"]
        if new:
            parts.append(f"{new / seconds:.1f}/s")
            if self._tokens:
                parts.append(f"{self._tokens / seconds:,.0f} tokens/s")
        else:
            parts.append(f"{time_left(seconds)} so far")
        if new >= max(1, min(_ENOUGH, self._total / 10)):
            # A failed request takes its time too, and does not come again.
            to_come = self._total - self._done - self._missing
            parts.append(f"{time_left(seconds / (new + self._missing) * to_come)} left")
        if self._missing:
            parts.append(f"{self._missing:,} missing")
        return ", ".join(parts)

    def refresh(self) -> None:
        """Update the bar."""
        if self.shown:
            self.show("", self._done / max(self._total, 1), self.line())
