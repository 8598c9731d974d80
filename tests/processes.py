"""Several processes that learn together, started as torchrun does, without its own start."""

from __future__ import annotations

import socket

from tests.forks import Forked


def environments(size: int) -> list[dict[str, str]]:
    """The variables of each process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
    }
    return [{**shared, "RANK": str(r), "LOCAL_RANK": str(r)} for r in range(size)]


def started(command: list[str], size: int = 2) -> list[Forked]:
    """``command`` in ``size`` processes."""
    return [Forked(command, environment) for environment in environments(size)]


def ended(processes: list[Forked]) -> list[tuple[int, str, str]]:
    """What each has come to: exit code, output, errors. None is left behind."""
    found = []
    try:
        for process in processes:
            out, err = process.communicate(timeout=240)
            found.append((process.returncode, out, err))
    finally:
        for process in processes:
            process.kill()
    return found
