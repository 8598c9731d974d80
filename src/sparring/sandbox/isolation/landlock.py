"""Landlock: the kernel's rules on files, signals and sockets for a process without privileges.

Each worker's zygote gets a ruleset, which all its programs and scripts inherit: they are one
Landlock domain. With ABI 6 no process of the domain can signal a process outside; the system-call
filter keeps programs from signalling each other. Rights and structures follow ``linux/landlock.h``.
Rights that a kernel's ABI does not know are left out, the ABI is reported, and the filter covers
the difference (docs/sandbox.md has the table).
"""

from __future__ import annotations

import ctypes
import os
import struct

from sparring.sandbox.isolation import kernel

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_REMOVE_FILE = 1 << 5
_MAKE_REG = 1 << 8
_TRUNCATE = 1 << 14

_READ = _READ_FILE | _READ_DIR
_WRITE = _READ | _WRITE_FILE | _REMOVE_FILE | _MAKE_REG | _TRUNCATE

# Rights over files that exist in each ABI: 13 in the first, then REFER, TRUNCATE, IOCTL_DEV.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_NET_RIGHTS = 3  # bind and connect TCP, from ABI 4
_SCOPES = 3  # abstract unix sockets and signals, from ABI 6


def abi() -> int:
    """Return the Landlock ABI of the running kernel; 0 when Landlock is absent or off."""
    try:
        return kernel.syscall(
            "landlock_create_ruleset",
            kernel.SYS_LANDLOCK_CREATE_RULESET,
            0,
            0,
            _CREATE_RULESET_VERSION,
        )
    except OSError:
        return 0


def build(version: int, readable: list[str], writable: list[str], devices: dict[str, bool]) -> int:
    """Return the descriptor of a new ruleset, with the rights that ABI `version` knows.

    The ruleset allows reading below `readable`, reading, writing and deleting below `writable`, and
    reading `devices`, and writing the devices that have True. Raises `OSError`.
    """
    handled = _FILE_RIGHTS[max(known for known in _FILE_RIGHTS if known <= version)]
    fields = [handled]
    if version >= 4:
        fields.append(_NET_RIGHTS)
    if version >= 6:
        fields.append(_SCOPES)
    attribute = struct.pack(f"{len(fields)}Q", *fields)
    ruleset = kernel.syscall(
        "landlock_create_ruleset",
        kernel.SYS_LANDLOCK_CREATE_RULESET,
        attribute,
        len(attribute),
        0,
    )
    wanted = [(path, _READ) for path in readable]
    wanted += [(path, _WRITE) for path in writable]
    wanted += [(path, _READ_FILE | _WRITE_FILE * write) for path, write in devices.items()]
    for path, rights in wanted:
        _allow(ruleset, path, rights & handled)
    return ruleset


def restrict(ruleset: int) -> None:
    """Put the calling process under `ruleset`, for good. Needs no_new_privs. Raises `OSError`."""
    kernel.syscall("landlock_restrict_self", kernel.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
        rule = ctypes.create_string_buffer(struct.pack("<Qi", rights, fd), 12)
        kernel.syscall(
            "landlock_add_rule",
            kernel.SYS_LANDLOCK_ADD_RULE,
            ruleset,
            _RULE_PATH_BENEATH,
            rule,
            0,
        )
    finally:
        os.close(fd)
