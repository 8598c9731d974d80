"""Directory of weights on their way to a server, in memory (/dev/shm) or on a disk.

Each sampler has a directory of its own with a locked file in it. The system frees the lock of a
killed process. So the next sampler recognises the directory that such a process has left, and
removes it. A checkpoint gets its final name when it is complete.
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
_UNLOCKED_SECONDS = 60.0
"""Age in seconds up to which a directory without a lock may belong to a process that is about to
lock it."""
_SPACE_FACTOR = 1.05
"""Required free space, as a multiple of the weights' size."""


class WeightsDirectory:
    """Directory of checkpoints by name; `close` removes it."""

    def __init__(self, parent: Path) -> None:
        """Make the directory in ``parent``. Raises `RunError` if nothing can be written there."""
        self.parent = parent
        with writing(f"vllm.weights_dir: {parent}", RunError):
            _sweep(parent)
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            self.path.chmod(0o755)  # the server of another user must read it too
            self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def put(self, name: str, size: int, save: Callable[[Path], None]) -> Path:
        """Return the path of the checkpoint ``name``; ``save`` writes it, about ``size`` bytes,
        unless it exists. Raises `RunError` if the space does not suffice."""
        final = self.path / name
        if final.exists():
            return final
        free = shutil.disk_usage(self.path).free
        if free < size * _SPACE_FACTOR:
            raise RunError(
                f"vllm.weights_dir: {self.parent} has {free / 2**30:.1f} GiB free, the weights "
                f"take {size / 2**30:.1f}; free space, or name another directory"
            )
        where = f"vllm.weights_dir: {self.parent}"
        with writing(where, RunError), replacing(final, durable=False) as partial:
            partial.mkdir()
            save(partial)
        return final

    def names(self) -> set[str]:
        """Return the names of the complete checkpoints."""
        return {p.name for p in self.path.iterdir() if p.is_dir() and not p.name.endswith(PARTIAL)}

    def drop(self, keep: Callable[[str], bool]) -> None:
        """Remove the checkpoints for whose names ``keep`` returns false."""
        for name in self.names():
            if not keep(name):
                shutil.rmtree(self.path / name, ignore_errors=True)

    def close(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _sweep(parent: Path) -> None:
    """Remove the directories of processes that have ended."""
    for path in parent.glob(f"{_PREFIX}*"):
        try:
            if time.time() - (path / "lock").stat().st_mtime < _UNLOCKED_SECONDS:
                continue
            lock = os.open(path / "lock", os.O_RDWR)
        except OSError:  # of another user, or not locked yet
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
