"""The caller's end of a worker: its start, its socket, its death.

A worker is a new interpreter, never a fork of this process. It has its own environment variables
and its own session (Ctrl-C reaches only the caller). It gets one descriptor from the caller: its
socket, as descriptor 0. When the caller ends, for any reason, the socket closes and the worker ends
too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from sparring.errors import SandboxError
from sparring.sandbox.protocol import frames
from sparring.sandbox.protocol.start import Start

_START_SECONDS = 60.0
_HELLO_BYTES = 1 << 20
_IMPORT_PATH = str(Path(__file__).resolve().parents[3])
# Modules are loaded by way of a descriptor (/proc/self/fd/N). Programs can read a module's path in
# its code objects, and must not learn where on this host the project lies.
_BOOT = """
import os, sys
place = os.read(0, os.read(0, 1)[0] << 8 | os.read(0, 1)[0])
opened = f"/proc/self/fd/{os.open(place, os.O_PATH)}"
sys.path.append(opened if os.path.isdir(opened) else place.decode())
del place, opened
from sparring.sandbox.worker.server import main
# Called when the frame of `main` has gone: programs are forked from what it returns.
run = main()
del main
run()
"""
# Deep recursion through C needs stack. The size of the stack is fixed when an interpreter starts.
_STACK_KIB = 1 << 20
_SHELL = f'ulimit -S -s {_STACK_KIB} 2>/dev/null || ulimit -S -s "$(ulimit -H -s)"; exec "$@"'


def _interpreter() -> str:
    """Return the base interpreter, because a virtual environment's interpreter may lie inside the
    project."""
    base = getattr(sys, "_base_executable", None)
    return base if base and os.path.exists(base) else sys.executable


class LevelRefused(Exception):
    """Raised when the worker cannot give the level on this host; the message says why."""


class Worker:
    """Running worker. To be used from one thread at a time, except for `kill`."""

    def __init__(self, start: Start, hash_seed: int = 0) -> None:
        """Start a worker and make its scratch directory. `hello` then waits until the worker is
        ready."""
        self._scratch = Path(start.scratch)
        self._scratch.mkdir(mode=0o700)
        self.socket, its = socket.socketpair()
        python = [_interpreter(), "-S", "-s", "-P", "-B", "-X", "utf8", "-c", _BOOT]
        environment = {
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/tmp",
            "PYTHONHASHSEED": str(hash_seed),
        }
        if "LD_LIBRARY_PATH" in os.environ:  # some interpreters need it to start
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        with its:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                ["/bin/sh", "-c", _SHELL, "sh", *python],
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        path = _IMPORT_PATH.encode()
        with contextlib.suppress(OSError, frames.BrokenPeer):  # `hello` will find it dead
            self.socket.sendall(len(path).to_bytes(2, "big") + path)
            frames.send(self.socket, start.header())

    @property
    def pid(self) -> int:
        """Process id of the worker's server."""
        return self._process.pid

    def hello(self) -> dict[str, object]:
        """Wait until the worker is ready; return its layers of isolation.

        Raises `LevelRefused` if the host cannot give the level, and `SandboxError` if the worker
        fails.
        """
        self.socket.settimeout(_START_SECONDS)
        try:
            header, _ = frames.receive(self.socket, _HELLO_BYTES, 0)
        except (frames.BrokenPeer, TimeoutError) as error:
            self.kill()
            status = self._process.returncode
            raise SandboxError(
                f"a sandbox worker did not start ({error or 'timeout'}, status {status}): "
                f"check that {sys.executable} runs, and the limits on processes and memory."
            ) from error
        if "refused" in header:
            self.kill()
            raise LevelRefused(str(header["refused"]))
        if "crashed" in header:
            self.kill()
            raise SandboxError(f"a sandbox worker failed as it started: {header['crashed']}")
        if "hello" not in header:
            self.kill()
            raise SandboxError(f"a sandbox worker failed as it started: {header}")
        layers: dict[str, object] = header["hello"]
        return layers

    def kill(self) -> None:
        """End the worker and every process that it started, and delete its directory."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self._process.kill()
        self._process.wait()
        self.socket.close()
        shutil.rmtree(self._scratch, ignore_errors=True)
