"""Messages on the stream between a test script's process and its program's: length, then bytes.

Both ends use plain descriptors, for either side may have replaced `open` and the socket module.
"""

from __future__ import annotations

import os
import struct

MAX_BYTES = 64 << 20
VALUE, ERROR, USELESS = b"v", b"e", b"u"
"""What an answer begins with. USELESS: an error, for which no call of this program can succeed."""
_LENGTH = struct.Struct("<I")
_READ_BYTES = 1 << 20


def send(channel: int, message: bytes) -> None:
    """Write one message. Raises `ValueError`, with nothing written, if it is too long."""
    if len(message) > MAX_BYTES:
        raise ValueError("a message that is too long")
    write_all(channel, _LENGTH.pack(len(message)) + message)


def receive(channel: int) -> bytes | None:
    """Read the next message; None at the stream's end. Raises `ValueError` if it is too long."""
    head = _read(channel, _LENGTH.size)
    if head is None:
        return None
    [length] = _LENGTH.unpack(head)
    if length > MAX_BYTES:
        raise ValueError("a message that is too long")
    return _read(channel, length)


def write_all(fd: int, data: bytes) -> None:
    """Write to a descriptor, however many calls that takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def read_all(fd: int) -> bytes:
    """Read a descriptor to its end, and close it."""
    parts = []
    while part := os.read(fd, _READ_BYTES):
        parts.append(part)
    os.close(fd)
    return b"".join(parts)


def _read(fd: int, count: int) -> bytes | None:
    # Only what has arrived takes memory, whatever length was announced.
    parts = []
    while count:
        part = os.read(fd, min(count, _READ_BYTES))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
