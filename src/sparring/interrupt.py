"""Ctrl-C as a request: the first asks a loop to end at a good moment, the second ends it at once.

SIGTERM and SIGHUP are requests too: batch systems and closing terminals end a process by them.
SIGHUP stays ignored where it was, as by ``nohup``.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NOTICE = b"\nsparring: stopping after this step or evaluation; press Ctrl-C again to stop now\n"


@contextmanager
def stopping(notice: bytes = _NOTICE) -> Iterator[Callable[[], bool]]:
    """Give a function that returns True once the user has asked to stop, within the block.

    ``notice`` is written to standard error at the first request. The second request raises
    KeyboardInterrupt. Outside of the main thread, which alone receives signals, the function always
    returns False.
    """
    requested = False

    def request(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        if requested:
            raise KeyboardInterrupt
        requested = True
        os.write(2, notice)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    heard = [n for n in _SIGNALS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    previous = {number: signal.signal(number, request) for number in heard}
    try:
        yield lambda: requested
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
