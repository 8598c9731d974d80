"""Store of responses by key: one line of JSON for each, synced to disk before the response counts.

Several evaluations may share a file at once (``--cache``). Each append holds a lock, and first cuts
away a last line without its end, which a killed process may have left. No complete line is ever
changed. Of two lines with the same key the first one counts.

Only keys and offsets are kept in memory; a text is read from the file when it is needed.
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
from sparring.files import cut_torn_line
from sparring.policy.chat.base import ChatReply
from sparring.runs.lines import lines_of
from sparring.schema import StopReason

_ADVICE = "repeat the command to continue"


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """Recorded response.

    ``key`` alone identifies the response; the fields before ``key`` are for people. ``copied``
    marks a response that the cache provided, because another evaluation had asked for it.
    ``reasoned`` says that the server sent the reasoning apart from the text.
    """

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
    def answer(self) -> ChatReply:
        """The response as a chat model gives it."""
        return ChatReply(
            self.text, self.stop, self.prompt_tokens, self.completion_tokens, self.reasoned
        )


class ResponseStore:
    """Store of the responses in the file ``path``, which need not exist yet. For one thread."""

    def __init__(self, path: Path) -> None:
        """Index the file. Raises `RunError` for a file that is no store of responses."""
        self.path = path
        self._spans: dict[str, tuple[int, int]] = {}
        """Offset and length in bytes of each response's line, by key."""
        self._read = 0
        """Number of the file's bytes that are indexed."""
        self.refresh()

    def __len__(self) -> int:
        return len(self._spans)

    def __contains__(self, key: str) -> bool:
        return key in self._spans

    def refresh(self) -> None:
        """Index the responses that other evaluations have added since."""
        with explained(self.path):
            try:
                with self.path.open("rb") as file:
                    self._index(file)
            except FileNotFoundError:
                pass

    def get(self, key: str) -> StoredResponse | None:
        """Return the response with this key, or None."""
        span = self._spans.get(key)
        if span is None:
            return None
        start, length = span
        with explained(self.path), self.path.open("rb") as file:
            file.seek(start)
            line = file.read(length)
        return self._entry(line, start)

    def put(self, entry: StoredResponse) -> None:
        """Add a response and sync the file to disk. A stored response with the same key stays."""
        if entry.key in self._spans:
            return
        line = lines_of([asdict(entry)])
        with explained(self.path, _ADVICE), self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            start = cut_torn_line(file)
            self._index(file)
            if entry.key in self._spans:
                return  # another evaluation has added this response in the meantime
            file.seek(start)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._spans[entry.key] = (start, len(line) - 1)
        self._read = start + len(line)

    def _index(self, file: Any) -> None:
        file.seek(self._read)
        for start, line in _whole_lines(file, self._read):
            self._spans.setdefault(self._entry(line, start).key, (start, len(line)))
            self._read = start + len(line) + 1

    def _entry(self, line: bytes, start: int) -> StoredResponse:
        with well_formed(f"{self.path}, at byte {start}"):
            fields = json.loads(line)
            entry = StoredResponse(**{**fields, "stop": StopReason(fields["stop"])})
            _check_types(entry)
            return entry


def _check_types(entry: StoredResponse) -> None:
    """Raise `TypeError` for a field of another type than is written."""
    for name in ("task", "role", "model", "key", "text"):
        if not isinstance(getattr(entry, name), str):
            raise TypeError(f"{name} is no text")
    for name in ("prompt_tokens", "completion_tokens"):
        count = getattr(entry, name)
        if count is not None and (not isinstance(count, int) or count < 0):
            raise TypeError(f"{name} is no number of tokens")


def _whole_lines(file: Any, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, line without its end) of every line from ``start`` on that has an end."""
    for line in file:
        if not line.endswith(b"\n"):
            return
        yield start, line[:-1]
        start += len(line)


def locked(directory: Path) -> Any:
    """Lock a directory against other evaluations as long as the returned file is open.

    The directory is made where it does not exist. Raises `RunError` where another evaluation has
    the lock.
    """
    with explained(directory):
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / "lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise RunError(
            f"{directory}: another command is at work in it; wait for its end, or choose "
            "another --out"
        ) from None
    return file
