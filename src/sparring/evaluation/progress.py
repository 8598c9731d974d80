"""Telling how an evaluation goes: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console

from sparring.policy.chat.base import Answer, Ask, Missing
from sparring.runs.progress import Bar, time_left

_EVERY = 15.0
"""Seconds between two lines of a log."""


class Progress(Bar):
    """Counts things towards a total. A context manager."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console)
        self._clock = clock
        self._what = ""
        self._total = self._done = self._made = self._tokens = self._missing = 0
        self._started = self._told = clock()

    def begin(self, total: int, there: int, what: str = "responses") -> None:
        """``there`` of ``total`` are on record."""
        self._what, self._total, self._done, self._made = what, total, there, 0
        self._tokens = self._missing = 0
        self._started = self._told = self._clock()
        if there:
            self.note(f"{there:,} of {total:,} {what} are on record")

    def heard(self, ask: Ask, found: Answer | Missing) -> None:
        """A response came, or did not."""
        if isinstance(found, Missing):
            self._missing += 1
        else:
            self._tokens += found.completion_tokens or 0
            self._done += 1
            self._made += 1
        self._tell()

    def advance(self, count: int) -> None:
        """So many more are done."""
        self._done += count
        self._made += count
        self._tell()

    def line(self) -> str:
        """Where it stands: done, rate, time left."""
        seconds = max(self._clock() - self._started, 1e-9)
        parts = [f"{self._what} {self._done:,}/{self._total:,}"]
        if self._made:
            left = seconds / self._made * (self._total - self._done)
            parts.append(f"{self._made / seconds:.1f}/s")
            if self._tokens:
                parts.append(f"{self._tokens / seconds:,.0f} tokens/s")
            parts.append(f"{time_left(left)} left")
        if self._missing:
            parts.append(f"{self._missing:,} missing")
        return ", ".join(parts)

    def _tell(self) -> None:
        if self.shown:
            self.show("", self._done / max(self._total, 1), self.line())
        elif self._clock() - self._told >= _EVERY:
            self._told = self._clock()
            self.note(self.line())
