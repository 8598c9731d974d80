"""A thread beside the requests at one server: where it makes no more tokens, they are cut.

A request that waits long is well while the server makes tokens for others. One
that says nothing of its tokens (`/metrics`) gives a response ``stall_seconds``.
"""

from __future__ import annotations

import threading
import time

from sparring.policy.http import Unanswered
from sparring.policy.vllm.connection import ResponseConnection
from sparring.policy.vllm.progress import ServerProgress
from sparring.policy.vllm.supervisor import ServerSupervisor

_LOOKS = 20
"""Looks in the time without a token after which a server hangs."""
_LONGEST = 10.0
"""Seconds between looks at most."""


class StallWatch:
    """The connections to one server, and whether it makes progress."""

    def __init__(self, supervisor: ServerSupervisor, seconds: float) -> None:
        self.supervisor = supervisor
        self.seconds = seconds
        self._lines: set[ResponseConnection] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._counts = supervisor.counts_tokens

    def start(self) -> None:
        if self._counts:
            threading.Thread(target=self._look, daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def line(self, before: ResponseConnection | None) -> ResponseConnection:
        """A connection to the server: the one from ``before``, unless it is elsewhere now. Raises
        `Unanswered` while the server is being started again."""
        if before is not None and before.url == self.supervisor.client.url:
            return before
        if before is not None:
            self.leave(before)
        line = self.supervisor.line(None if self._counts else self.seconds)
        with self._lock:
            self._lines.add(line)
        return line

    def leave(self, line: ResponseConnection) -> None:
        """Close a connection."""
        with self._lock:
            self._lines.discard(line)
        line.close()

    def _look(self) -> None:
        progress, rounds = ServerProgress(self.seconds, time.monotonic()), self.supervisor.rounds
        while not self._stop.wait(min(_LONGEST, self.seconds / _LOOKS)):
            with self._lock:
                busy = [line for line in self._lines if line.busy]
            now = time.monotonic()
            if not busy or self.supervisor.rounds != rounds:
                rounds = self.supervisor.rounds
                progress.forget(now)
                continue
            try:
                seen = self.supervisor.client.engines()
            except Unanswered:
                seen = {}
            if progress.stalled(seen, now):
                for line in busy:
                    line.cut(f"no new token in {self.seconds:g} s (vllm.stall_seconds)")
                progress.forget(now)
