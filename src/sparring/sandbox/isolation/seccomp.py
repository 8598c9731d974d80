"""The system-call filter: classic BPF, written out here.

Two filters, of which the stricter answer counts. The zygote's checks the audit architecture, finds
the call's number in a binary tree and decides, some calls by their arguments; programs inherit it.
A short one for each program takes away what only the zygote needs: forking, waiting, signals to
others, further filters. Numbers from
``linux/filter.h``, ``linux/seccomp.h``, ``linux/audit.h``.

Not done here: looking behind pointers. Calls whose danger hides there are killed outright.
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
_PRETEND = _ERRNO | 0  # nothing is done, and the caller hears that it was
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
# The program shares no secrets with anyone, so the slow speculation guard that a filter would
# otherwise switch on for the process buys nothing.
_SPEC_ALLOW = 1 << 2

_CLONE_THREAD = 0x00010000
_CLONE_NEW_ANYTHING = 0x7E020080
_SIGKILL = 9
_RLIMIT_CPU = 0
_PRCTL_ALLOWED = (3, 15, 16, 0x53564D41)  # get dumpable, set and get the name, name a mapping
_IOCTL_ALLOWED = (
    0x5401,
    0x5413,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  # is it a tty, size, close-on-exec
# Duplicates, flags, sizes of pipes, seals. Not: owners, to whom signals go; leases; notices; hints
# and locks that lie on a file itself, where every program and the host find them; large pipes.
_FCNTL_ALLOWED = (0, 1, 2, 3, 4, 1030, 1032, 1033, 1034)
_FCNTL_LOCKS = (5, 6, 7)  # of the process, which has nobody to exclude
_O_ACCMODE, _O_TRUNC, _O_DSYNC, _O_TMPFILE = 0o3, 0o1000, 0o10000, 0o20000000
_MAP_HUGETLB = 0x40000  # pages that no counter of a process counts
# Memory that is no process's: taken out of one (madvise, mremap) it is counted nowhere.
_MAP_SHARED_ANONYMOUS = 0x21
# Usual, read-ahead, letting go, large pages, dumps. Not: pages out of everybody's cache (COLD,
# PAGEOUT), or merged with whoever has equal ones (MERGEABLE).
_ADVICE = (0, 1, 2, 3, 4, 8, 14, 15, 16, 17)
# A negative clock is the CPU clock of any process, others' included.
_NEGATIVE = 1 << 31
_SEND_FLAGS = 0x4040  # not to wait, no signal; an urgent byte would wake who cannot read it
# Type, error, sizes of buffers, keep-alive, lingering, time limits, listening, protocol, domain.
# Not: who is at the other end, and a descriptor of that process.
_SOCKET_OPTIONS = (3, 4, 7, 8, 9, 13, 20, 21, 30, 38, 39, 66, 67)
_CLOCKS = ("clock_gettime", "clock_getres", "clock_nanosleep")
# Take a process: allowed with 0 for oneself, so that nobody is counted or watched.
_ABOUT_ONESELF = (
    "sched_getaffinity",
    "sched_getparam",
    "sched_getscheduler",
    "getpgid",
    "getsid",
    "get_robust_list",
)

# Stands for the program's own pid until the filter is installed.
_PID = 0x5AFE_91D0
_PID_BYTES = struct.pack("=I", _PID)

_Instruction = tuple[int, int, int, int]
_Block = list[_Instruction]


@dataclass(frozen=True, slots=True)
class _Segment:
    """Call numbers from `first` up to the next segment share `block`."""

    first: int
    block: _Block


def supported() -> bool:
    """Whether this machine's architecture has a table here."""
    return kernel.machine() in _AUDIT_ARCH


def confine_zygote() -> None:
    """Filter the calling process as a zygote: all that programs may do, and forking them.

    Filters add up, and children inherit them. The kernel compiles this long one once, here, and
    only the short one of `ProgramFilter` for each program. Needs no_new_privs.
    """
    _install(_pack(_tree(_segments(kernel.machine()))))


class ProgramFilter:
    """The short filter, made ready by the zygote for the processes that it will fork."""

    def __init__(self) -> None:
        code, self._pid_offsets = _last_filter()
        self._code = ctypes.create_string_buffer(code, len(code))
        descriptor = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(self._code))
        self._descriptor = ctypes.create_string_buffer(descriptor, len(descriptor))
        self._call = kernel.Prepared(_number(), _SET_MODE_FILTER, _SPEC_ALLOW, self._descriptor)
        self._put = struct.Struct("=I").pack_into

    def confine(self, pid: int) -> None:
        """Filter the calling process `pid`, forked by the zygote, for good."""
        for offset in self._pid_offsets:
            self._put(self._code, offset, pid)
        self._call()


def _install(code: bytes) -> None:
    program = ctypes.create_string_buffer(code, len(code))
    descriptor = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(program))
    kernel.syscall("seccomp", _number(), _SET_MODE_FILTER, _SPEC_ALLOW, descriptor)


def _number() -> int:
    """The number of seccomp(2) itself."""
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
    """The packed filter of a program, and where in it the pid has to be put."""
    numbers = dict(syscalls.numbers(syscalls.CHECKED, kernel.machine()))
    numbers |= dict(syscalls.numbers(syscalls.ZYGOTE, kernel.machine()))
    body: _Block = []
    for name, block in _last_checks().items():
        body += [(_IF_EQUAL, 0, len(block), numbers[name]), *block]
    code = _pack([*body, *_end(_ALLOW)])
    offsets = [i + 4 for i in range(0, len(code), 8) if code[i + 4 : i + 8] == _PID_BYTES]
    return code, tuple(offsets)


def _segments(machine: str) -> list[_Segment]:
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
    segments.append(_Segment(_X32, _end(_KILL)))
    return segments


def _tree(segments: list[_Segment]) -> _Block:
    if len(segments) == 1:
        return segments[0].block
    middle = len(segments) // 2
    low, high = _tree(segments[:middle]), _tree(segments[middle:])
    pivot = segments[middle].first
    if len(low) <= 255:
        return [(_IF_GREATER_EQUAL, len(low), 0, pivot), *low, *high]
    return [(_IF_GREATER_EQUAL, 0, 1, pivot), (_JUMP, 0, 0, len(low)), *low, *high]


def _last_checks() -> dict[str, _Block]:
    """What a program may do less than its zygote."""
    return {
        "clone": [
            _argument(0),
            (_IF_ANY_BIT, 0, 1, _CLONE_THREAD),
            *_end(_ALLOW),
            *_end(_KILL),
        ],
        # SIGKILL is refused even to itself: one that arrives then came from outside.
        "kill": [*_unless_equal(0, _PID, _KILL), *_if_equal(1, _SIGKILL, _KILL), *_end(_ALLOW)],
        "tgkill": [*_unless_equal(0, _PID, _KILL), *_if_equal(2, _SIGKILL, _KILL), *_end(_ALLOW)],
        "prctl": [*_one_of(0, _PRCTL_ALLOWED, _ALLOW), *_end(_EPERM)],
        "prlimit64": [*_one_of(0, (0, _PID), _ALLOW), *_end(_EPERM)],
        "wait4": _end(_ENOSYS),
        "sendmsg": _end(_KILL),
        "seccomp": _end(_KILL),
    }


def _checks() -> dict[str, _Block]:
    """Calls decided by their arguments, for zygote and programs."""
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
        # At its hard limit of CPU time the kernel sends SIGKILL, which here stands for a failure
        # of ours; and one below ours could not be set any more.
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
        # Room beyond a file's end, which its size does not show, or holes.
        "fallocate": [*_if_equal(1, 0, _ALLOW), *_end(_EOPNOTSUPP)],
        "getsockopt": [*_one_of(2, _SOCKET_OPTIONS, _ALLOW), *_end(_EPERM)],
        "madvise": [*_one_of(2, _ADVICE, _ALLOW), *_end(_EINVAL)],
        # Whether a page is in the cache; writing through it.
        **{
            name: [*_if_equal(5, 0, _ALLOW), *_end(_EOPNOTSUPP)] for name in ("preadv2", "pwritev2")
        },
        **{name: [*_any_bit(0, _NEGATIVE, _EINVAL), *_end(_ALLOW)] for name in _CLOCKS},
        **{name: [*_if_equal(0, 0, _ALLOW), *_end(_ESRCH)] for name in _ABOUT_ONESELF},
        "getpriority": [*_unless_equal(0, 0, _ESRCH), *_if_equal(1, 0, _ALLOW), *_end(_ESRCH)],
        # A connected pair of stream sockets inside the process (asyncio makes one).
        "socketpair": [
            *_unless_equal(0, 1, _KILL),
            _argument(1),
            (_AND, 0, 0, 0xF),
            (_IF_EQUAL, 1, 0, 1),
            *_end(_KILL),
            *_end(_ALLOW),
        ],
        # On a connected socket only: no address.
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
    """Opening a file, by the flags in argument `index`.

    Landlock asks for no right where a file is opened neither for reading nor for writing (access
    mode 3), and before ABI 3 not for one where opening it for reading empties it. A file without a
    name is not among those that are counted. Each write to the disk itself (O_SYNC) is the host's.
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


def _any_bit(index: int, bits: int, verdict: int) -> _Block:
    return [_argument(index), (_IF_ANY_BIT, 0, 1, bits), *_end(verdict)]


def _argument(index: int, *, high: bool = False) -> _Instruction:
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
