"""The server's orders to a program's process, and the process's one-letter answers on the board.

The first message says what the process is for (`Part`) and brings its source; each further one
brings a run. An `Ending` is the process's own word: a program could forge it.
"""

from __future__ import annotations

from enum import StrEnum

NEXT, LAST = b".", b"!"
"""What a run's message begins with, before 8 bytes of random seed."""


class Part(StrEnum):
    """What a process is for. The first letter of the first message."""

    STDIN = "s"
    CALL = "c"
    RESPONDER = "r"
    """Answers the calls of a script that runs in another process."""
    SCRIPT = "t"


class Ending(StrEnum):
    """How a run ended, as its own process tells it. The letter on the board."""

    OK = "o"
    ERROR = "e"
    NO_MEMORY = "m"
    ASSERTION = "a"
    """A script's own assertion failed."""


def load_message(
    part: Part, source: bytes, entry_point: str, front: bytes, *, spent_after_one: bool
) -> tuple[bytes, bytes]:
    """The first message to a process, and what its descriptor has to hold."""
    text = b"%b\n%d\n%b%b" % (entry_point.encode(), len(front), front, source)
    flag = b"1" if spent_after_one else b"0"
    return part.value.encode() + flag + len(text).to_bytes(7, "little"), text
