"""What all processes of a user have together, divided among the programs that run at once.

Threads and descriptors on their way count for the user, not for a process: without a share each,
the programs of many workers could take what the caller needs to go on, or what another program
needs.
"""

from __future__ import annotations

import resource
import sys
from functools import cache

_MOST_THREADS = 1000
_FEWEST_THREADS = 4
_OTHERS = 4  # processes of a worker beside its program's
_FD_PAIR = 2  # descriptors that one run's message carries
_LIMITS = (
    "/proc/sys/kernel/threads-max",
    "/proc/sys/kernel/pid_max",
    "/sys/fs/cgroup/pids.max",  # a container's own
)


@cache
def processes() -> int:
    """The RLIMIT_NPROC of programs: a quarter less than ours, which stays for the caller."""
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, soft * 3 // 4)


@cache
def threads(workers: int) -> int:
    """Threads that a program may have where `workers` run one each: half of what there is."""
    soft = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    rooms = [] if soft == resource.RLIM_INFINITY else [soft]
    for path in _LIMITS:
        try:
            with open(path) as file:
                rooms.append(int(file.read()))  # a control group without a limit says "max"
        except (OSError, ValueError):
            continue
    room = min(rooms, default=_MOST_THREADS * workers * 4)
    return max(_FEWEST_THREADS, min(_MOST_THREADS, room // 2 // workers - _OTHERS))


@cache
def runs_on_their_way(workers: int, most: int) -> int:
    """Runs, up to `most`, whose descriptors may wait in the sockets of each worker's program.

    The kernel refuses to send (ETOOMANYREFS) once a user has more on their way than
    RLIMIT_NOFILE allows.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        return most
    return max(1, min(most, hard // 2 // (_FD_PAIR * workers)))
