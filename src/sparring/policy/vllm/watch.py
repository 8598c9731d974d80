"""A thread beside the requests at one server: where it makes no more tokens, they are cut.

A request that waits long is well while the server makes tokens for others. One
that says nothing of its tokens (`/metrics`) gives a response ``stall_seconds``.
"""

from __future__ import annotations

import threading
import time

from sparring.policy.http import Unanswered
from sparring.policy.vllm.line import Line
from sparring.policy.vllm.progress import Progress
from sparring.policy.vllm.station import Station

_LOOKS = 20
"""Looks in the time without a token after which a server hangs."""
_LONGEST = 10.0
"""Seconds between looks at most."""


class Watch:
    """The connections to one server, and whether it makes progress."""

    def __init__(self, station: Station, seconds: float) -> None:
        self.station = station
        self.seconds = seconds
        self._lines: set[Line] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._counts = station.counts_tokens

    def start(self) -> None:
        if self._counts:
            threading.Thread(target=self._look, daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def line(self, before: Line | None) -> Line:
        """A connection to the server: the one from ``before``, unless it is elsewhere now. Raises
        `Unanswered` while the server is being started again."""
        if before is not None and before.url == self.station.client.url:
            return before
        if before is not None:
            self.leave(before)
        line = self.station.line(None if self._counts else self.seconds)
        with self._lock:
            self._lines.add(line)
        return line

    def leave(self, line: Line) -> None:
        """Close a connection."""
        with self._lock:
            self._lines.discard(line)
        line.close()

    def _look(self) -> None:
        progress, rounds = Progress(self.seconds, time.monotonic()), self.station.rounds
        while not self._stop.wait(min(_LONGEST, self.seconds / _LOOKS)):
            with self._lock:
                busy = [line for line in self._lines if line.busy]
            now = time.monotonic()
            if not busy or self.station.rounds != rounds:
                rounds = self.station.rounds
                progress.forget(now)
                continue
            try:
                seen = self.station.client.engines()
            except Unanswered:
                seen = {}
            if progress.stalled(seen, now):
                for line in busy:
                    line.cut(f"no new token in {self.seconds:g} s (vllm.stall_seconds)")
                progress.forget(now)
