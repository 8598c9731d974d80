"""Process guard between Sparring and a server: ends the server when Sparring ends, for any reason.

    python -I guard.py PARENT COMMAND ...

The guard is run by file name, with the standard library alone. It ends everything that COMMAND
started at SIGTERM, or as soon as its parent is no longer the process PARENT. (A pipe from the
parent would not do: processes forked from the parent would hold the other end open.) The guard is
the subreaper of the server's children: orphaned children become the guard's children. The guard
ends them too, even when the server dies by itself. The exit code is the server's, or 128 + n if
signal n killed it.
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
"""Seconds between SIGTERM and SIGKILL."""
LOOK = 0.2
"""Seconds between two checks of the parent."""


def main(parent: int, command: list[str]) -> int:
    """Run ``command`` until it ends, the parent ends, or SIGTERM arrives. Returns the exit code."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: asked.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer alone reacts to Ctrl-C
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
    """Kill all children, until none is left: a killed child's own children become this process's
    children."""
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
    """Return the process ids of the children of ``parent``."""
    children = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            children.append(int(name))
    return children


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
