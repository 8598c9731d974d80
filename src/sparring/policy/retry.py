"""Retries and request rate of a server: backoff, Retry-After, requests per minute.

All threads that use a server share its Retry-After and its rate. A library of retry decorators
knows only a single call at a time, so this module uses no such library.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sparring.policy.http import Unanswered

_WORRYING, _LONG = 4, 30.0
"""First: number of successive failures of one request from which the user is warned. Second:
seconds between such warnings, and the longest wait that a server may request without a warning to
the user."""
T = TypeVar("T")
_log = logging.getLogger("sparring")


class RequestAbandoned(Unanswered):
    """Raised if the caller stopped the request before an answer arrived."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Number of attempts at a request, and the pauses between them.

    The pause after the k-th failure is a random share, between a half and 1, of ``first`` · 2^(k−1)
    seconds, or of ``most`` if ``most`` is less. The randomness keeps threads that failed together
    from trying again together.
    """

    attempts: int = 10
    first: float = 0.5
    most: float = 60.0

    def pause(self, failures: int) -> float:
        """Return the seconds to wait after ``failures`` successive failures."""
        return min(self.most, self.first * 2.0 ** min(failures - 1, 30)) * random.uniform(0.5, 1.0)


class RequestPacer:
    """Gate for requests: at most ``per_minute``, evenly spaced, and none before the end of the
    server's Retry-After. Safe to use from several threads."""

    def __init__(self, per_minute: float | None = None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._warned = -_LONG
        self._lock = threading.Lock()

    def hold(self, seconds: float) -> bool:
        """Let no request go for ``seconds``. Returns whether this extends an earlier hold by more
        than a second."""
        with self._lock:
            until = time.monotonic() + seconds
            longer = until > self._next + 1.0
            self._next = max(self._next, until)
            return longer

    def wait(self, stop: Callable[[], bool]) -> bool:
        """Wait until a request may go. Returns False if ``stop`` returned true first."""
        while not stop():
            with self._lock:
                now = time.monotonic()
                left = self._next - now
                if left <= 0:
                    self._next = now + self._gap
                    return True
            time.sleep(min(left, 0.1))
        return False

    def worry(self, line: str) -> None:
        """Warn the user of a server that keeps failing, at most once in 30 seconds."""
        with self._lock:
            now = time.monotonic()
            due = now - self._warned > _LONG
            self._warned = now if due else self._warned
        if due:
            _log.warning(line)


def ask_until_answered(
    ask: Callable[[], T],
    server: str,
    patience: RetryPolicy,
    pace: RequestPacer,
    stop: Callable[[], bool],
) -> T:
    """Call ``ask`` until it succeeds, and return its value. Raises the last `Unanswered` after all
    attempts, or `RequestAbandoned` if ``stop`` returned true first or ``ask`` raises it."""
    why = Unanswered("not asked")
    for failures in range(1, patience.attempts + 1):
        if not pace.wait(stop):
            raise RequestAbandoned(str(why))
        try:
            return ask()
        except RequestAbandoned:
            raise
        except Unanswered as error:
            why = error
        if failures == patience.attempts:
            break
        if why.wait is None:
            if failures >= _WORRYING:
                pace.worry(
                    f"{server}: {why}; attempt {failures} of {patience.attempts}, asking again"
                )
        elif pace.hold(why.wait) and why.wait > _LONG:  # holds all threads, not only this request
            _log.warning("%s: asks for no request within %.0f s (%s)", server, why.wait, why)
        # The pause comes on top of Retry-After: some servers send 0, or a date that has passed by
        # this machine's clock.
        wait_unless_stopped(patience.pause(failures), stop)
    raise why


def wait_unless_stopped(seconds: float, stop: Callable[[], bool]) -> None:
    """Sleep for ``seconds``, or until ``stop`` returns true."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stop():
        time.sleep(min(left, 0.1))
