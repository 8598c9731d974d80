"""How often and how fast a server is asked: backoff, its own wishes, requests per minute.

Written out instead of taken from a library of retry decorators: what matters
here is shared by all threads that speak to a server (its Retry-After, the
rate), and such a library knows one call at a time.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

_LONGEST = 3600.0
"""Seconds that a server may ask us to wait; more is taken as this."""


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


def retry_after(value: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date. None where it says nothing
    that makes sense."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now()
        except (ValueError, TypeError, OverflowError):
            return None
    if seconds != seconds:
        return None
    return min(max(seconds, 0.0), _LONGEST)


class Pace:
    """Lets requests go, at most ``per_minute`` evenly spaced, and none before the server wants to
    be asked again. Safe to use from several threads."""

    def __init__(self, per_minute: float | None = None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0
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


def rest(seconds: float, stop: Callable[[], bool]) -> None:
    """Sleep, but no longer than until ``stop``."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stop():
        time.sleep(min(left, 0.1))
