"""Start of a grader's host: a process that the machine holds back as far as it can.

    python -m sparring.graders.confined PYTHON host.py module:function

Run as a program, it moves itself into namespaces and becomes the host there. It uses the same
system calls as the sandbox (`sparring.sandbox.isolation`), but leaves a grader what it may need:
its own environment to read, processes of its own, an empty ``/tmp``. Held back are writes to files
outside ``/tmp``, signals to other processes, and the network beyond a loopback of its own. Where
the machine offers no namespaces, the host is started all the same, and its first line says so.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Sequence

from sparring.sandbox.isolation import kernel

HELD = "files outside /tmp, processes and network are held back (namespaces)"
HELD_WITH_NETWORK = (
    "files outside /tmp and processes are held back (namespaces); the network is not"
)
NOT_HELD = "nothing is held back but memory, file size and time"

_SPACES = kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS | kernel.CLONE_NEWPID
_SPACES |= kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC
_PRIVATE = kernel.MS_NOSUID | kernel.MS_NODEV
_ROOM = "size=512m,mode=1777"
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def confined_command(python: str, host: str, spec: str, network: bool) -> list[str]:
    """Return the command that starts a host. With ``network`` it keeps the machine's network."""
    own = [sys.executable, "-m", "sparring.graders.confined", "1" if network else "0"]
    return [*own, python, host, spec]


def held_back(network: bool) -> str:
    """Return the statement of what the namespaces hold back."""
    statement = HELD_WITH_NETWORK if network else HELD
    return f"{statement}, except root's kernel settings in /proc" if os.getuid() == 0 else statement


def main(arguments: Sequence[str]) -> None:
    """Become the host, within namespaces where there are any."""
    network, command = arguments[0] == "1", list(arguments[1:])
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    # Another process tries first, because a failure halfway would leave this one in between.
    if not _possible(network, command):
        _say(NOT_HELD)
        os.execv(command[0], command)
    _enter(network)
    first = os.fork()
    if first == 0:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        _furnish(network, command)
        os.environ |= {"HOME": "/tmp", "TMPDIR": "/tmp"}
        _say(held_back(network))
        # The kernel shields the first process from signals, so the host is the second.
        host = os.fork()
        if host == 0:
            os.execv(command[0], command)
        os.closerange(0, 2)
        ended = 0, 0
        while ended[0] != host:
            ended = os.wait()
        os._exit(os.waitstatus_to_exitcode(ended[1]) & 255)
    os.closerange(0, 2)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) & 255)


def _possible(network: bool, command: Sequence[str]) -> bool:
    """Return True if this machine offers the namespaces."""

    def in_namespaces() -> bool:
        _enter(network)
        return _succeeds(lambda: _furnish(network, command))

    return _succeeds(in_namespaces)


def _succeeds(act: Callable[[], bool | None]) -> bool:
    """Carry out ``act`` in a child; return True unless it failed or returned False."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(1 if act() is False else 0)
        except OSError:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _enter(network: bool) -> None:
    """Move into new namespaces, whose next child is the first process there."""
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(_SPACES & ~kernel.CLONE_NEWNET if network else _SPACES)
    _map(uid, gid)


def _furnish(network: bool, command: Sequence[str]) -> None:
    """Give the namespaces their files and their network, and make that final."""
    _mount(command)
    if not network:
        _loopback()
    # A mount that stems from another user namespace cannot be changed.
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
    _map(uid, gid)


def _map(uid: int, gid: int) -> None:
    """Keep the user's own ids in the new user namespace."""
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _mount(command: Sequence[str]) -> None:
    """Make every file read-only except an empty ``/tmp`` and ``/dev/shm``, and show the namespace's
    own processes. Directories below ``/tmp`` that the host needs stay there, read-only."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kept = {path: os.open(path, os.O_PATH) for path in _below_tmp(command)}
    kernel.make_read_only("/", devices=True)
    kernel.mount("tmpfs", "/tmp", "tmpfs", _PRIVATE, _ROOM)
    for path, fd in kept.items():
        os.makedirs(path, exist_ok=True)
        kernel.bind_read_only(f"/proc/self/fd/{fd}", path)
        os.close(fd)
    if os.path.isdir("/dev/shm"):
        kernel.mount("tmpfs", "/dev/shm", "tmpfs", _PRIVATE, _ROOM)
    kernel.mount("proc", "/proc", "proc", _PRIVATE | kernel.MS_NOEXEC)


def _below_tmp(command: Sequence[str]) -> list[str]:
    """Return the directories below ``/tmp`` that hold the interpreter, the host, the modules."""
    python = os.path.realpath(command[0])
    places = [
        os.path.dirname(os.path.dirname(os.path.abspath(command[0]))),
        os.path.dirname(os.path.dirname(python)),
        os.path.dirname(os.path.abspath(command[1])),
        os.getcwd(),
        *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)),
    ]
    below = sorted({os.path.realpath(p) for p in places if os.path.realpath(p) != "/tmp"})
    below = [p for p in below if p.startswith("/tmp/") and os.path.isdir(p)]
    return [p for p in below if not any(p.startswith(f"{other}/") for other in below)]


def _loopback() -> None:
    """Bring up the loopback of a new network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH22x", b"lo", 0)
        flags = struct.unpack("16sH22x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))


def _say(what: str) -> None:
    os.write(1, (json.dumps({"held": what}) + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1:])
