"""Waiting for something that cannot be interrupted, such as the loading of a model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sparring.errors import Stopped
from sparring.policy.chat.base import StopAsking

T = TypeVar("T")
_LOOK_SECONDS, _GRACE_SECONDS = 0.05, 0.5
"""Seconds between two looks at the thread, and seconds in which it may end by itself once the
session is over."""


def unless_over(make: Callable[[], T], over: StopAsking) -> T:
    """Return what ``make`` returns, and raise what it raises. It runs in a thread, which is left to
    itself where ``over`` returns true first; then `Stopped` is raised."""
    made: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            made.append(make())
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ended: float | None = None
    while thread.is_alive():
        thread.join(_LOOK_SECONDS)
        if ended is None and over():
            ended = time.monotonic()
        if ended is not None and time.monotonic() - ended > _GRACE_SECONDS:
            raise Stopped("the model was not ready")
    if errors:
        raise errors[0]
    return made[0]
