"""A small process between us and a server: when we are gone, however, so is the server.

    python -I guard.py PARENT COMMAND ...

Run by file name, with the standard library alone. When its parent is no
longer the process PARENT, or at SIGTERM, everything the command started is
ended. (A pipe from the parent would not do: processes that are forked from it
hold the other end open.) A server's own children are not trusted to follow
it: they become the guard's (it is their subreaper) and are ended too, as they
are when the server dies by itself. The exit code is the server's, 128 + n
where signal n killed it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE = 10.0
"""Seconds between asking to end and ending."""
LOOK = 0.2
"""Seconds between looks at the parent."""


def main(parent: int, command: list[str]) -> int:
    """Run ``command`` until it ends, our parent does, or we are asked to."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: asked.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's to hear
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    server = subprocess.Popen(
        command, preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    )
    while server.poll() is None and os.getppid() == parent and not asked.wait(LOOK):
        pass
    if server.poll() is None:
        server.terminate()
        deadline = time.monotonic() + GRACE
        while server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if server.poll() is None:
            server.kill()
    code = server.wait()
    end_children()
    return code if code >= 0 else 128 - code


def end_children() -> None:
    """Kill what is left, until there is none: a killed child's children come to us."""
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and (children := children_of(os.getpid())):
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                continue
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                break
        time.sleep(0.02)


def children_of(parent: int) -> list[int]:
    """Process ids of the children of ``parent``."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(name))
    return found


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
