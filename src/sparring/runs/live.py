"""Reader of a run in progress, which neither locks nor disturbs the run.

Only files that a run appends to or replaces atomically are read, so a reader always
sees a consistent state. `in_progress` looks for the run's lock in the system's list
of locks instead of trying to take the lock: a run that starts at that moment would
find the lock taken.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparring.runs.reader import record_of


@dataclass(slots=True)
class Tail:
    """Reader of the complete lines of a JSONL file that grows, is replaced, or does not exist
    yet."""

    path: Path
    records: list[dict[str, Any]] = field(default_factory=list)
    _offset: int = 0
    _file: int = 0

    def read(self) -> list[dict[str, Any]]:
        """Return the records that are new since the last call.

        After a rewind of the run the file is another file, or shorter. Then the whole file is read
        again, and records beyond the number known before are new.
        """
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                old_count = len(self.records)
                if status.st_ino != self._file or status.st_size < self._offset:
                    self._file, self._offset, self.records = status.st_ino, 0, []
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        complete = data[: data.rfind(b"\n") + 1]
        first_new = min(old_count, len(self.records)) if self._offset else old_count
        self._offset += len(complete)
        self.records += [r for line in complete.splitlines() if (r := record_of(line)) is not None]
        return self.records[first_new:]


def in_progress(path: Path) -> bool | None:
    """Return True if a process of this machine holds the run's lock; None if this is unknown."""
    try:
        status = (path / "lock").stat()
    except OSError:
        return False
    lock_id = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        locks = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return any(f" {lock_id} " in line and " FLOCK " in line for line in locks.splitlines())
