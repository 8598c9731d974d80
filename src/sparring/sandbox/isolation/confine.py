"""Putting the layers of isolation together: once for a worker, then for each program's process.

- `prepare` runs in a fresh worker, before any program: namespaces (at that level), a Landlock
  ruleset, no capabilities, no new privileges. It raises `Unavailable`, with advice, when the host
  cannot give the level.
- `Confinement.restrict_zygote` puts Landlock and the system-call filter on the zygote. It returns
  the function that each program's process calls just before the program.
- `rlimits` and `cpu_rlimit` are limits that the server sets from outside. They are a safety net
  only, because ``watchdog`` watches CPU time, idle time and memory.
"""

from __future__ import annotations

import os
import resource
import signal
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from sparring.sandbox.isolation import (
    kernel,
    landlock,
    namespaces,
    package_files,
    seccomp,
    user_limits,
)
from sparring.sandbox.protocol.start import Start
from sparring.sandbox.types import Level, Limits

WORK_MIB = 64
"""Size of a program's working directory, all files together."""
WORK_ENTRIES = 1024
_MIB = 1 << 20
_ADDRESS_SPACE_SLACK = 2 << 30  # less breaks large `threading.stack_size`
# The devices of a program, with True for those that it may write.
_DEVICES = {
    "/dev/null": True,
    "/dev/full": True,
    "/dev/random": False,  # written bytes would be mixed into the host's entropy
    "/dev/urandom": False,
}
# Host files that the standard library reads by itself (`mimetypes.knownfiles`). If Landlock refused
# these files, a program would see an error at one level and an absent file at the other.
_READ_IN_PASSING = (
    "/etc/mime.types",
    "/etc/httpd/mime.types",
    "/etc/httpd/conf/mime.types",
    "/etc/apache/mime.types",
    "/etc/apache2/mime.types",
    "/usr/local/etc/httpd/conf/mime.types",
    "/usr/local/lib/netscape/mime.types",
    "/usr/local/etc/mime.types",
)
_NAMESPACES_ADVICE = (
    "allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1, "
    "kernel.apparmor_restrict_unprivileged_userns=0; in a container: a seccomp profile that "
    "allows unshare and mount, or --cap-add SYS_ADMIN with apparmor unconfined)"
)
_LANDLOCK_ADVICE = (
    "use Linux 5.13 or newer with landlock among the active security modules (boot parameter "
    "lsm=landlock,…; in a container: a seccomp profile that allows the landlock calls)"
)


class Unavailable(Exception):
    """Raised when the host cannot give the level; the message says why and what to change."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """Isolation that `prepare` has set up in a worker; each program's process completes it."""

    level: Level
    work: str
    """Working directory of the programs, as they see it."""
    ruleset: int | None
    """Descriptor of the Landlock ruleset."""
    layers: dict[str, object]
    packages: str
    """Directory in which programs find their packages; empty without packages."""

    def restrict_zygote(self) -> Callable[[], None]:
        """Put Landlock and the system-call filter on the calling zygote and all its programs.

        Returns a function that completes the isolation of a program's process, for good. The
        server sets the rlimits of that process from outside.
        """
        if self.ruleset is not None:
            landlock.restrict(self.ruleset)
            os.close(self.ruleset)
        seccomp.confine_zygote()
        last = seccomp.ProgramFilter()
        die_with_parent = kernel.PreparedCall(
            kernel.SYS_PRCTL[kernel.machine()], kernel.PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0
        )

        def enter() -> None:
            die_with_parent()
            last.confine(os.getpid())

        return enter


def prepare(start: Start) -> Confinement:
    """Isolate the calling worker at the level that `start` asks for.

    Raises `Unavailable` if the host cannot give the level.
    """
    level, scratch, landlock_abi = start.level, start.scratch, start.landlock_abi
    if not seccomp.supported():
        raise Unavailable(
            f"no system-call table for {kernel.machine()}: use Linux on x86-64 or aarch64"
        )
    abi = landlock.abi() if landlock_abi is None else min(landlock.abi(), landlock_abi)
    host_uid = os.getuid()
    if level is Level.LANDLOCK and abi < 1:
        raise Unavailable(f"the kernel offers no Landlock: {_LANDLOCK_ADVICE}")
    readable = _readable()
    packages = start.links
    layers: dict[str, object] = {"landlock_abi": abi, "seccomp": True}
    work = scratch
    uid: int | None = None
    if level is Level.NAMESPACES:
        try:
            room = f"size={WORK_MIB}m,nr_inodes={WORK_ENTRIES}"
            layers |= namespaces.enter(scratch, readable, start.files, _DEVICES, room)
        except OSError as error:
            raise Unavailable(f"no namespaces ({error}): {_NAMESPACES_ADVICE}") from error
        work = namespaces.WORK_DIRECTORY
        uid = None if layers["user_namespace"] else namespaces.SANDBOX_UID
        if packages:
            packages = package_files.MOUNTED
            readable.append(packages)
    else:
        if packages:
            readable += [packages, *(real for _, real in start.files)]
        if os.getuid() == 0 and all(_open_to_all(path) for path in [*readable, scratch]):
            uid = namespaces.SANDBOX_UID
            os.chown(scratch, uid, uid)
    kernel.drop_privileges(uid)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    os.chdir(work)
    layers["uid"] = os.getuid()
    # The host's view of the user: in a user namespace it is still the caller.
    layers["host_uid"] = host_uid if uid is None else uid
    ruleset = landlock.build(abi, readable, [work], _DEVICES) if abi >= 1 else None
    return Confinement(level, work, ruleset, layers, packages)


def _readable() -> list[str]:
    """Return the real paths of the Python installation and of the libraries that it loads."""
    paths = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store"]
    paths += ["/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo"]
    paths += _READ_IN_PASSING
    python = [os.path.dirname(os.__file__)]
    python += _mapped_libraries()
    # Extension modules of a conda environment load their libraries from its `lib`.
    if os.path.isdir(os.path.join(sys.base_prefix, "conda-meta")):
        python.append(os.path.join(sys.base_prefix, "lib"))
    python += [path for path in sys.path if path.startswith(sys.base_prefix)]
    for path in python:
        real = os.path.realpath(path)
        if not any(real == known or real.startswith(known + "/") for known in paths):
            paths.append(real)
    return [path for path in paths if os.path.exists(path)]


def _mapped_libraries() -> list[str]:
    """Return the shared libraries that this process has loaded, the interpreter's own among them.

    Read from the process's map, because an installation that was moved does not know its place.
    """
    try:
        with open("/proc/self/maps") as file:
            mapped = {line.rstrip("\n").split(maxsplit=5)[-1] for line in file if " /" in line}
    except OSError:  # a host that shows no /proc
        return [os.path.join(sys.base_prefix, "lib")]
    return sorted(path for path in mapped if ".so" in os.path.basename(path))


def _open_to_all(path: str) -> bool:
    """Return whether any user can reach `path`, so that root's worker may become another user."""
    parent = os.path.realpath(path)
    while parent != "/":
        parent = os.path.dirname(parent)
        if not os.stat(parent).st_mode & stat.S_IXOTH:
            return False
    return True


def rlimits(limits: Limits, packages_mib: int = 0) -> list[tuple[int, int]]:
    """Return the rlimits that a program starts with, as pairs (resource, value).

    `packages_mib` is the address space (MiB) that imported packages take before a program starts.
    """
    space = (limits.memory_mib + packages_mib) * _MIB + _ADDRESS_SPACE_SLACK
    wanted = (
        (resource.RLIMIT_AS, space),
        (resource.RLIMIT_FSIZE, max(limits.file_mib * _MIB, limits.output_bytes + _MIB)),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_NPROC, user_limits.processes()),
    )
    hard = _hard_limits()
    return [(kind, min(value, hard[kind])) for kind, value in wanted]


def cpu_rlimit(limits: Limits, tests: int) -> tuple[int, int]:
    """Return the CPU rlimit, a safety net for a process of `tests` executions: (resource, value).

    The server sets it once an execution has lasted for a while. Under this rlimit the kernel
    updates a process's CPU clock only at ticks, which is too coarse for short executions.
    """
    # Twice the limit for each test, because the rlimit counts all tests of the process together.
    value = int(2 * limits.cpu_seconds * tests) + 2
    return resource.RLIMIT_CPU, min(value, _hard_limits()[resource.RLIMIT_CPU])


@cache
def _hard_limits() -> dict[int, int]:
    kinds = [resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE]
    kinds += [resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK]
    kinds += [resource.RLIMIT_NPROC]
    limits = {kind: resource.getrlimit(kind)[1] for kind in kinds}
    return {k: sys.maxsize if v == resource.RLIM_INFINITY else v for k, v in limits.items()}
