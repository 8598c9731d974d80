"""Numbers from ``/proc/PID/status``, a text in which the program has a say.

Its first line is the process's name, which any program may choose (``prctl``), "RssAnon: 0" among
others. The kernel escapes line ends in it, so a field is looked for at the start of a line.
"""

from __future__ import annotations


def count(text: bytes, name: bytes) -> int:
    """The number of a line; `name` with its colon. 0 if the line is not there."""
    start = text.find(b"\n" + name)
    if start < 0:
        return 0
    start += 1 + len(name)
    return int(text[start : text.index(b"\n", start)].split()[0])


def mib(text: bytes, name: bytes) -> float:
    """The KiB of a line, in MiB."""
    return count(text, name) / 1024
