"""Outcomes on disk by content: an execution of yesterday is not made again today.

A store is one SQLite file, safe for several processes and against kills. The key hashes program,
input, limits and kind of execution, and also Python's version, the machine's architecture and the
version of the format. No key holds the machine's speed. So start a new file on a new machine;
otherwise the old machine's timeouts stay.

Outcomes wait in memory for up to a second and are then written in one transaction. If a transaction
stayed open while programs run, no other process could write.
"""

from __future__ import annotations

import hashlib
import platform
import sqlite3
import time
from pathlib import Path

from sparring.errors import SandboxError
from sparring.sandbox.caller.keys import NEVER_KEPT, Key
from sparring.schema import Outcome, Verdict

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS outcomes (
    key BLOB PRIMARY KEY, verdict TEXT NOT NULL, output BLOB NOT NULL,
    cpu_seconds REAL NOT NULL, memory_mib REAL NOT NULL, detail TEXT NOT NULL
) WITHOUT ROWID
"""
_COMMIT_SECONDS = 1.0
_COMMIT_BYTES = 16 << 20

_Row = tuple[str, bytes, float, float, str]


class Store:
    """File of outcomes. Not safe for threads: its owner locks."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises `SandboxError` if it cannot be used."""
        self._path = path
        scope = f"{_VERSION} {platform.python_version()} {platform.machine()}"
        self._scope = hashlib.sha256(scope.encode()).digest()
        self._committed = time.monotonic()
        self._waiting: dict[bytes, _Row] = {}
        self._waiting_bytes = 0
        try:
            self._base = sqlite3.connect(path, timeout=60.0, check_same_thread=False)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.execute(_SCHEMA)
            self._base.commit()
        except sqlite3.Error as error:
            raise SandboxError(f"{path}: cannot be used as a store of outcomes: {error}") from None

    def get(self, key: Key) -> Outcome | None:
        """Return the outcome of an earlier execution; None if the file has none.

        Raises `SandboxError` if the file cannot be read.
        """
        own = self._own(key)
        try:
            row = (
                self._waiting.get(own)
                or self._base.execute(
                    "SELECT verdict, output, cpu_seconds, memory_mib, detail FROM outcomes "
                    "WHERE key = ?",
                    (own,),
                ).fetchone()
            )
            if row is None:
                return None
            verdict, output, cpu, memory, detail = row
            text = output.decode("utf-8", "surrogateescape")
            return Outcome(Verdict(verdict), text, float(cpu), float(memory), str(detail))
        except sqlite3.Error as error:
            raise self._failed(error) from None
        except (ValueError, TypeError, AttributeError) as error:
            raise self._failed(f"a malformed row ({error}): delete the file") from None

    def put(self, key: Key, outcome: Outcome) -> None:
        """Keep an outcome, unless its verdict is one of `NEVER_KEPT`. Raises `SandboxError`."""
        if outcome.verdict in NEVER_KEPT:
            return
        output = outcome.output.encode("utf-8", "surrogateescape")
        detail = outcome.detail.encode("utf-8", "replace").decode()
        row = (outcome.verdict.value, output, outcome.cpu_seconds, outcome.memory_mib, detail)
        self._waiting[self._own(key)] = row
        self._waiting_bytes += len(output)
        late = time.monotonic() - self._committed > _COMMIT_SECONDS
        if late or self._waiting_bytes > _COMMIT_BYTES:
            self.commit()

    def commit(self) -> None:
        """Write the waiting outcomes to disk. Raises `SandboxError`."""
        rows = [(own, *row) for own, row in self._waiting.items()]
        self._waiting.clear()  # first: outcomes that cannot be written must not pile up in memory
        self._waiting_bytes = 0
        try:
            if rows:
                keep = "INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?, ?, ?, ?)"
                self._base.executemany(keep, rows)
                self._base.commit()
        except sqlite3.Error as error:
            raise self._failed(error) from None
        self._committed = time.monotonic()

    def close(self) -> None:
        """Write the waiting outcomes to disk and close the file. Raises `SandboxError`."""
        self.commit()
        self._base.close()

    def _own(self, key: Key) -> bytes:
        return hashlib.sha256(self._scope + key).digest()

    def _failed(self, error: sqlite3.Error | str) -> SandboxError:
        return SandboxError(f"{self._path}: the store of outcomes failed: {error}")
