"""Files that are whole or not there, and checksums of what is in them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

PARTIAL = ".partial"
"""Ending of what is still being written."""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside and rename it: a reader sees the old one or the new one, whole; on disk
    when this returns."""
    with replacing(path) as beside:
        beside.write_bytes(data)


@contextlib.contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """A name beside ``path`` for a file or a directory to be written at. It takes the place of
    ``path`` when the block ends well, on disk if ``durable``; else nothing of it stays."""
    beside = path.with_name(path.name + PARTIAL)
    _remove(beside)  # of a process that was killed
    try:
        yield beside
        inside = beside.rglob("*") if beside.is_dir() else (beside,)
        for file in inside if durable else ():
            if file.is_file():
                sync(file)
        if beside.is_dir():
            shutil.rmtree(path, ignore_errors=True)  # a directory cannot be renamed over another
        beside.replace(path)
        if durable:
            sync(path.parent)
    except BaseException:  # raised again: half a file is not left
        _remove(beside)
        raise


def checksum(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(data: object) -> str:
    """32 hexadecimal digits that JSON-able data is known by."""
    return digest_of_bytes(json.dumps(data, sort_keys=True).encode())


def digest_of_bytes(data: bytes) -> str:
    """The same of data as it is."""
    return hashlib.sha256(data).hexdigest()[:32]


def sync(path: Path) -> None:
    """Have the system write a file, or a directory's names, to the disk."""
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
