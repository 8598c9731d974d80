"""Ctrl-C as a wish: a loop is asked to end at a good moment; the second time it ends at once.

SIGTERM and SIGHUP, by which batch systems and closing terminals end a
process, are wishes too.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HEARD = b"\nsparring: stopping after this step or evaluation; Ctrl-C again stops at once\n"


@contextmanager
def stopping(told: bytes = _HEARD) -> Iterator[Callable[[], bool]]:
    """Within the block, the function it gives says whether the user has asked to stop, who is
    ``told`` that it was heard."""
    wished = False

    def wish(number: int, frame: FrameType | None) -> None:
        nonlocal wished
        if wished:
            raise KeyboardInterrupt
        wished = True
        os.write(2, told)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = {number: signal.signal(number, wish) for number in _SIGNALS}
    try:
        yield lambda: wished
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
