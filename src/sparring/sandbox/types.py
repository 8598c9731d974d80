"""What the sandbox is asked for: jobs, limits, and the levels of isolation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How strongly programs are kept apart from the host. Stronger first."""

    NAMESPACES = "namespaces"
    """Own mount, process, network, IPC and host-name namespaces on a minimal read-only root,
    and everything that `LANDLOCK` has."""
    LANDLOCK = "landlock"
    """Landlock for files, a system call filter for the rest, no capabilities, resource limits."""


class Fork(StrEnum):
    """How many inputs one process may see."""

    PER_PROGRAM = "per_program"
    """A program's inputs run one after another in one process, each with fresh globals and
    standard streams. A process that leaves threads or files behind is replaced."""
    PER_TEST = "per_test"
    """A process of its own for every input."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use."""

    cpu_seconds: float = 1.0
    """CPU time, all threads, read from outside. The only time limit: independent of load."""
    idle_seconds: float = 2.0
    """Time spent neither computing nor waiting for a free core (sleeping, blocked)."""
    memory_mib: int = 256
    """Growth of the process's own memory."""
    output_bytes: int = 1 << 20
    """Standard output; also the size of any file that the program writes."""


@dataclass(frozen=True, slots=True)
class Job:
    """One program and the inputs to run it on."""

    program: str
    inputs: tuple[str, ...]
    limits: Limits = Limits()
