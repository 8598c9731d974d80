"""Responses on disk, by key, as they arrive: one line of JSON each, on disk before it counts.

A file may be shared by several evaluations at once (``--cache``): each append
holds a lock and mends what a killed process has left, a last line without its
end. Nothing is ever rewritten. Of two lines with the same key the first one
counts.

In memory are keys and places alone; a text is read when it is wanted.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparring.errors import RunError, explained, well_formed
from sparring.policy.chat.base import Answer
from sparring.runs.lines import lines_of
from sparring.schema import StopReason

_GO_ON = "give the same command again"


@dataclass(frozen=True, slots=True)
class Entry:
    """A response on record. ``copied``: it came from another evaluation, by way of the cache, and
    cost this one no tokens. The texts before the key are for people."""

    task: str
    role: str
    index: int
    model: str
    key: str
    text: str
    stop: StopReason
    prompt_tokens: int | None
    completion_tokens: int | None
    copied: bool = False
    reasoned: bool = False

    @property
    def answer(self) -> Answer:
        return Answer(
            self.text, self.stop, self.prompt_tokens, self.completion_tokens, self.reasoned
        )


class Ledger:
    """The responses in the file ``path``, which need not be there yet. For one thread."""

    def __init__(self, path: Path) -> None:
        """Raises `RunError` for a file that holds something else."""
        self.path = path
        self._places: dict[str, tuple[int, int]] = {}
        self._read = 0
        """How many bytes of the file are known."""
        self.refresh()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def refresh(self) -> None:
        """Learn what others have put since."""
        with explained(self.path):
            try:
                with self.path.open("rb") as file:
                    self._learn(file)
            except FileNotFoundError:
                pass

    def get(self, key: str) -> Entry | None:
        """The response of that key."""
        place = self._places.get(key)
        if place is None:
            return None
        with explained(self.path), self.path.open("rb") as file:
            file.seek(place[0])
            line = file.read(place[1])
        return self._entry(line, place[0])

    def put(self, entry: Entry) -> None:
        """Keep a response; on disk when this returns. One that is there already stays."""
        if entry.key in self._places:
            return
        line = lines_of([asdict(entry)])
        with explained(self.path, _GO_ON), self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            start = _mended(file)
            self._learn(file)
            if entry.key in self._places:
                return  # another has put one in the meantime: the first counts
            file.seek(start)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._places[entry.key] = (start, len(line) - 1)
        self._read = start + len(line)

    def _learn(self, file: Any) -> None:
        file.seek(self._read)
        for start, line in _whole_lines(file, self._read):
            self._places.setdefault(self._entry(line, start).key, (start, len(line)))
            self._read = start + len(line) + 1

    def _entry(self, line: bytes, start: int) -> Entry:
        with well_formed(f"{self.path}, at byte {start}"):
            found = json.loads(line)
            return Entry(**{**found, "stop": StopReason(found["stop"])})


def _whole_lines(file: Any, start: int) -> Iterator[tuple[int, bytes]]:
    """(place, line without its end) of every line from ``start`` on that has an end."""
    for line in file:
        if not line.endswith(b"\n"):
            return
        yield start, line[:-1]
        start += len(line)


def _mended(file: Any) -> int:
    """Where the next line begins, after a torn last one is cut away."""
    end = file.seek(0, os.SEEK_END)
    place = end
    while place:
        step = min(place, 1 << 16)
        file.seek(place - step)
        found = file.read(step).rfind(b"\n")
        if found >= 0:
            place = place - step + found + 1
            break
        place -= step
    if place != end:
        file.truncate(place)
        file.seek(place)
    return int(place)


def locked(directory: Path) -> Any:
    """Hold the directory, which is made if need be, against other evaluations, as long as the
    result is open. Raises `RunError`."""
    with explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / "lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise RunError(f"{directory}: another evaluation is at work in it") from None
    return file
