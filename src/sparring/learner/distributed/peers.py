"""A line between the processes of a run, beside gloo and NCCL: all end when one has failed.

Collective operations know nothing of failures: NCCL waits ten minutes for a
process that has run out of memory, gloo waits days for an order. So each
process keeps a connection to the first one, watched by a thread. What a
failing process says there, or the silence of one that was killed (the kernel
closes its connections), reaches all within a second, wherever they wait.

A process that hears of a failure mostly ends by itself: its own collective
operation fails, because connections close or NCCL's groups are aborted, or
`PeerLost` is raised in its main thread. One that does not is ended here.
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
"""Seconds for all to connect."""
_SIGNAL = signal.SIGUSR2
"""What takes the main thread out of a wait of Python's."""
_BY_ITSELF = 2.0
"""Seconds for an operation with the lost process to fail before the main thread is called out."""
GRACE = 20.0
"""Seconds to end in an orderly way; a follower, which has nothing to close, has fewer."""
_FOLLOWER_GRACE = 5.0
_ALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))
"""Two minutes until a machine that is gone is noticed; and no idle connection that a cloud cuts."""


class PeerLost(KeyboardInterrupt):
    """Another process has failed. Goes through everything as a second Ctrl-C does."""


class Peers:
    """This process's end of the line. ``why`` is what is known of a failure."""

    def __init__(self, rank: int, size: int, tell: Callable[[Any], Any], address: str) -> None:
        """``tell`` gives all processes the first one's value; ``address`` is the first one's.
        Raises OSError."""
        self.rank = rank
        self.size = size
        self.why: str | None = None
        self.busy = False
        """Whether the main thread works together with others."""
        self.unwinding = False
        """Whether an operation with others has failed already."""
        self.abort: Callable[[], None] | None = None
        """What frees the main thread from waiting for a GPU."""
        self._left = threading.Event()
        self._known = threading.Event()
        self._links: dict[socket.socket, int] = {}
        if rank == 0:
            self._listen(tell)
            signal.signal(_SIGNAL, self._raise)
        else:
            self._connect(tell, address)
        threading.Thread(target=self._watch, name="peers", daemon=True).start()

    def failed(self, why: str) -> None:
        """Tell the others that this process has failed, once."""
        self._say({"rank": self.rank, "failed": why})

    def leave(self) -> None:
        """Say goodbye: the connections close, and that is no failure."""
        self._left.set()
        self._say({})
        for link in self._links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def reason(self, seconds: float = 2.0) -> str | None:
        """What is known of a failure, given ``seconds`` to arrive."""
        self._known.wait(seconds)
        return self.why

    def _listen(self, tell: Callable[[Any], Any]) -> None:
        family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        with socket.create_server(
            ("", 0), family=family, dualstack_ipv6=family is socket.AF_INET6, backlog=self.size
        ) as server:
            secret = secrets.token_hex(16)
            tell((server.getsockname()[1], secret))
            deadline = time.monotonic() + _JOINING
            while len(self._links) < self.size - 1:
                server.settimeout(max(0.1, deadline - time.monotonic()))
                link, _ = server.accept()
                link.settimeout(_JOINING)
                said = link.makefile("rb").readline(200).decode("utf-8", "replace").split()
                if len(said) != 2 or said[0] != secret or not said[1].isdigit():
                    link.close()  # a stranger
                    continue
                self._links[_kept(link)] = int(said[1])

    def _connect(self, tell: Callable[[Any], Any], address: str) -> None:
        port, secret = tell(None)
        link = socket.create_connection((address, port), timeout=_JOINING)
        link.sendall(f"{secret} {self.rank}\n".encode())
        self._links[_kept(link)] = 0

    def _watch(self) -> None:
        """Listen until this process leaves, or hears of a failure."""
        with selectors.DefaultSelector() as selector:
            for link in self._links:
                selector.register(link, selectors.EVENT_READ, b"")
            while selector.get_map() and not self._left.is_set():
                for key, _ in selector.select(1.0):
                    data = _read(key.fileobj)
                    text = key.data + data
                    if data and b"\n" not in text:
                        selector.modify(key.fileobj, selectors.EVENT_READ, text)
                        continue
                    selector.unregister(key.fileobj)
                    self._heard(text, self._links[key.fileobj])  # type: ignore[index]
                    if self.why is not None:
                        break
                if self.why is not None:
                    break
        if self.why is not None and not self._left.is_set():
            self._known.set()
            self._end()

    def _heard(self, text: bytes, sender: int) -> None:
        """What has come from a process: a failure, goodbye, or nothing more."""
        try:
            told = json.loads(text.split(b"\n")[0])
        except ValueError:
            told = {"rank": sender, "failed": None}
        if not told or self._left.is_set():
            return
        if told["failed"] is None:
            who = "the first process" if told["rank"] == 0 else f"process {told['rank']}"
            self.why = f"{who} has ended without a word: it was killed, or its machine is gone"
        else:
            self.why = f"process {told['rank']} of {self.size}: {told['failed']}"
        if self.rank == 0:
            self._say(told, but=sender)

    def _say(self, told: dict[str, Any], but: int | None = None) -> None:
        for link, rank in self._links.items():
            if rank != but:
                with contextlib.suppress(OSError):  # who is gone need not hear
                    link.sendall(json.dumps(told).encode() + b"\n")

    def _end(self) -> None:
        """See that this process ends."""
        if self.abort is not None and self.busy:
            self.abort()
        if self.busy:
            self._left.wait(_BY_ITSELF)
        if self.rank == 0 and not self.unwinding and not self._left.is_set():
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, _SIGNAL)
        if not self._left.wait(GRACE if self.rank == 0 else _FOLLOWER_GRACE):
            line = f"process {self.rank} of {self.size}: ended, because of {self.why}\n"
            os.write(2, line.encode())
            os._exit(1)

    def _raise(self, number: int, frame: FrameType | None) -> None:
        if self.why is not None and not self._left.is_set() and not self.unwinding:
            self.unwinding = True
            raise PeerLost(self.why)


def _kept(link: socket.socket) -> socket.socket:
    """The connection, kept alive while nothing is said."""
    link.settimeout(None)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _ALIVE:
        link.setsockopt(socket.IPPROTO_TCP, option, value)
    return link


def _read(link: Any) -> bytes:
    try:
        return bytes(link.recv(4096))
    except OSError:  # reset: as good as closed
        return b""
