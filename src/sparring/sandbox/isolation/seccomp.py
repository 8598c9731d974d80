"""The system-call filter: two programs in classic BPF, assembled in this module.

The kernel asks both filters about each call, and the stricter answer counts:

- The zygote's filter checks the audit architecture, finds the call's number in a binary tree, and
  decides, for some calls by their arguments. Programs inherit it.
- A short filter for each program takes away the calls that only the zygote needs: forking, waiting,
  signals to others, further filters.

A filter sees numbers, and cannot look behind pointers. Calls whose danger hides behind a pointer
are killed outright. Numbers come from ``linux/filter.h``, ``linux/seccomp.h``, ``linux/audit.h``.

How to read a block: an instruction is (operation, jump if true, jump if false, constant), and a
jump counts the instructions to skip. A block loads an argument of the call (`_argument`), compares
it, and ends with an answer (`_end`).
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from functools import cache

from sparring.sandbox.isolation import kernel, syscalls

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP = 0x05
_IF_EQUAL = 0x15
_IF_GREATER_EQUAL = 0x35
_IF_ANY_BIT = 0x45
_AND = 0x54
_RETURN = 0x06

_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000
_PRETEND = _ERRNO | 0  # error number 0: the kernel does nothing and reports success
_EPERM = _ERRNO | 1
_ESRCH = _ERRNO | 3
_ENOMEM = _ERRNO | 12
_EINVAL = _ERRNO | 22
_ENOTTY = _ERRNO | 25
_ENOSYS = _ERRNO | 38
_EOPNOTSUPP = _ERRNO | 95

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_SET_MODE_FILTER = 1
# Keep the CPU's speculation on. By default a filter switches on a slow guard against leaks between
# processes, and a program's process holds no secret to leak.
_SPEC_ALLOW = 1 << 2

_CLONE_THREAD = 0x00010000
_CLONE_NEW_ANYTHING = 0x7E020080
_SIGKILL = 9
_RLIMIT_CPU = 0
_PRCTL_ALLOWED = (3, 15, 16, 0x53564D41)  # get dumpable, set and get the name, name a mapping
_IOCTL_ALLOWED = (
    0x5401,  # is it a terminal
    0x5413,  # the terminal's size
    0x541B,  # bytes that can be read
    0x5421,  # blocking mode
    0x5450,  # close-on-exec off
    0x5451,  # close-on-exec on
)
# Duplicates, flags, the size of a pipe, seals. Left out: owners, who receive signals; leases and
# notices; hints and locks on a file itself, where every program and the host see them; large pipes.
_FCNTL_ALLOWED = (0, 1, 2, 3, 4, 1030, 1032, 1033, 1034)
_FCNTL_LOCKS = (5, 6, 7)  # POSIX locks of the process, which has nobody to exclude
_O_ACCMODE, _O_TRUNC, _O_DSYNC, _O_TMPFILE = 0o3, 0o1000, 0o10000, 0o20000000
_MAP_HUGETLB = 0x40000  # pages that are missing from a process's memory counters
# Shared anonymous memory belongs to no process. Once it is unmapped (madvise, mremap), no process's
# memory counts it.
_MAP_SHARED_ANONYMOUS = 0x21
# Usual use, read-ahead, letting go, large pages, dumps. Left out: advice that drops pages from
# everybody's cache (COLD, PAGEOUT) or merges them with equal pages of others (MERGEABLE).
_ADVICE = (0, 1, 2, 3, 4, 8, 14, 15, 16, 17)
# A negative clock number is the CPU clock of some process, of any process.
_NEGATIVE = 1 << 31
# MSG_DONTWAIT, MSG_NOSIGNAL. An urgent byte (MSG_OOB) would wake the server, which cannot read it.
_SEND_FLAGS = 0x4040
# Type, error, sizes of buffers, keep-alive, lingering, time limits, listening, protocol, domain.
# Left out: the identity of the process at the other end, and a descriptor of that process.
_SOCKET_OPTIONS = (3, 4, 7, 8, 9, 13, 20, 21, 30, 38, 39, 66, 67)
_CLOCKS = ("clock_gettime", "clock_getres", "clock_nanosleep")
# Calls about a process: allowed only with 0 (the caller itself), so that a program cannot count or
# watch others.
_ABOUT_ONESELF = (
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "getpgid",
    "getsid",
    "get_robust_list",
)

# Placeholder for the program's own pid in the packed filter, replaced before each installation.
_PID = 0x5AFE_91D0
_PID_BYTES = struct.pack("=I", _PID)

_Instruction = tuple[int, int, int, int]
_Block = list[_Instruction]


@dataclass(frozen=True, slots=True)
class _Segment:
    """Range of call numbers, from `first` up to the next segment, that share a block."""

    first: int
    block: _Block


def supported() -> bool:
    """Return whether the tables cover this machine's architecture."""
    return kernel.machine() in _AUDIT_ARCH


def confine_zygote() -> None:
    """Put the zygote's filter on the calling process: the calls of programs, and forking.

    Children inherit filters, and filters add up. So the kernel compiles this long filter once, and
    for each program only the short one of `ProgramFilter`. Needs no_new_privs. Raises `OSError`.
    """
    _install(_pack(_tree(_segments(kernel.machine()))))


class ProgramFilter:
    """Short filter of a program, prepared by the zygote for the processes that it will fork."""

    def __init__(self) -> None:
        code, self._pid_offsets = _last_filter()
        self._code = ctypes.create_string_buffer(code, len(code))
        descriptor = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(self._code))
        self._descriptor = ctypes.create_string_buffer(descriptor, len(descriptor))
        self._call = kernel.PreparedCall(_number(), _SET_MODE_FILTER, _SPEC_ALLOW, self._descriptor)
        self._put = struct.Struct("=I").pack_into

    def confine(self, pid: int) -> None:
        """Put the filter on the calling process `pid`, a fork of the zygote, for good."""
        for offset in self._pid_offsets:
            self._put(self._code, offset, pid)
        self._call()


def _install(code: bytes) -> None:
    program = ctypes.create_string_buffer(code, len(code))
    descriptor = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(program))
    kernel.syscall("seccomp", _number(), _SET_MODE_FILTER, _SPEC_ALLOW, descriptor)


def _number() -> int:
    """Return the number of seccomp(2) itself."""
    return dict(syscalls.numbers(syscalls.ZYGOTE, kernel.machine()))["seccomp"]


def _pack(body: _Block) -> bytes:
    instructions: _Block = [
        (_LOAD, 0, 0, 4),  # seccomp_data.arch
        (_IF_EQUAL, 1, 0, _AUDIT_ARCH[kernel.machine()]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # seccomp_data.nr
        *body,
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


@cache
def _last_filter() -> tuple[bytes, tuple[int, ...]]:
    """Return the packed filter of a program, and the offsets at which the pid must be put."""
    numbers = dict(syscalls.numbers(syscalls.CHECKED, kernel.machine()))
    numbers |= dict(syscalls.numbers(syscalls.ZYGOTE, kernel.machine()))
    body: _Block = []
    for name, block in _last_checks().items():
        body += [(_IF_EQUAL, 0, len(block), numbers[name]), *block]
    code = _pack([*body, *_end(_ALLOW)])
    offsets = [i + 4 for i in range(0, len(code), 8) if code[i + 4 : i + 8] == _PID_BYTES]
    return code, tuple(offsets)


def _segments(machine: str) -> list[_Segment]:
    """Return the zygote's answers as ranges of call numbers; neighbours with one answer merge."""
    blocks: dict[int, _Block] = {}
    for table, verdict in (
        (syscalls.ALLOWED, _ALLOW),
        (syscalls.REFUSED, _EPERM),
        (syscalls.PRETENDED, _PRETEND),
        (syscalls.KILLED, _KILL),
        (syscalls.ZYGOTE, _ALLOW),
    ):
        for _, number in syscalls.numbers(table, machine):
            blocks[number] = _end(verdict)
    checks = _checks()
    for name, number in syscalls.numbers(syscalls.CHECKED, machine):
        blocks[number] = checks[name]
    segments = [_Segment(0, blocks.get(0, _end(_ENOSYS)))]
    for number in range(1, max(blocks) + 2):
        block = blocks.get(number, _end(_ENOSYS))
        if block != segments[-1].block:
            segments.append(_Segment(number, block))
    # The x32 ABI reaches the same calls by other numbers, which no table covers.
    segments.append(_Segment(_X32, _end(_KILL)))
    return segments


def _tree(segments: list[_Segment]) -> _Block:
    """Return a binary search of the loaded call number among the segments."""
    if len(segments) == 1:
        return segments[0].block
    middle = len(segments) // 2
    low, high = _tree(segments[:middle]), _tree(segments[middle:])
    pivot = segments[middle].first
    if len(low) <= 255:  # a conditional jump's distance is one byte
        return [(_IF_GREATER_EQUAL, len(low), 0, pivot), *low, *high]
    return [(_IF_GREATER_EQUAL, 0, 1, pivot), (_JUMP, 0, 0, len(low)), *low, *high]


def _last_checks() -> dict[str, _Block]:
    """Return the blocks of the calls that a program may make less freely than its zygote."""
    return {
        "clone": [
            _argument(0),
            (_IF_ANY_BIT, 0, 1, _CLONE_THREAD),
            *_end(_ALLOW),
            *_end(_KILL),
        ],
        # A program may not even SIGKILL itself, so a SIGKILL that arrives came from outside.
        "kill": [*_unless_equal(0, _PID, _KILL), *_if_equal(1, _SIGKILL, _KILL), *_end(_ALLOW)],
        "tgkill": [*_unless_equal(0, _PID, _KILL), *_if_equal(2, _SIGKILL, _KILL), *_end(_ALLOW)],
        "prctl": [*_one_of(0, _PRCTL_ALLOWED, _ALLOW), *_end(_EPERM)],
        "prlimit64": [*_one_of(0, (0, _PID), _ALLOW), *_end(_EPERM)],
        "wait4": _end(_ENOSYS),
        "sendmsg": _end(_KILL),
        "seccomp": _end(_KILL),
    }


def _checks() -> dict[str, _Block]:
    """Return the blocks of calls that are decided by their arguments, for zygote and programs."""
    return {
        "clone": [
            _argument(0),
            (_IF_ANY_BIT, 0, 1, _CLONE_NEW_ANYTHING),
            *_end(_KILL),
            *_end(_ALLOW),
        ],
        "kill": _end(_ALLOW),
        "tgkill": _end(_ALLOW),
        "prctl": [*_one_of(0, (kernel.PR_SET_PDEATHSIG, *_PRCTL_ALLOWED), _ALLOW), *_end(_EPERM)],
        # No CPU limits of a program's own. At the hard limit the kernel sends SIGKILL, which counts
        # as a failure of the sandbox; and below a lower limit the server could not set its own.
        "prlimit64": [
            *_unless_equal(1, _RLIMIT_CPU, _ALLOW),
            *_unless_equal(2, 0, _PRETEND),
            _argument(2, high=True),
            (_IF_EQUAL, 1, 0, 0),
            *_end(_PRETEND),
            *_end(_ALLOW),
        ],
        "setrlimit": [*_if_equal(0, _RLIMIT_CPU, _PRETEND), *_end(_ALLOW)],
        "ioctl": [*_one_of(1, _IOCTL_ALLOWED, _ALLOW), *_end(_ENOTTY)],
        "fcntl": [
            *_one_of(1, _FCNTL_ALLOWED, _ALLOW),
            *_one_of(1, _FCNTL_LOCKS, _PRETEND),
            *_end(_EPERM),
        ],
        "open": _opening(1),
        "openat": _opening(2),
        "mmap": [
            *_any_bit(3, _MAP_HUGETLB, _ENOMEM),
            (_AND, 0, 0, _MAP_SHARED_ANONYMOUS),
            (_IF_EQUAL, 0, 1, _MAP_SHARED_ANONYMOUS),
            *_end(_ENOMEM),
            *_end(_ALLOW),
        ],
        # Other modes reserve blocks beyond a file's end, hidden from its size, or make holes.
        "fallocate": [*_if_equal(1, 0, _ALLOW), *_end(_EOPNOTSUPP)],
        "getsockopt": [*_one_of(2, _SOCKET_OPTIONS, _ALLOW), *_end(_EPERM)],
        "madvise": [*_one_of(2, _ADVICE, _ALLOW), *_end(_EINVAL)],
        # Flags would tell whether a page is in the cache, or write through the cache to the disk.
        **{
            name: [*_if_equal(5, 0, _ALLOW), *_end(_EOPNOTSUPP)] for name in ("preadv2", "pwritev2")
        },
        **{name: [*_any_bit(0, _NEGATIVE, _EINVAL), *_end(_ALLOW)] for name in _CLOCKS},
        **{name: [*_if_equal(0, 0, _ALLOW), *_end(_ESRCH)] for name in _ABOUT_ONESELF},
        "getpriority": [*_unless_equal(0, 0, _ESRCH), *_if_equal(1, 0, _ALLOW), *_end(_ESRCH)],
        # Only a connected pair of Unix stream sockets within the process (asyncio makes one).
        "socketpair": [
            *_unless_equal(0, 1, _KILL),
            _argument(1),
            (_AND, 0, 0, 0xF),
            (_IF_EQUAL, 1, 0, 1),
            *_end(_KILL),
            *_end(_ALLOW),
        ],
        # Only on a connected socket: the address must be null. Flags: see `_SEND_FLAGS`.
        "sendto": [
            _argument(3),
            (_AND, 0, 0, ~_SEND_FLAGS & 0xFFFF_FFFF),
            (_IF_EQUAL, 1, 0, 0),
            *_end(_EPERM),
            *_unless_equal(4, 0, _KILL),
            _argument(4, high=True),
            (_IF_EQUAL, 1, 0, 0),
            *_end(_KILL),
            *_end(_ALLOW),
        ],
    }


def _opening(index: int) -> _Block:
    """Return the block that decides about opening a file, by the flags in argument `index`.

    Four ways are refused:

    - Access mode 3, neither reading nor writing: Landlock asks for no right.
    - O_TRUNC while reading: before ABI 3, Landlock asks for no right, and the file is emptied.
    - O_TMPFILE: a file without a name is not among the counted files.
    - O_DSYNC and O_SYNC: each write would keep the host's disk busy.
    """
    return [
        *_any_bit(index, _O_TMPFILE, _EOPNOTSUPP),
        *_any_bit(index, _O_DSYNC, _EINVAL),
        _argument(index),
        (_AND, 0, 0, _O_ACCMODE),
        (_IF_EQUAL, 0, 1, _O_ACCMODE),
        *_end(_EPERM),
        _argument(index),
        (_AND, 0, 0, _O_ACCMODE | _O_TRUNC),
        (_IF_EQUAL, 0, 1, _O_TRUNC),
        *_end(_EPERM),
        *_end(_ALLOW),
    ]


# Each of the next helpers answers if the condition on an argument holds, else falls through.
def _any_bit(index: int, bits: int, verdict: int) -> _Block:
    return [_argument(index), (_IF_ANY_BIT, 0, 1, bits), *_end(verdict)]


def _argument(index: int, *, high: bool = False) -> _Instruction:
    """Return the load of one 32-bit half of the call's 64-bit argument `index`."""
    return (_LOAD, 0, 0, 16 + 8 * index + (4 if high else 0))


def _end(verdict: int) -> _Block:
    return [(_RETURN, 0, 0, verdict)]


def _if_equal(index: int, value: int, verdict: int) -> _Block:
    return [_argument(index), (_IF_EQUAL, 0, 1, value), *_end(verdict)]


def _unless_equal(index: int, value: int, verdict: int) -> _Block:
    return [_argument(index), (_IF_EQUAL, 1, 0, value), *_end(verdict)]


def _one_of(index: int, values: tuple[int, ...], verdict: int) -> _Block:
    block = [_argument(index)]
    for value in values:
        block += [(_IF_EQUAL, 0, 1, value), *_end(verdict)]
    return block
