"""A small process between us and a server: when we are gone, however, so is the server.

    python -I guard.py COMMAND ...

Run by file name, with the standard library alone. Its standard input is a
pipe that we hold: at its end, or when its parent is another, everything the
command started is ended. A server's own children are not trusted to follow
it: they become the guard's (it is their subreaper) and are ended too, as they
are when the server dies by itself. The exit code is the server's, 128 + n
where signal n killed it.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE = 10.0
"""Seconds between asking to end and ending."""


def main(command: list[str]) -> int:
    """Run ``command`` until it ends or our parent does."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's to hear
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    parent = os.getppid()
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
    )
    while server.poll() is None and os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], 0.2)
        if readable and not os.read(0, 4096):
            break
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
    sys.exit(main(sys.argv[1:]))
