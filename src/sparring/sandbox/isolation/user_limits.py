"""Dividing the limits of a user among the programs that run at once.

The kernel counts threads, and descriptors in flight, for a user and not for a process. Without a
share for each program, the programs of many workers could use up the threads or descriptors that
the caller or another program needs.
"""

from __future__ import annotations

import resource
import sys
from functools import cache

_MOST_THREADS = 1000
_FEWEST_THREADS = 4
_OTHERS = 4  # processes of a worker beside its program's
_FD_PAIR = 2  # descriptors that one execution's message carries
_LIMITS = (
    "/proc/sys/kernel/threads-max",
    "/proc/sys/kernel/pid_max",
    "/sys/fs/cgroup/pids.max",  # a container's own
)


@cache
def processes() -> int:
    """Return RLIMIT_NPROC for programs: three quarters of the user's limit; the caller keeps the
    rest."""
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, soft * 3 // 4)


@cache
def threads(workers: int) -> int:
    """Return the most threads of a program: its worker's share of half the host's limit."""
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    limits = [] if soft == resource.RLIM_INFINITY else [soft]
    for path in _LIMITS:
        try:
            with open(path) as file:
                limits.append(int(file.read()))  # a control group without a limit reads "max"
        except (OSError, ValueError):
            continue
    limit = min(limits, default=_MOST_THREADS * workers * 4)
    return max(_FEWEST_THREADS, min(_MOST_THREADS, limit // 2 // workers - _OTHERS))


@cache
def runs_on_their_way(workers: int, most: int) -> int:
    """Return the most executions, up to `most`, whose descriptors may wait in a program's socket.

    The kernel refuses to send (ETOOMANYREFS) once a user has more descriptors in flight than
    RLIMIT_NOFILE allows.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        return most
    return max(1, min(most, hard // 2 // (_FD_PAIR * workers)))
