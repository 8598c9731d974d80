"""Progress of an evaluation: a bar in a terminal, a line every few seconds in a log."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console

from sparring.policy.chat.base import ChatReply, ChatRequest, FailedRequest
from sparring.runs.bar import Bar, time_left

_EVERY = 15.0
"""Seconds between two lines of a log."""


class EvaluationProgress(Bar):
    """Progress display that counts responses or tasks towards a total. A context manager."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console)
        self._clock = clock
        self._unit = ""
        self._total = self._done = self._new = self._tokens = self._missing = 0
        self._started = self._last_line = clock()

    def start_counting(self, total: int, recorded: int, unit: str = "responses") -> None:
        """Start to count towards ``total``; ``recorded`` of them are recorded already."""
        self._unit, self._total, self._done, self._new = unit, total, recorded, 0
        self._tokens = self._missing = 0
        self._started = self._last_line = self._clock()
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
        self._show()

    def advance(self, count: int) -> None:
        """Add ``count`` to the number done."""
        self._done += count
        self._new += count
        self._show()

    def line(self) -> str:
        """Return the state in one line: done, rate, time left, missing."""
        seconds = max(self._clock() - self._started, 1e-9)
        parts = [f"{self._unit} {self._done:,}/{self._total:,}"]
        if self._new:
            seconds_left = seconds / self._new * (self._total - self._done)
            parts.append(f"{self._new / seconds:.1f}/s")
            if self._tokens:
                parts.append(f"{self._tokens / seconds:,.0f} tokens/s")
            parts.append(f"{time_left(seconds_left)} left")
        if self._missing:
            parts.append(f"{self._missing:,} missing")
        return ", ".join(parts)

    def _show(self) -> None:
        if self.shown:
            self.show("", self._done / max(self._total, 1), self.line())
        elif self._clock() - self._last_line >= _EVERY:
            self._last_line = self._clock()
            self.log(self.line())
