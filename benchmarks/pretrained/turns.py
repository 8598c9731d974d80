"""Turns of processes that make files in one directory: the second one waits for the first."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sparring.errors import explained


@contextmanager
def one_at_a_time(directory: Path) -> Iterator[None]:
    """Make ``directory`` if need be, and hold it alone within the block; another process waits.

    Raises `RunError` if the directory cannot be made.
    """
    with explained(directory, "repeat the command"):
        directory.mkdir(parents=True, exist_ok=True)
        place = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)
