"""The server's orders to a program's process, and the process's one-letter answers.

The first message names the purpose of the process (`ProcessRole`) and brings its source. Each
further message brings one execution. An `Ending` is the process's own claim, which a program could
forge.
"""

from __future__ import annotations

from enum import StrEnum

NEXT, LAST = b".", b"!"
"""First byte of an execution's message; 8 bytes of random seed follow. LAST ends a batch."""


class ProcessRole(StrEnum):
    """Purpose of a process: the first letter of its first message."""

    STDIN = "s"
    CALL = "c"
    RESPONDER = "r"
    """A program that answers the calls of a script in another process."""
    SCRIPT = "t"


class Ending(StrEnum):
    """End of an execution by its own process's account: a letter on the status page."""

    OK = "o"
    ERROR = "e"
    NO_MEMORY = "m"
    ASSERTION = "a"
    """An assertion of a script failed."""


def load_message(
    part: ProcessRole, source: bytes, entry_point: str, preamble: bytes, *, spent_after_one: bool
) -> tuple[bytes, bytes]:
    """Return the first message to a process, and the bytes that its descriptor must hold."""
    text = b"%b\n%d\n%b%b" % (entry_point.encode(), len(preamble), preamble, source)
    flag = b"1" if spent_after_one else b"0"
    return part.value.encode() + flag + len(text).to_bytes(7, "little"), text
