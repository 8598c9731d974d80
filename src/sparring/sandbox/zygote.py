"""The process that programs are forked from: confined, warmed up, and otherwise idle.

A worker is two processes. The *server* (``server``) talks with the caller and watches programs;
the *zygote* forks them. Every page that a process writes after a fork is copied, so whoever forks
should do nothing else: the server, which works all the time, would copy its memory again for each
program. The zygote shuts itself in (``confine``), imports what contest programs import, and then
only obeys two orders: fork a program onto this socket; reap that one.

It is the parent of the programs and reports what their parent alone can know: wait status, CPU
time and peak memory. It dies with the server, and the programs with it.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparring.sandbox import confine, kernel, program, restore
from sparring.sandbox.board import Board
from sparring.sandbox.types import Level

# Imported before the first fork, so that no program pays for them.
_WARM = (
    "array bisect collections collections.abc contextlib copy dataclasses datetime enum functools "
    "heapq io itertools json math operator queue random re site string struct threading time "
    "traceback types typing"
)
_ORDER = struct.Struct("<BI")  # what, and a board's number or a process id
_FORK, _REAP = 1, 2
_DEATH = struct.Struct("<idQ")  # wait status, CPU seconds, peak KiB
_HELLO_BYTES = 1 << 16
_NUMBER = struct.Struct("<i")
_ONE_FD = socket.CMSG_SPACE(array.array("i").itemsize)


class Gone(Exception):
    """The zygote died."""


@dataclass(frozen=True, slots=True)
class Death:
    """What a process's parent knows of it in the end."""

    status: int
    cpu_seconds: float
    peak_kib: int


class Zygote:
    """The server's end: orders to a zygote."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders

    def fork(self, control: socket.socket, board: int) -> int:
        """Fork a process that serves `control` and writes on that board; its process id."""
        rights = array.array("i", (control.fileno(),))
        try:
            self._orders.sendmsg(
                (_ORDER.pack(_FORK, board),), ((socket.SOL_SOCKET, socket.SCM_RIGHTS, rights),)
            )
            answer = self._orders.recv(_NUMBER.size)
        except OSError as error:
            raise Gone(str(error)) from error
        if len(answer) < _NUMBER.size:
            raise Gone("end of file")
        pid: int = _NUMBER.unpack(answer)[0]
        return pid

    def reap(self, pid: int) -> Death:
        """Wait for the end of a process that is dead or dying, and delete what it left."""
        try:
            self._orders.send(_ORDER.pack(_REAP, pid))
            answer = self._orders.recv(_DEATH.size)
        except OSError as error:
            raise Gone(str(error)) from error
        if len(answer) < _DEATH.size:
            raise Gone("end of file")
        return Death(*_DEATH.unpack(answer))


def start(
    level: Level, scratch: str, boards: Sequence[Board], import_path: str
) -> tuple[Zygote, dict[str, object]]:
    """Fork a zygote from this process, which must be young and have one thread.

    The zygote and its layers. Raises `confine.Unavailable` if the host cannot give the level.
    """
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        try:
            mine.close()
            _live(its, level, scratch, boards, import_path)
        finally:
            os._exit(1)
    its.close()
    hello = json.loads(mine.recv(_HELLO_BYTES) or b"{}")
    if "refused" in hello:
        raise confine.Unavailable(hello["refused"])
    if "layers" not in hello:
        raise Gone(hello.get("crashed", "died as it started"))
    return Zygote(mine), hello["layers"]


def _live(
    orders: socket.socket, level: Level, scratch: str, boards: Sequence[Board], import_path: str
) -> None:
    """The zygote's whole life."""
    for name in _WARM.split():
        importlib.import_module(name)
    site = sys.modules["site"]
    site.setquit()
    site.setcopyright()
    site.sethelper()
    # As programs know it. The server ignores it; no terminal is there to send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The kernel should look at programs first when the machine runs out of memory.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")
    try:
        confinement = confine.prepare(level, scratch)
    except confine.Unavailable as error:
        orders.send(json.dumps({"refused": str(error)}).encode())
        return
    except Exception as error:
        orders.send(json.dumps({"crashed": f"{type(error).__name__}: {error}"}).encode())
        raise
    # After the change of user, which would clear it.
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    # A program finds the modules that any interpreter has, not ours.
    sys.path = [entry for entry in sys.path if entry != import_path]
    for name in [name for name in sys.modules if name.partition(".")[0] == "sparring"]:
        del sys.modules[name]
    # Made before any fork: in a program's process it is the control socket's object.
    os.dup2(orders.fileno(), restore.CONTROL_FD)
    control = socket.socket(fileno=restore.CONTROL_FD)
    os.close(restore.CONTROL_FD)
    restore.settle()
    program.warm_up()
    enter = confinement.restrict_zygote()
    orders.send(json.dumps({"layers": confinement.layers}).encode())
    gc.collect()
    gc.freeze()
    gc.disable()
    while True:
        message, ancillary, _, _ = orders.recvmsg(_ORDER.size, _ONE_FD)
        if not message:
            return
        what, number = _ORDER.unpack(message)
        if what == _FORK:
            fd = _NUMBER.unpack(ancillary[0][2])[0]
            pid = kernel.fork()
            if pid == 0:
                for other in boards:
                    if other is not boards[number]:
                        other.close()  # what a script says, its program must not be able to say
                _become_program(enter, fd)
                program.serve(control, boards[number])
            os.close(fd)
            orders.send(_NUMBER.pack(pid))
        else:
            _, status, usage = os.wait4(number, 0)
            _clean(confinement.work)
            cpu = usage.ru_utime + usage.ru_stime
            orders.send(_DEATH.pack(status, cpu, usage.ru_maxrss))


def _become_program(enter: Callable[[], None], control: int) -> None:
    """In the fork: keep the standard descriptors and the control socket, and be confined."""
    try:
        os.dup2(control, restore.CONTROL_FD)
        os.closerange(3, restore.CONTROL_FD)
        enter()
    except BaseException:  # noqa: BLE001 - of ours, before there is a program
        # The server takes SIGKILL for a failure of ours: no program can send it.
        os.kill(os.getpid(), signal.SIGKILL)


def _clean(work: str) -> None:
    """Delete what a program left. Its directory is flat: it can make no directory or link."""
    for name in os.listdir(work):
        # A script and its program share the directory: the other one may be deleting as well.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(work, name))
