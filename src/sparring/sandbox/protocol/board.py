"""The page that a program's process and its server share: how far a batch of runs has got.

The process writes, the server reads, without a system call and without waking each other. What
stands here is a hint that the program could forge. Forged ends gain what ``os._exit(0)`` gains;
CPU time is the server's own reading of the process's clock, which the starts noted here only
divide among the runs of a batch; the server clamps them to what it has seen itself.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass

MAX_RUNS = 32
"""Runs of one batch."""
_HEAD = struct.Struct("<II")  # runs ended; 1 if the process can take no more
_RUN = struct.Struct("<QIBH")  # CPU ns at the start, peak KiB, the ending's letter, detail bytes
_SLOT = 448
_DETAIL_BYTES = _SLOT - _RUN.size


@dataclass(frozen=True, slots=True)
class Note:
    """What the process says of one run of the batch that has ended."""

    letter: str
    detail: str
    start_ns: int
    peak_kib: int


class Board:
    """One shared page. Made before the fork."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _HEAD.size + MAX_RUNS * _SLOT)

    def close(self) -> None:
        """Take the page out of this process."""
        self._page.close()

    def wipe(self) -> None:
        """Server: before another program gets it, which must find nothing of the last one's."""
        self._page[:] = bytes(len(self._page))

    def clear(self) -> None:
        """Server: before a batch is sent."""
        _HEAD.pack_into(self._page, 0, 0, 0)

    def begin(self, run: int, start_ns: int) -> None:
        """Process: run number `run` of the batch starts."""
        struct.pack_into("<Q", self._page, _HEAD.size + run * _SLOT, start_ns)

    def end(self, run: int, letter: str, detail: str, peak_kib: int, *, spent: bool) -> None:
        """Process: run number `run` has ended."""
        text = detail.encode("utf-8", "replace")[:_DETAIL_BYTES] if detail else b""
        offset = _HEAD.size + run * _SLOT
        struct.pack_into("<IBH", self._page, offset + 8, peak_kib, ord(letter), len(text))
        if text:
            start = offset + _RUN.size
            self._page[start : start + len(text)] = text
        _HEAD.pack_into(self._page, 0, run + 1, spent)

    def read(self) -> tuple[int, bool]:
        """Server: (runs ended, whether the process takes no more). May be anything."""
        ended, spent = _HEAD.unpack_from(self._page)
        return ended, bool(spent)

    def start_ns(self, run: int) -> int:
        """Server: the process's clock as it began run number `run`, by its own account."""
        start: int = struct.unpack_from("<Q", self._page, _HEAD.size + run * _SLOT)[0]
        return start

    def note(self, run: int) -> Note:
        """Server: what is said of run number `run`."""
        offset = _HEAD.size + run * _SLOT
        start_ns, peak_kib, letter, size = _RUN.unpack_from(self._page, offset)
        text = b""
        if size:
            text = self._page[offset + _RUN.size : offset + _RUN.size + min(size, _DETAIL_BYTES)]
        return Note(chr(letter), text.decode("utf-8", "replace"), start_ns, peak_kib)
