"""Who asks for what, where several evaluations share a cache: claims that die with their process.

Without them all would ask for the same responses at the same time, and a cache
would save nothing. A claim is a lock on one byte of a file, at a place that a
hash names. The kernel takes it back when the process ends, however it ends, so
that nothing has to be cleaned up; two hashes with one place only wait for each
other.

Such locks belong to a process and go when it closes the file once: one `Claims`
of a file per process.
"""

from __future__ import annotations

import errno
import fcntl
from pathlib import Path

from sparring.errors import explained

_DIGITS = 15
"""Of a hash, in hexadecimal: places below 2⁶⁰, which every file system takes."""


class Claims:
    """The claims of this process on names, which are hashes in hexadecimal. A context manager."""

    def __init__(self, path: Path) -> None:
        """Raises `RunError` where the file ``path`` cannot be opened."""
        self._path = path
        with explained(path):
            self._file = path.open("a+b")

    def __enter__(self) -> Claims:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def take(self, name: str) -> bool:
        """Claim a name. False where another process has it; True again where this one has."""
        with explained(self._path):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(name))
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EAGAIN):
                    return False
                raise
        return True

    def free(self, name: str) -> None:
        """Give a claim back."""
        with explained(self._path):
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(name))


def _place(name: str) -> int:
    return int(name[:_DIGITS], 16)
