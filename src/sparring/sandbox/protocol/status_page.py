"""Status page that a program's process and its server share: progress within a batch of executions.

The process writes and the server reads, without a system call and without waking each other. The
page holds hints, since the program could forge them:

- A forged end gains what ``os._exit(0)`` gains.
- The server reads the CPU time of a batch from the process's clock. The starts noted on the page
  only divide that time among the executions, and the server clamps them to its own readings.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass

MAX_RUNS = 32
"""Most executions of one batch."""
_HEAD = struct.Struct("<II")  # executions ended; 1 if the process can take no more
_RUN = struct.Struct("<QIBH")  # CPU ns at the start, peak KiB, the ending's letter, detail bytes
_SLOT = 448
_DETAIL_BYTES = _SLOT - _RUN.size


@dataclass(frozen=True, slots=True)
class Note:
    """Account that the process gives of an ended execution. May be forged."""

    letter: str
    detail: str
    start_ns: int
    peak_kib: int


class StatusPage:
    """Status page of one program's process, in shared memory. Must be made before the fork."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _HEAD.size + MAX_RUNS * _SLOT)

    def close(self) -> None:
        """Unmap the page from this process."""
        self._page.close()

    def wipe(self) -> None:
        """Zero the page, so that the next program finds nothing of the last program. Server
        only."""
        self._page[:] = bytes(len(self._page))

    def clear(self) -> None:
        """Reset the head before a batch is sent. Server only."""
        _HEAD.pack_into(self._page, 0, 0, 0)

    def begin(self, run: int, start_ns: int) -> None:
        """Note that execution number `run` of the batch starts. Process only."""
        struct.pack_into("<Q", self._page, _HEAD.size + run * _SLOT, start_ns)

    def end(self, run: int, letter: str, detail: str, peak_kib: int, *, spent: bool) -> None:
        """Note that execution number `run` has ended. Process only.

        `letter` is an `Ending`; `spent` says that the process takes no further execution.
        """
        text = detail.encode("utf-8", "replace")[:_DETAIL_BYTES] if detail else b""
        offset = _HEAD.size + run * _SLOT
        struct.pack_into("<IBH", self._page, offset + 8, peak_kib, ord(letter), len(text))
        if text:
            start = offset + _RUN.size
            self._page[start : start + len(text)] = text
        _HEAD.pack_into(self._page, 0, run + 1, spent)

    def read(self) -> tuple[int, bool]:
        """Return (executions ended, process is spent). Server only. May be forged."""
        ended, spent = _HEAD.unpack_from(self._page)
        return ended, bool(spent)

    def start_ns(self, run: int) -> int:
        """Return the CPU nanoseconds that the process noted as it began `run`. Server only."""
        start: int = struct.unpack_from("<Q", self._page, _HEAD.size + run * _SLOT)[0]
        return start

    def note(self, run: int) -> Note:
        """Return the process's note on execution number `run`. Server only."""
        offset = _HEAD.size + run * _SLOT
        start_ns, peak_kib, letter, size = _RUN.unpack_from(self._page, offset)
        text = b""
        if size:
            text = self._page[offset + _RUN.size : offset + _RUN.size + min(size, _DETAIL_BYTES)]
        return Note(chr(letter), text.decode("utf-8", "replace"), start_ns, peak_kib)
