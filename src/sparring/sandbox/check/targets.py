"""Targets of attacks: files, sockets and a process of this host, made for the check.

Each target is inspected after each attack.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from sparring import version

_VARIABLE = "SPARRING_CHECK"
_AS_IT_WAS = "as it was"


class Targets:
    """Targets for the time of a ``with`` block.

    Must be opened before the executor, whose processes inherit the environment.
    """

    def __enter__(self) -> Targets:
        self.nonce = secrets.token_hex(8)
        self.mark = secrets.token_hex(8)
        self.secret = secrets.token_hex(16)
        os.environ[_VARIABLE] = f"{self.nonce} {self.secret}"
        self._stack = contextlib.ExitStack()
        self._stack.callback(os.environ.pop, _VARIABLE, None)
        directory = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sparring-check-"))
        self._directory = Path(directory)
        self._directory.chmod(0o777)
        for name, text in (("secret", self.secret), ("victim", _AS_IT_WAS), ("spare", "")):
            (self._directory / name).write_text(text)
            (self._directory / name).chmod(0o666)
        self._listeners = [
            self._listen(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            self._listen(socket.AF_UNIX, socket.SOCK_STREAM, str(self._directory / "socket")),
            self._listen(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.nonce),
            self._listen(socket.AF_UNIX, socket.SOCK_DGRAM, f"\0{self.nonce}-datagrams"),
        ]
        (self._directory / "socket").chmod(0o777)
        self._victim = _sleeper()
        self._stack.callback(self._end_victim)
        self._names = sorted(os.listdir(self._directory))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def fill(self, program: str) -> str:
        """Return an attack's program with each ``@NAME@`` replaced by its target."""
        half = len(self.secret) // 2
        for name, value in (
            ("MARK", self.mark),
            ("NONCE", self.nonce),
            # In two parts, so that a program that looks for the secret does not find its own text.
            ("SECRET_A", self.secret[:half]),
            ("SECRET_B", self.secret[half:]),
            ("SECRET_FILE", str(self._directory / "secret")),
            ("VICTIM_FILE", str(self._directory / "victim")),
            ("SPARE", str(self._directory / "spare")),
            ("DIRECTORY", str(self._directory)),
            ("SOCKET", str(self._directory / "socket")),
            ("OUR_CODE", version.__file__),
            ("PARENT", str(os.getpid())),
            ("VICTIM", str(self._victim.pid)),
            ("PORT", str(self._listeners[0].getsockname()[1])),
        ):
            program = program.replace(f"@{name}@", value)
        return program

    def harm(self) -> str:
        """Restore the targets; return a text of their changes, empty if nothing has changed."""
        harm = []
        victim = self._directory / "victim"
        if not victim.exists() or victim.read_text() != _AS_IT_WAS:
            harm.append("a file of the host was changed")
            victim.write_text(_AS_IT_WAS)
        if sorted(os.listdir(self._directory)) != self._names:
            harm.append("a directory of the host was changed")
            self._names = sorted(os.listdir(self._directory))
        for listener in self._listeners:
            try:
                if listener.type == socket.SOCK_STREAM:
                    listener.accept()[0].close()
                else:
                    listener.recv(100)
            except BlockingIOError:
                continue
            harm.append("something came through the network")
        if self._victim.poll() is not None:
            harm.append("a process of the host died")
            self._victim = _sleeper()
        elif self._state() == "T":
            harm.append("a process of the host was stopped")
            self._victim.send_signal(signal.SIGCONT)
        return "; ".join(harm)

    def _end_victim(self) -> None:
        self._victim.kill()
        self._victim.wait()

    def _state(self) -> str:
        text = Path(f"/proc/{self._victim.pid}/stat").read_text()
        return text.rpartition(")")[2].split()[0]

    def _listen(
        self, family: socket.AddressFamily, kind: socket.SocketKind, address: str | tuple[str, int]
    ) -> socket.socket:
        listener = self._stack.enter_context(socket.socket(family, kind))
        listener.bind(address)
        if kind is socket.SOCK_STREAM:
            listener.listen()
        listener.setblocking(False)
        return listener


def _sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
