"""Messages on the stream between a test script's process and its program's: length, then bytes.

Both ends use plain descriptors, because either side may have replaced `open` or the socket module.
"""

from __future__ import annotations

import os
import struct

MAX_BYTES = 64 << 20
VALUE, ERROR, USELESS = b"v", b"e", b"u"
"""First byte of an answer: a value, an error, or an error by which every call would fail."""
_LENGTH = struct.Struct("<I")
_READ_BYTES = 1 << 20


def send(channel: int, message: bytes) -> None:
    """Write one message. Raises `ValueError`, with nothing written, beyond `MAX_BYTES`."""
    if len(message) > MAX_BYTES:
        raise ValueError("a message that is too long")
    write_all(channel, _LENGTH.pack(len(message)) + message)


def receive(channel: int) -> bytes | None:
    """Read the next message; return None at the stream's end.

    Raises `ValueError` for a message beyond `MAX_BYTES`.
    """
    head = _read(channel, _LENGTH.size)
    if head is None:
        return None
    [length] = _LENGTH.unpack(head)
    if length > MAX_BYTES:
        raise ValueError("a message that is too long")
    return _read(channel, length)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data` to a descriptor, in as many calls as needed."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_all(fd: int) -> bytes:
    """Read a descriptor to its end, close it, and return the bytes."""
    parts = []
    while part := os.read(fd, _READ_BYTES):
        parts.append(part)
    os.close(fd)
    return b"".join(parts)


def _read(fd: int, count: int) -> bytes | None:
    # Only bytes that have arrived take memory, whatever length a peer has announced.
    parts = []
    while count:
        part = os.read(fd, min(count, _READ_BYTES))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
