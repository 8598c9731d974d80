"""Watch over the requests at one server: if the server makes no token, a thread ends them.

A request may wait as long as the server makes tokens for others. If a server reports no tokens at
`/metrics`, a response that takes longer than ``stall_seconds`` counts as a hang.
"""

from __future__ import annotations

import threading
import time

from sparring.policy.http import Unanswered
from sparring.policy.vllm.connection import ResponseConnection
from sparring.policy.vllm.progress import ServerProgress
from sparring.policy.vllm.supervisor import ServerSupervisor

_CHECKS = 20
"""Number of checks within the time without a token after which a server hangs."""
_LONGEST = 10.0
"""Longest time in seconds between two checks."""


class StallWatch:
    """Connections to one server, and the thread that watches the server's progress."""

    def __init__(self, supervisor: ServerSupervisor, seconds: float) -> None:
        self.supervisor = supervisor
        self.seconds = seconds
        self._connections: set[ResponseConnection] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._counts = supervisor.counts_tokens

    def start(self) -> None:
        """Start watching the server, if it counts tokens."""
        if self._counts:
            threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        """Stop watching the server."""
        self._stop.set()

    def connection(self, previous: ResponseConnection | None) -> ResponseConnection:
        """Return a connection to the server: ``previous``, unless the server has another address
        now. Raises `Unanswered` while the server is being started again."""
        if previous is not None and previous.url == self.supervisor.client.url:
            return previous
        if previous is not None:
            self.close(previous)
        connection = self.supervisor.connect(None if self._counts else self.seconds)
        with self._lock:
            self._connections.add(connection)
        return connection

    def close(self, connection: ResponseConnection) -> None:
        """Close a connection."""
        with self._lock:
            self._connections.discard(connection)
        connection.close()

    def _watch(self) -> None:
        progress = ServerProgress(self.seconds, time.monotonic())
        recoveries = self.supervisor.recoveries
        while not self._stop.wait(min(_LONGEST, self.seconds / _CHECKS)):
            with self._lock:
                busy = [connection for connection in self._connections if connection.busy]
            now = time.monotonic()
            if not busy or self.supervisor.recoveries != recoveries:
                recoveries = self.supervisor.recoveries
                progress.forget(now)
                continue
            try:
                observed = self.supervisor.client.engines()
            except Unanswered:
                observed = {}
            if progress.stalled(observed, now):
                for connection in busy:
                    connection.cut(f"no new token in {self.seconds:g} s (vllm.stall_seconds)")
                progress.forget(now)
