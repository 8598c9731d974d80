"""Setting up a worker's surroundings: namespaces, a minimal root, no capabilities.

Called once per worker, in its own process, before any program is there.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Sequence

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
    1 << 18,
)
_MOUNT_SETATTR = 442
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MNT_DETACH = 2
_DEVICES = ("null", "zero", "full", "random", "urandom")
BOX = "/box"
"""The only writable directory; named so that no interpreter lives below it."""
SYSTEM_PATHS = ("/usr", "/lib", "/lib64", "/etc/localtime", "/etc/ld.so.cache")
"""What an interpreter needs of the host besides its own prefix."""

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def interpreter_paths() -> list[str]:
    """Directories that the running interpreter loads from."""
    found = {os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    found |= {os.path.abspath(p) for p in (sys.prefix, sys.base_prefix)}
    return sorted(p for p in found if p != "/" and os.path.isdir(p))


def enter_namespaces() -> None:
    """New namespaces for this process and (process ids) for its next child.

    Without root a user namespace comes first, with this user as its root.
    """
    flags = _NEWNS | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET
    uid, gid = os.getuid(), os.getgid()
    if uid != 0:
        flags |= _NEWUSER
    _check(_libc.unshare(flags), "unshare")
    if uid != 0:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"0 {uid} 1"),
            ("gid_map", f"0 {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    _check(
        _libc.mount(
            source.encode(),
            target.encode(),
            kind.encode() if kind else None,
            ctypes.c_ulong(flags),
            data.encode() if data else None,
        ),
        f"mount {target}",
    )


def _bind_read_only(path: str, root: str) -> None:
    target = root + path
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w"):
            pass
    _mount(path, target, None, _BIND | _REC)
    # struct mount_attr: set, clear, propagation, userns_fd
    attributes = struct.pack("QQQQ", _RDONLY | _NOSUID | _NODEV, 0, 0, 0)
    at_fdcwd, recursive = -100, 0x8000
    _check(
        _libc.syscall(_MOUNT_SETATTR, at_fdcwd, target.encode(), recursive, attributes, 32),
        f"mount_setattr {target}",
    )


def enter_minimal_root(staging: str, work_mib: int) -> None:
    """Replace the file system by a read-only one: interpreter, libraries, a few devices,
    an own /proc, and a writable `BOX` of ``work_mib`` MiB in memory.

    ``staging`` is an empty directory to build it in. Must run as process 1 of
    the new process namespace, so that /proc shows that namespace.
    """
    _mount("none", "/", None, _REC | _PRIVATE)
    _mount("tmpfs", staging, "tmpfs", _NOSUID | _NODEV, "size=1m,nr_inodes=4k,mode=755")
    for path in (*SYSTEM_PATHS, *interpreter_paths()):
        if os.path.islink(path) and os.path.isdir(path):
            os.symlink(os.readlink(path), staging + path)
        elif os.path.exists(path) and not _covered(path):
            _bind_read_only(path, staging)
    os.makedirs(staging + "/dev", exist_ok=True)
    for name in _DEVICES:
        with open(f"{staging}/dev/{name}", "w"):
            pass
        _mount(f"/dev/{name}", f"{staging}/dev/{name}", None, _BIND)
    for link, target in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        os.symlink(f"/proc/self/fd/{target}", f"{staging}/dev/{link}")
    os.symlink("/proc/self/fd", f"{staging}/dev/fd")
    os.makedirs(staging + "/proc", exist_ok=True)
    _mount("proc", staging + "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    os.makedirs(staging + BOX, exist_ok=True)
    _mount(
        "tmpfs",
        staging + BOX,
        "tmpfs",
        _NOSUID | _NODEV | _NOEXEC,
        f"size={work_mib}m,nr_inodes=2k,mode=755",
    )
    os.makedirs(staging + "/old")
    os.chdir(staging)
    machine = os.uname().machine
    _check(_libc.syscall(_PIVOT_ROOT[machine], b".", b"old"), "pivot_root")
    os.chdir("/")
    _check(_libc.umount2(b"/old", _MNT_DETACH), "umount old root")
    os.rmdir("/old")
    _mount("none", "/", None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)


def _covered(path: str) -> bool:
    """Whether an earlier directory of the list already brings ``path``."""
    return any(path.startswith(p + "/") for p in ("/usr", "/lib"))


def drop_capabilities() -> None:
    """Give up every capability of this process, for good (bounding and ambient sets too)."""
    pr_capbset_drop, pr_cap_ambient, ambient_clear = 24, 47, 4
    for capability in range(64):
        if _libc.prctl(pr_capbset_drop, capability, 0, 0, 0) != 0:
            break
    _libc.prctl(pr_cap_ambient, ambient_clear, 0, 0, 0)
    header = struct.pack("Ii", 0x20080522, 0)
    _check(_libc.capset(header, struct.pack("IIIIII", *[0] * 6)), "capset")


def set_no_new_privileges() -> None:
    """Executing a file can never give more rights again; needed by Landlock and seccomp."""
    _check(_libc.prctl(38, 1, 0, 0, 0), "prctl(PR_SET_NO_NEW_PRIVS)")


def set_dumpable(yes: bool) -> None:
    """Whether others of the same user may look into this process through /proc or ptrace."""
    _check(_libc.prctl(4, int(yes), 0, 0, 0), "prctl(PR_SET_DUMPABLE)")


def die_with_parent() -> None:
    """SIGKILL for this process when the one that made it ends."""
    _check(_libc.prctl(1, 9, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
