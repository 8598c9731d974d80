"""How often and how fast a server is asked: backoff, its own wishes, requests per minute.

Written out instead of taken from a library of retry decorators: what matters
here is shared by all threads that speak to a server (its Retry-After, the
rate), and such a library knows one call at a time.
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
"""Failures of one request in a row, and seconds of waiting, that a user is told of."""
T = TypeVar("T")
_log = logging.getLogger("sparring")


class Abandoned(Unanswered):
    """The wish to stop came before an answer."""


@dataclass(frozen=True, slots=True)
class Patience:
    """``attempts`` for a response; the pause after the k-th failure is drawn between half and the
    whole of ``first`` · 2^(k−1) seconds, at most ``most``: threads that failed together do not
    come back together."""

    attempts: int = 10
    first: float = 0.5
    most: float = 60.0

    def pause(self, failures: int) -> float:
        """Seconds to wait after that many failures in a row."""
        return min(self.most, self.first * 2.0 ** min(failures - 1, 30)) * random.uniform(0.5, 1.0)


class Pace:
    """Lets requests go, at most ``per_minute`` evenly spaced, and none before the server wants to
    be asked again. Safe to use from several threads."""

    def __init__(self, per_minute: float | None = None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._told = -_LONG
        self._lock = threading.Lock()

    def hold(self, seconds: float) -> bool:
        """Let nothing go for that long. Whether that is longer than was known."""
        with self._lock:
            wanted = time.monotonic() + seconds
            longer = wanted > self._next + 1.0
            self._next = max(self._next, wanted)
            return longer

    def wait(self, stop: Callable[[], bool]) -> bool:
        """Wait for a turn. False if ``stop`` came first."""
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
        """Tell the user of a server that keeps failing, now and then."""
        with self._lock:
            now = time.monotonic()
            due = now - self._told > _LONG
            self._told = now if due else self._told
        if due:
            _log.warning(line)


def persist(
    ask: Callable[[], T], server: str, patience: Patience, pace: Pace, stop: Callable[[], bool]
) -> T:
    """What ``ask`` gives, repeated until it is answered. Raises the last `Unanswered`, `Abandoned`
    if ``stop`` came first."""
    why = Unanswered("not asked")
    for failures in range(1, patience.attempts + 1):
        if not pace.wait(stop):
            raise Abandoned(str(why))
        try:
            return ask()
        except Unanswered as error:
            why = error
        if failures == patience.attempts:
            break
        if why.wait is None:
            if failures >= _WORRYING:
                pace.worry(f"{server}: {why}; asking again")
        elif pace.hold(why.wait) and why.wait > _LONG:  # all of us, not only this request
            _log.warning("%s: wants no request for %.0f s (%s)", server, why.wait, why)
        # Beside what the server wishes: some say 0, or a time that has passed by our clock.
        rest(patience.pause(failures), stop)
    raise why


def rest(seconds: float, stop: Callable[[], bool]) -> None:
    """Sleep, but no longer than until ``stop``."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stop():
        time.sleep(min(left, 0.1))
