"""Connections among the processes of a run, beside gloo and NCCL: if one process fails, all end.

Collective operations do not report failures. NCCL waits ten minutes for a process that has run out
of memory; gloo waits days for an order. So each process keeps a TCP connection to the first
process, watched by a thread. The message of a failing process reaches all others within a second,
wherever they wait. So does the death of a killed process, because the kernel closes its
connections.

A process that learns of a failure usually ends by itself. Its collective operation fails, because
connections close or NCCL's groups are aborted, or `PeerLost` is raised in its main thread. A
process that does not end by itself is ended here.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

_JOINING = 60.0
"""Seconds within which all processes must connect."""
_SIGNAL = signal.SIGUSR2
"""Signal that interrupts a wait of the main thread in Python."""
_BY_ITSELF = 2.0
"""Seconds that a pending operation has to fail by itself before the main thread is interrupted."""
GRACE = 20.0
"""Seconds that the first process has to end in an orderly way."""
_FOLLOWER_GRACE = 5.0
"""Seconds that any other process has: it holds no files or servers to close."""
_ALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))
"""TCP keep-alive: a lost machine is noticed within two minutes, and no network cuts the connection
for being idle."""


class PeerLost(KeyboardInterrupt):
    """Raised in the main thread when another process has failed.

    As a KeyboardInterrupt it passes through all handlers of ordinary errors, as a second Ctrl-C
    does.
    """


class Peers:
    """This process's connections to the others. ``why`` is the reason of a failure, None before."""

    def __init__(self, rank: int, size: int, broadcast: Callable[[Any], Any], address: str) -> None:
        """Connect this process. ``broadcast`` sends the first process's value to all; ``address``
        is the first process's address. Raises OSError if a process does not connect."""
        self.rank = rank
        self.size = size
        self.why: str | None = None
        self.busy = False
        """Whether the main thread is within a collective operation."""
        self.unwinding = False
        """Whether a collective operation has failed already, so that the main thread is ending."""
        self.abort: Callable[[], None] | None = None
        """Function that frees the main thread from waiting for a GPU; None without GPUs."""
        self._has_left = threading.Event()
        """Set when this process has left the run."""
        self._failure_known = threading.Event()
        """Set when ``why`` holds the reason of a failure."""
        self._links: dict[socket.socket, int] = {}
        if rank == 0:
            self._listen(broadcast)
            signal.signal(_SIGNAL, self._raise)
        else:
            self._connect(broadcast, address)
        threading.Thread(target=self._watch, name="peers", daemon=True).start()

    def failed(self, why: str) -> None:
        """Tell the others that this process has failed, and ``why``."""
        self._send({"rank": self.rank, "failed": why})

    def leave(self) -> None:
        """Tell the others that this process has not failed, then close the connections."""
        self._has_left.set()
        self._send({})
        for link in self._links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def reason(self, seconds: float = 2.0) -> str | None:
        """Return the reason of a failure, after waiting up to ``seconds`` for it to arrive; None
        if none arrives."""
        self._failure_known.wait(seconds)
        return self.why

    def _listen(self, broadcast: Callable[[Any], Any]) -> None:
        family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        with socket.create_server(
            ("", 0), family=family, dualstack_ipv6=family is socket.AF_INET6, backlog=self.size
        ) as server:
            secret = secrets.token_hex(16)
            broadcast((server.getsockname()[1], secret))
            deadline = time.monotonic() + _JOINING
            while len(self._links) < self.size - 1:
                server.settimeout(max(0.1, deadline - time.monotonic()))
                link, _ = server.accept()
                link.settimeout(_JOINING)
                greeting = link.makefile("rb").readline(200).decode("utf-8", "replace").split()
                if len(greeting) != 2 or greeting[0] != secret or not greeting[1].isdigit():
                    link.close()  # not a process of this run
                    continue
                self._links[_kept(link)] = int(greeting[1])

    def _connect(self, broadcast: Callable[[Any], Any], address: str) -> None:
        port, secret = broadcast(None)
        link = socket.create_connection((address, port), timeout=_JOINING)
        link.sendall(f"{secret} {self.rank}\n".encode())
        self._links[_kept(link)] = 0

    def _watch(self) -> None:
        """Listen until this process leaves or learns of a failure. Runs on a thread."""
        with selectors.DefaultSelector() as selector:
            for link in self._links:
                selector.register(link, selectors.EVENT_READ, b"")
            while selector.get_map() and not self._has_left.is_set():
                for key, _ in selector.select(1.0):
                    data = _read(key.fileobj)
                    text = key.data + data
                    if data and b"\n" not in text:
                        selector.modify(key.fileobj, selectors.EVENT_READ, text)
                        continue
                    selector.unregister(key.fileobj)
                    self._receive(text, self._links[key.fileobj])  # type: ignore[index]
                    if self.why is not None:
                        break
                if self.why is not None:
                    break
        if self.why is not None and not self._has_left.is_set():
            self._failure_known.set()
            self._end()

    def _receive(self, text: bytes, sender: int) -> None:
        """Handle the message of a process: a failure, or {} before it leaves. A connection that
        closes without a complete message counts as a failure."""
        try:
            message = json.loads(text.split(b"\n")[0])
        except ValueError:
            message = {"rank": sender, "failed": None}
        if not message or self._has_left.is_set():
            return
        if message["failed"] is None:
            name = "the first process" if message["rank"] == 0 else f"process {message['rank']}"
            self.why = f"{name} has ended without a message: it was killed, or its machine is gone"
        else:
            self.why = f"process {message['rank']} of {self.size}: {message['failed']}"
        if self.rank == 0:  # the others are connected to the first process alone
            self._send(message, but=sender)

    def _send(self, message: dict[str, Any], but: int | None = None) -> None:
        for link, rank in self._links.items():
            if rank != but:
                with contextlib.suppress(OSError):  # a process that is gone need not know
                    link.sendall(json.dumps(message).encode() + b"\n")

    def _end(self) -> None:
        """Make this process end: first by the failure of its operation, then by `PeerLost` in the
        main thread of the first process, finally by `os._exit`."""
        if self.abort is not None and self.busy:
            self.abort()
        if self.busy:
            self._has_left.wait(_BY_ITSELF)
        if self.rank == 0 and not self.unwinding and not self._has_left.is_set():
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, _SIGNAL)
        if not self._has_left.wait(GRACE if self.rank == 0 else _FOLLOWER_GRACE):
            line = f"process {self.rank} of {self.size}: ended: {self.why}\n"
            os.write(2, line.encode())
            os._exit(1)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if self.why is not None and not self._has_left.is_set() and not self.unwinding:
            self.unwinding = True
            raise PeerLost(self.why)


def _kept(link: socket.socket) -> socket.socket:
    """Return the connection, without a timeout and with keep-alive set."""
    link.settimeout(None)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _ALIVE:
        link.setsockopt(socket.IPPROTO_TCP, option, value)
    return link


def _read(link: Any) -> bytes:
    try:
        return bytes(link.recv(4096))
    except OSError:  # a reset connection counts as closed
        return b""
