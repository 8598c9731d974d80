"""The process that programs are forked from: confined, warmed up, and otherwise idle.

A worker is two processes: the *server* (``server``) talks with the caller and watches programs, and
the *zygote* forks them. A process copies every page that it writes after a fork, so the process
that forks should do nothing else: the busy server would copy its memory again for each program.

The zygote confines itself (``confine``), imports the modules that contest programs import, and
then obeys two orders: fork a program onto a socket, and reap a program. As the programs' parent,
the zygote alone knows their wait status, CPU time and peak memory, and reports them. The zygote
dies with the server, and the programs die with the zygote.
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
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
from functools import partial

from sparring.sandbox.inside import program, restore
from sparring.sandbox.isolation import confine, kernel, package_files
from sparring.sandbox.protocol.start import Start
from sparring.sandbox.protocol.status_page import StatusPage

# Imported before the first fork, so that no program pays for them.
_WARM = (
    "array bisect collections collections.abc contextlib copy dataclasses datetime enum functools "
    "heapq io itertools json math operator queue random re site statistics string struct threading "
    "time traceback types typing"
)
_ORDER = struct.Struct("<BI")  # the order, and a status page's number (fork) or a pid (reap)
_FORK, _REAP = 1, 2
_DEATH = struct.Struct("<idQ")  # wait status, CPU seconds, peak KiB
_HELLO_BYTES = 1 << 16
_ORDERS_FD = 3  # in the zygote, where only the standard descriptors are open beside it
_NUMBER = struct.Struct("<i")
_ONE_FD = socket.CMSG_SPACE(array.array("i").itemsize)


class ZygoteGone(Exception):
    """Raised when the zygote has died."""


class TooManyProcesses(Exception):
    """Raised when the kernel has no room for another process of the user at the moment."""


@dataclass(frozen=True, slots=True)
class Death:
    """End of a process as its parent sees it: wait status, CPU seconds, peak KiB."""

    status: int
    cpu_seconds: float
    peak_kib: int


class Zygote:
    """The server's end of the socket to a zygote."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders

    def layers(self) -> dict[str, object]:
        """Wait until the zygote is confined; return the layers of its confinement.

        Raises `confine.Unavailable` if the host cannot give the level, and `ZygoteGone`.
        """
        hello = json.loads(self._orders.recv(_HELLO_BYTES) or b"{}")
        if "refused" in hello:
            raise confine.Unavailable(hello["refused"])
        if "layers" not in hello:
            raise ZygoteGone(hello.get("crashed", "died as it started"))
        layers: dict[str, object] = hello["layers"]
        return layers

    def fork(self, control: socket.socket, status_page: int) -> int:
        """Fork a process that serves `control` and writes on page `status_page`; return its pid.

        Raises `TooManyProcesses` if the kernel refuses a process at the moment, and `ZygoteGone`.
        """
        rights = array.array("i", (control.fileno(),))
        try:
            self._orders.sendmsg(
                (_ORDER.pack(_FORK, status_page),),
                ((socket.SOL_SOCKET, socket.SCM_RIGHTS, rights),),
            )
            answer = self._orders.recv(_NUMBER.size)
        except OSError as error:
            raise ZygoteGone(str(error)) from error
        if len(answer) < _NUMBER.size:
            raise ZygoteGone("end of file")
        pid: int = _NUMBER.unpack(answer)[0]
        if pid < 0:
            raise TooManyProcesses(os.strerror(-pid))
        return pid

    def reap(self, pid: int) -> Death:
        """Wait for the end of a dead or dying process, and delete the files that it left.

        Raises `ZygoteGone`.
        """
        try:
            self._orders.send(_ORDER.pack(_REAP, pid))
            answer = self._orders.recv(_DEATH.size)
        except OSError as error:
            raise ZygoteGone(str(error)) from error
        if len(answer) < _DEATH.size:
            raise ZygoteGone("end of file")
        return Death(*_DEATH.unpack(answer))


def born(
    orders: int, start: Start, status_pages: Sequence[StatusPage], import_path: str
) -> Callable[[], None]:
    """Become a zygote, in a fresh fork of a young process with one thread.

    `orders` is the descriptor of the server's socket. Returns a function that forks programs until
    the server has gone. Call the function when the callers' frames are gone, because a program can
    look at all frames below its own. If the host cannot give the level, the process tells the
    server why and ends.
    """
    _keep_nothing_but(orders)
    server = socket.socket(fileno=_ORDERS_FD)
    try:
        confinement = _confined(start, import_path)
        enter = confinement.restrict_zygote()
        held = _descriptors_of_a_program(enter)
        if held != _EXPECTED_DESCRIPTORS:
            raise confine.Unavailable(f"a program would hold the descriptors {held}")
    except confine.Unavailable as error:
        server.send(json.dumps({"refused": str(error)}).encode())
        os._exit(1)
    except BaseException as error:  # noqa: BLE001  # told to the server, which tells the caller
        server.send(json.dumps({"crashed": f"{type(error).__name__}: {error}"[:1000]}).encode())
        os._exit(1)
    server.send(json.dumps({"layers": confinement.layers}).encode())
    # This object is made on a descriptor that is closed again: in a program's process, where
    # CONTROL_FD is the control socket, it becomes that socket's object without a copied page.
    os.dup2(_ORDERS_FD, restore.CONTROL_FD)
    control = socket.socket(fileno=restore.CONTROL_FD)
    os.close(restore.CONTROL_FD)
    gc.collect()
    gc.freeze()
    gc.disable()
    return partial(_fork_programs, server, control, status_pages, enter, confinement.work)


def _confined(start: Start, import_path: str) -> confine.Confinement:
    """Confine and warm up this process, all but the system-call filter; return its confinement."""
    for name in _WARM.split():
        importlib.import_module(name)
    site = sys.modules["site"]
    site.setquit()
    site.setcopyright()
    site.sethelper()
    # Programs expect Python's own handler; the server ignores SIGINT, and this is its fork.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # When the machine runs out of memory, the kernel should kill a program first.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")
    importing = package_files.Importing()
    confinement = confine.prepare(start)
    # After `confine.prepare`, whose change of user would clear the setting.
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    _forget_the_host(import_path)
    if confinement.packages:
        mib = importing.warm(confinement.packages, start.modules)
        confinement.layers["packages_mib"] = mib
    importing.close()
    restore.settle(start.modules)
    program.warm_up()
    return confinement


def _forget_the_host(import_path: str) -> None:
    """Remove this package from the importable modules, and the traces of its place and start."""
    # A program finds the modules that every interpreter has, and no others.
    sys.path = [entry for entry in sys.path if entry != import_path]
    for name in [name for name in sys.modules if name.partition(".")[0] == "sparring"]:
        del sys.modules[name]
    for entry in [entry for entry in sys.path_importer_cache if entry.startswith(import_path)]:
        del sys.path_importer_cache[entry]
    sys.orig_argv[:] = ["python", restore.PROGRAM_NAME]
    # A virtual environment lies within a project, whose path is secret. Its base interpreter does
    # not, and programs may read that installation.
    sys.executable = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
    sys._base_executable = sys.executable  # type: ignore[attr-defined]


def _fork_programs(
    orders: socket.socket,
    control: socket.socket,
    status_pages: Sequence[StatusPage],
    enter: Callable[[], None],
    work: str,
) -> None:
    """Fork and reap programs until the server has gone. Every program sees this frame."""
    while True:
        message, ancillary, _, _ = orders.recvmsg(_ORDER.size, _ONE_FD)
        if not message:
            return
        order, number = _ORDER.unpack(message)
        if order == _FORK:
            # The zygote puts the next program's descriptors in order, because a fork would copy
            # pages to do so: control socket in its place, fresh standard streams, nothing above.
            fd = _NUMBER.unpack(ancillary[0][2])[0]
            os.dup2(fd, restore.CONTROL_FD)
            os.close(fd)
            _close_above()
            _fresh_standard_streams()
            try:
                pid = kernel.fork()
            except OSError as error:  # the user has too many processes at the moment
                pid = -(error.errno or errno.EAGAIN)
            if pid == 0:
                for other in status_pages:
                    if other is not status_pages[number]:
                        other.close()  # a program must not write on its script's page
                _become_program(enter)
                program.serve(control, status_pages[number])
            os.close(restore.CONTROL_FD)
            orders.send(_NUMBER.pack(pid))
        else:
            orders.send(_reaped(number, work))


def _reaped(pid: int, work: str) -> bytes:
    """Reap a process; return its packed `Death`.

    A function of its own, because the next program sees the locals of `_fork_programs`: the last
    program's CPU time and memory could be a message.
    """
    _, status, usage = os.wait4(pid, 0)
    _clean(work)
    return _DEATH.pack(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


def _keep_nothing_but(orders: int) -> None:
    """Close every descriptor but the server's socket, which becomes `_ORDERS_FD`.

    Descriptors 0 to 2 become /dev/null. Raises `OSError` if any other stays open: this process
    knows neither the caller's descriptors nor their number.
    """
    if orders != _ORDERS_FD:
        os.dup2(orders, _ORDERS_FD)
    kernel.closing(_ORDERS_FD + 1)()
    _fresh_standard_streams()
    with contextlib.suppress(FileNotFoundError, PermissionError):  # a host that shows no /proc
        held = {int(name) for name in os.listdir("/proc/self/fd")}
        if held - {0, 1, 2, _ORDERS_FD, _ORDERS_FD + 1}:  # the last one is the listing's own
            raise OSError(f"descriptors stay open: {sorted(held)}")


def _fresh_standard_streams() -> None:
    """Open /dev/null on 0 to 2 anew.

    Flags and locks belong to an open file description. The next program has one of its own, on
    which the last program can have left nothing.
    """
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    os.close(null)


_close_above = kernel.closing(restore.CONTROL_FD + 1)


def _become_program(enter: Callable[[], None]) -> None:
    """Confine this fork by `enter`, with only standard streams and the control socket open."""
    try:
        os.closerange(_ORDERS_FD, restore.CONTROL_FD)
        enter()
    except BaseException:  # noqa: BLE001  # a failure of the sandbox, before there is a program
        # No program can send SIGKILL, so the server takes it for a failure of the sandbox.
        os.kill(os.getpid(), signal.SIGKILL)


_CHECKED_DESCRIPTORS = 4096
_EXPECTED_DESCRIPTORS = [0, 1, 2, restore.CONTROL_FD]


def _descriptors_of_a_program(enter: Callable[[], None]) -> list[int]:
    """Return the checked descriptors that are open in a trial program's process."""
    read, write = os.pipe()
    os.dup2(write, restore.CONTROL_FD)
    _close_above()
    pid = kernel.fork()
    if pid == 0:
        _become_program(enter)
        held = [fd for fd in range(_CHECKED_DESCRIPTORS) if _is_open(fd)]
        os.write(restore.CONTROL_FD, json.dumps(held).encode())
        os._exit(0)
    os.close(write)
    os.close(restore.CONTROL_FD)
    with os.fdopen(read) as file:
        text = file.read()
    os.waitpid(pid, 0)
    held = json.loads(text or "[]")
    return [int(fd) for fd in held]


def _is_open(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError:
        return False
    return True


def _clean(work: str) -> None:
    """Delete a program's files. The directory is flat: a program can make no directory or link."""
    for name in os.listdir(work):
        # A script and its program share the directory, so the other process may delete as well.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(work, name))
