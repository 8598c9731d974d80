"""Namespaces of a worker: a minimal read-only root of its own (level ``namespaces``).

The worker moves itself into new mount, net, ipc and uts namespaces, and its *children* into a new
pid namespace. There programs live beside an init process of the sandbox. They cannot name the
worker or any process of the host, and so cannot signal them. The root holds:

- the Python installation and the system's libraries, bound read-only;
- four devices;
- a ``/proc`` of the new pid namespace, which shows a program only itself;
- an empty ``/tmp`` in memory.

``confine`` adds limits, capabilities and the system-call filter.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterable, Sequence

from sparring.sandbox.isolation import kernel
from sparring.sandbox.isolation.package_files import MOUNTED

SANDBOX_UID = 65534
WORK_DIRECTORY = "/tmp"

_SPACES = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWNET
_SPACES |= kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS


def enter(
    scratch: str,
    readable: list[str],
    packages: Sequence[tuple[str, str]],
    devices: Iterable[str],
    room: str,
) -> dict[str, object]:
    """Move into the namespaces; return two flags for the report.

    - `scratch`: empty directory, the mount point of the new root.
    - `readable`: paths of the host that programs may read.
    - `packages`: pairs of a path below ``/packages`` and the path of the host that lies there.
    - `devices`: device files to bind.
    - `room`: size of ``/tmp``, as options of mount(2).

    Raises `OSError` when the host does not allow namespaces.
    """
    with_user = _unshare()
    socket.sethostname("sandbox")
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    private = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("tmpfs", scratch, "tmpfs", private, "size=1m,mode=755")
    for path in readable:
        _bind(scratch, path)
    for path, real in packages:
        _bind(scratch, real, f"{MOUNTED}/{path}")
    for device in devices:
        _bind(scratch, device)
    for link, target in (("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2"), ("fd", "")):
        os.symlink(f"/proc/self/fd{target}", f"{scratch}/dev/{link}")
    os.mkdir(f"{scratch}/proc")
    work = scratch + WORK_DIRECTORY
    os.makedirs(work, exist_ok=True)
    owner = f"{room},mode=700,uid={SANDBOX_UID},gid={SANDBOX_UID}"
    kernel.mount("tmpfs", work, "tmpfs", private | kernel.MS_NOEXEC, owner)
    has_proc = _start_init(f"{scratch}/proc", None if with_user else SANDBOX_UID)
    read_only = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | private
    kernel.mount("none", scratch, None, read_only)
    kernel.pivot_root(scratch)
    return {"user_namespace": with_user, "own_proc": has_proc}


def _unshare() -> bool:
    """Enter the namespaces; return True if this needed a user namespace, as it does without
    privileges."""
    try:
        kernel.unshare(_SPACES)
        return False
    except PermissionError:
        uid, gid = os.getuid(), os.getgid()
        kernel.unshare(kernel.CLONE_NEWUSER | _SPACES)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{SANDBOX_UID} {uid} 1"),
            ("gid_map", f"{SANDBOX_UID} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        return True


def _bind(root: str, path: str, at: str | None = None) -> None:
    """Bind a path of the host into the new root, at the same path or `at`."""
    target = root + (at or path)
    if not os.path.exists(path):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):  # /lib64 -> usr/lib64: copy the link, for its target is bound too
        if not os.path.lexists(target):
            os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    kernel.bind_read_only(path, target, devices=path.startswith("/dev/"))


def _start_init(proc: str, uid: int | None) -> bool:
    """Fork process 1 of the pid namespace, which mounts ``/proc`` and then only waits.

    When process 1 dies, the kernel kills every program of the namespace. Process 1 dies with the
    worker, when the pipe that only the worker holds comes to its end. Returns whether ``/proc``
    could be mounted: a container that masks parts of its own ``/proc`` does not allow it.
    """
    ready, done = os.pipe()
    end, _held_open = os.pipe()
    if os.fork() == 0:
        try:
            flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC | kernel.MS_RDONLY
            try:
                kernel.mount("proc", proc, "proc", flags, "subset=pid,hidepid=2")
                answer = b"1"
            except OSError:
                answer = b"0"
            kernel.drop_privileges(uid)
            kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            os.write(done, answer)
            os.dup2(end, 0)
            kernel.closing(1)()
            os.read(0, 1)
        finally:
            os._exit(0)
    os.close(done)
    os.close(end)
    answer = os.read(ready, 1)
    os.close(ready)
    if not answer:
        raise OSError("the pid namespace's first process died")
    return answer == b"1"
