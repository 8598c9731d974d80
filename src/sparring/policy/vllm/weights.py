"""Where weights lie on their way to a server: directories in memory (/dev/shm) or on a disk.

Each sampler has a directory of its own, with a locked file in it: what a
process that was killed left behind is free to be locked and is swept by the
next. A checkpoint there is whole when it has its final name.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sparring.errors import RunError, writing
from sparring.files import PARTIAL, replacing

_PREFIX = "sparring-weights-"
_YOUNG = 60.0
"""Seconds in which a directory may not have been locked yet by the one who makes it."""
_ROOM = 1.05
"""Free space asked for, as a multiple of the weights."""


class WeightsDirectory:
    """A directory of checkpoints by name, gone when it is closed."""

    def __init__(self, parent: Path) -> None:
        """Raises `RunError` where nothing can be written."""
        self.parent = parent
        with writing(f"vllm.weights_dir: {parent}", RunError):
            _sweep(parent)
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            self.path.chmod(0o755)  # a server of another user's reads it too
            self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def put(self, name: str, size: int, save: Callable[[Path], None]) -> Path:
        """The checkpoint ``name``, saved now unless it is there. ``size`` is in bytes, about.

        Raises `RunError` where there is no room for it.
        """
        final = self.path / name
        if final.exists():
            return final
        free = shutil.disk_usage(self.path).free
        if free < size * _ROOM:
            raise RunError(
                f"vllm.weights_dir: {self.parent} has {free / 2**30:.1f} GiB free, the weights "
                f"take {size / 2**30:.1f}; make room, or name another directory"
            )
        where = f"vllm.weights_dir: {self.parent}"
        with writing(where, RunError), replacing(final, durable=False) as partial:
            partial.mkdir()
            save(partial)
        return final

    def names(self) -> set[str]:
        """The whole checkpoints that are there."""
        return {p.name for p in self.path.iterdir() if p.is_dir() and not p.name.endswith(PARTIAL)}

    def drop(self, keep: Callable[[str], bool]) -> None:
        """Remove the checkpoints whose names ``keep`` does not want."""
        for name in self.names():
            if not keep(name):
                shutil.rmtree(self.path / name, ignore_errors=True)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _sweep(parent: Path) -> None:
    """Remove what processes left that are no more."""
    for path in parent.glob(f"{_PREFIX}*"):
        try:
            if time.time() - (path / "lock").stat().st_mtime < _YOUNG:
                continue
            lock = os.open(path / "lock", os.O_RDWR)
        except OSError:  # another user's, or just being made
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
