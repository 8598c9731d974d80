"""Files that are either complete or absent, and checksums of files and data."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".partial"
"""Ending of the name of a file or directory that is still being written."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under another name and rename the file to ``path``.

    A reader sees either the old file or the new one, complete. The new file is on disk when the
    function returns.
    """
    with replacing(path) as partial:
        partial.write_bytes(data)


@contextlib.contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """Give a name beside ``path``, for a file or a directory to be written at.

    When the block ends without an exception, the file or directory replaces ``path``, and is on
    disk if ``durable``. After an exception it is removed.
    """
    partial = path.with_name(path.name + PARTIAL)
    _remove(partial)  # left by a process that was killed
    try:
        yield partial
        inside = partial.rglob("*") if partial.is_dir() else (partial,)
        for file in inside if durable else ():
            if file.is_file():
                sync(file)
        if partial.is_dir():
            shutil.rmtree(path, ignore_errors=True)  # a directory cannot be renamed over another
        partial.replace(path)
        if durable:
            sync(path.parent)
    except BaseException:  # raised again: half a file is not left
        _remove(partial)
        raise


def cut_torn_line(file: BinaryIO) -> int:
    """Cut away a last line without its end, which a killed process may have left; return the offset
    at which the next line begins."""
    end = file.seek(0, os.SEEK_END)
    offset = end
    while offset:
        step = min(offset, 1 << 16)
        file.seek(offset - step)
        newline = file.read(step).rfind(b"\n")
        if newline >= 0:
            offset = offset - step + newline + 1
            break
        offset -= step
    if offset != end:
        file.truncate(offset)
        file.seek(offset)
    return offset


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(data: object) -> str:
    """Return 32 hexadecimal digits that identify JSON-able data."""
    return digest_of_bytes(json.dumps(data, sort_keys=True).encode())


def digest_of_bytes(data: bytes) -> str:
    """Return 32 hexadecimal digits that identify bytes."""
    return hashlib.sha256(data).hexdigest()[:32]


def sync(path: Path) -> None:
    """Make the operating system write a file, or the names in a directory, to the disk."""
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
