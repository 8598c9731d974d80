"""Locks on requests, so that evaluations with a common cache never ask for the same response.

Without locks, evaluations that run at the same time would all ask for the same responses, and the
cache would save nothing. A lock covers one byte of a file, at an offset computed from the
request's hash. The kernel frees the lock when the process ends, however the process ends, so
nothing has to be cleaned up. Two hashes with the same offset merely wait for each other.

POSIX locks belong to a process, and all of them go when the process closes the file once. A process
must therefore open no more than one `RequestLocks` per file.
"""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path

from sparring.closing import Closing
from sparring.errors import explained

_DIGITS = 15
"""Hexadecimal digits of a hash that are used: offsets stay below 2⁶⁰, a limit of file systems."""


class RequestLocks(Closing):
    """Locks that this process holds on hashes in hexadecimal. A context manager."""

    def __init__(self, path: Path) -> None:
        """Open the file ``path``. Raises `RunError`."""
        self._path = path
        with explained(path):
            self._file = path.open("a+b")

    def close(self) -> None:
        """Free all locks."""
        self._file.close()

    def take(self, name: str) -> bool:
        """Lock a hash without waiting. Returns False where another process holds the lock.

        Locking a hash again in the same process returns True.
        """
        with explained(self._path):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(name))
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EAGAIN):
                    return False
                raise
        return True

    def free(self, name: str) -> None:
        """Free the lock on a hash."""
        with explained(self._path):
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _offset(name))


def _offset(name: str) -> int:
    return int(name[:_DIGITS], 16)
