"""Numbers from ``/proc/PID/status``, a text that a program can influence.

The first line is the process's name, and a program may choose any name (``prctl``), such as
"RssAnon: 0". The kernel escapes line ends in the name, so fields are sought at a line's start.
"""

from __future__ import annotations


def count(text: bytes, name: bytes) -> int:
    """Return the number in the line of field `name` (with its colon); 0 without such a line."""
    start = text.find(b"\n" + name)
    if start < 0:
        return 0
    start += 1 + len(name)
    return int(text[start : text.index(b"\n", start)].split()[0])


def mib(text: bytes, name: bytes) -> float:
    """Return the KiB in the line of field `name` as MiB."""
    return count(text, name) / 1024
