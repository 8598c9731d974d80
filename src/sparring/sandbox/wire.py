"""Messages between the pool and a worker: a length, then JSON.

JSON because nothing that comes back is ever unpickled; lone surrogates (bytes
that are not UTF-8) survive its escapes.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_HEAD = struct.Struct("!I")


def send(sock: socket.socket, message: dict[str, Any]) -> None:
    """Send one message, whole."""
    body = json.dumps(message).encode("ascii")
    sock.sendall(_HEAD.pack(len(body)) + body)


def receive(sock: socket.socket) -> dict[str, Any] | None:
    """The next message, or None when the other side has gone."""
    head = _exactly(sock, _HEAD.size)
    if head is None:
        return None
    body = _exactly(sock, _HEAD.unpack(head)[0])
    if body is None:
        return None
    message: dict[str, Any] = json.loads(body)
    return message


def _exactly(sock: socket.socket, count: int) -> bytes | None:
    parts = []
    while count:
        part = sock.recv(min(count, 1 << 20))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
