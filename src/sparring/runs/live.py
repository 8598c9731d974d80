"""The files of a run that is being made: read over and over, never locked, never disturbed.

What is read is only what a run appends to or replaces whole, so that a look at
any moment is a look at a state that was. Whether a process is making the run
is asked of the system's list of locks, not by trying the lock: a run that
begins at that moment would find it taken.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparring.runs.reader import record_of


@dataclass(slots=True)
class Tail:
    """The whole lines of a JSONL file that grows, is replaced or is not there yet."""

    path: Path
    records: list[dict[str, Any]] = field(default_factory=list)
    _place: int = 0
    _file: int = 0

    def read(self) -> list[dict[str, Any]]:
        """The records that are new since the last time. After a rewind the file is another or is
        shorter: then all of it is read again, and only what comes after the records known is
        new."""
        try:
            with self.path.open("rb") as file:
                about = os.fstat(file.fileno())
                known = len(self.records)
                if about.st_ino != self._file or about.st_size < self._place:
                    self._file, self._place, self.records = about.st_ino, 0, []
                file.seek(self._place)
                data = file.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        before = min(known, len(self.records)) if self._place else known
        self._place += len(whole)
        self.records += [r for line in whole.splitlines() if (r := record_of(line)) is not None]
        return self.records[before:]


def being_made(path: Path) -> bool | None:
    """Whether a process of this machine holds the run's lock; None where that cannot be told."""
    try:
        about = (path / "lock").stat()
    except OSError:
        return False
    place = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
    try:
        held = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return any(f" {place} " in line and " FLOCK " in line for line in held.splitlines())
