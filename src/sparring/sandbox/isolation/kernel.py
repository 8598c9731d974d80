"""System calls that Python's standard library does not offer, through ctypes.

Each function makes one call, and raises `OSError` with the call's name if the call fails. Numbers
come from the kernel's headers (``linux/sched.h``, ``linux/mount.h``, ``linux/prctl.h``,
``linux/capability.h``). Linux on x86-64 and aarch64 only.
"""

from __future__ import annotations

import ctypes
import os
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

SYS_CLOSE_RANGE = 436
SYS_MOUNT_SETATTR = 442
SYS_LANDLOCK_CREATE_RULESET = 444
SYS_LANDLOCK_ADD_RULE = 445
SYS_LANDLOCK_RESTRICT_SELF = 446
# The calls above have the same number on every machine; the numbers below differ.
_SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
SYS_PRCTL = {"x86_64": 157, "aarch64": 167}
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 1
_MOUNT_ATTR_NOSUID = 2
_MOUNT_ATTR_NODEV = 4
_LINUX_CAPABILITY_VERSION_3 = 0x20080522

_NO_LAST = 0xFFFF_FFFF

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


# `PyDLL` keeps the interpreter's lock during the call, so that the child holds it too.
_fork = ctypes.PyDLL(None).fork
_fork.argtypes = ()


def fork() -> int:
    """Fork a process with one thread (fork(2)), without Python's fork handlers; return the pid.

    `os.fork` repairs the state of threads in a child, which costs the child a hundred copied pages.
    A process with one thread needs no such repair. Raises `OSError`.
    """
    pid: int = _fork()
    if pid < 0:
        raise _os_error("fork")
    return pid


def machine() -> str:
    """Return the machine's architecture as the kernel names it, such as ``x86_64``."""
    return os.uname().machine


def syscall(name: str, number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char]) -> int:
    """Make one system call and return its value; `name` is only for the error message.

    Raises `OSError`.
    """
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    value: int = _libc.syscall(ctypes.c_long(number), *converted)
    if value < 0:
        raise _os_error(name)
    return value


def prctl(option: int, argument: int = 0, argument_3: int = 0) -> None:
    """Call prctl(2) with up to two arguments. Raises `OSError`."""
    rest = (ctypes.c_ulong(argument), ctypes.c_ulong(argument_3), ctypes.c_ulong(0))
    if _libc.prctl(option, *rest, ctypes.c_ulong(0)) < 0:
        raise _os_error(f"prctl({option})")


class PreparedCall:
    """System call whose arguments are converted beforehand, so that the call touches little memory.

    It is for the moment after a fork, when each written page costs a copy.
    """

    def __init__(self, number: int, *arguments: int | ctypes.Array[ctypes.c_char]) -> None:
        self._arguments = (
            ctypes.c_long(number),
            *(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments),
        )

    def __call__(self) -> None:
        """Make the call. Raises `OSError`."""
        if _libc.syscall(*self._arguments) < 0:
            raise _os_error("system call")


def closing(first: int, last: int = _NO_LAST) -> PreparedCall:
    """Return a prepared close_range(2) that closes every descriptor from `first` to `last`.

    One call closes any range. `os.closerange` makes a call for each number where libc lacks
    close_range.
    """
    return PreparedCall(SYS_CLOSE_RANGE, first, last, 0)


def unshare(flags: int) -> None:
    """Call unshare(2); `os.unshare` exists only since Python 3.12. Raises `OSError`."""
    if _libc.unshare(flags) < 0:
        raise _os_error("unshare")


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """Call mount(2). Raises `OSError`."""
    done = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    if done < 0:
        raise _os_error(f"mount {target}")


def bind_read_only(source: str, target: str, *, devices: bool = False) -> None:
    """Bind `source`, with all mounts below it, onto `target`, read-only and nosuid.

    Device files work there only with `devices`.
    """
    mount(source, target, None, MS_BIND | MS_REC)
    make_read_only(target, devices=devices)


def make_read_only(target: str, *, devices: bool = False) -> None:
    """Make the mount at `target` and all mounts below it read-only and nosuid.

    Device files work there only with `devices`.
    """
    attributes = _MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID | (0 if devices else _MOUNT_ATTR_NODEV)
    argument = struct.pack("QQQQ", attributes, 0, 0, 0)
    fd = os.open(target, os.O_PATH)
    try:
        flags = _AT_EMPTY_PATH | _AT_RECURSIVE
        syscall("mount_setattr", SYS_MOUNT_SETATTR, fd, b"", flags, argument, len(argument))
    finally:
        os.close(fd)


def pivot_root(new_root: str) -> None:
    """Make `new_root` the root and detach the old root."""
    os.chdir(new_root)
    # The old root is stacked on the new one and then detached, so it needs no directory.
    syscall("pivot_root", _SYS_PIVOT_ROOT[machine()], b".", b".")
    if _libc.umount2(b".", MNT_DETACH) < 0:
        raise _os_error("umount2")
    os.chdir("/")


def drop_privileges(uid: int | None) -> None:
    """Give up every capability for good, set no_new_privs, and become user `uid` unless None."""
    last = int(_read("/proc/sys/kernel/cap_last_cap") or 40)
    for capability in range(last + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:  # an unprivileged process cannot change its bounding set, and need not
            break
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("Ii", _LINUX_CAPABILITY_VERSION_3, 0)
    syscall("capset", _SYS_CAPSET[machine()], header, bytes(24))
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""


def _os_error(name: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{name}: {os.strerror(number)}")
