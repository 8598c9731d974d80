"""Landlock: files, TCP ports, signals and abstract sockets, refused by the kernel.

A rule set is made once per worker and put on every program's process. Reading
is allowed below the given directories, writing below one directory only. The
ABI is asked first; what an older kernel does not know is left to the other
layers (`abi` goes into the report).
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Sequence

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # the same numbers on x86-64 and aarch64
_EXECUTE, _WRITE, _READ, _READ_DIR = 1, 2, 4, 8
_FILE_ACCESS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_READING = _EXECUTE | _READ | _READ_DIR
# everything but making devices and sockets, and ioctl on devices
_WRITING = _READING | _WRITE | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 12 | 1 << 13 | 1 << 14
_ON_FILES = _EXECUTE | _WRITE | _READ | 1 << 14
_TCP = 3
_SCOPES = 3

_libc = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """The kernel's Landlock ABI version; 0 where there is none."""
    version = int(_libc.syscall(_CREATE, None, 0, 1))
    return max(version, 0)


def ruleset(readable: Sequence[str], writable: Sequence[str]) -> int:
    """A file descriptor of a rule set. Paths that do not exist are passed over."""
    version = abi()
    handled = (1 << _FILE_ACCESS_BY_ABI.get(version, 16)) - 1
    attributes = struct.pack(
        "QQQ", handled, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0
    )
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    fd = int(_libc.syscall(_CREATE, attributes, size, 0))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    for paths, access in ((readable, _READING), (writable, _WRITING)):
        for path in paths:
            _allow(fd, path, access & handled)
    return fd


def _allow(ruleset_fd: int, path: str, access: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            access &= _ON_FILES
        rule = struct.pack("=Qi", access, fd)
        if _libc.syscall(_ADD_RULE, ruleset_fd, 1, rule, 0) != 0:
            raise OSError(ctypes.get_errno(), f"landlock_add_rule {path}")
    finally:
        os.close(fd)


def restrict(ruleset_fd: int) -> None:
    """Put the rules on this process, for good. It must have no_new_privs."""
    if _libc.syscall(_RESTRICT, ruleset_fd, 0) != 0:
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
