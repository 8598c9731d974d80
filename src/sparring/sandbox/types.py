"""Requests to the sandbox (limits, jobs, levels) and its counts, as plain values.

Callers and workers share these values. The only logic is the check of their ranges; nothing here
touches the operating system.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sparring.errors import SandboxError
from sparring.sandbox.preamble import packed
from sparring.schema import TestKind

_MOST_SECONDS = 1e6
_MOST = 1 << 40
MOST_OUTPUT_BYTES = 1 << 30
"""Largest `Limits.output_bytes`: an output passes through memory several times."""


class Level(StrEnum):
    """Strength of isolation. By default the strongest level that the host allows."""

    NAMESPACES = "namespaces"
    """All layers: own mount, pid, net, ipc and uts namespaces around a minimal read-only root,
    and every layer of ``landlock``."""
    LANDLOCK = "landlock"
    """No namespaces: Landlock for files and signals, seccomp, no new processes, rlimits."""


class Fork(StrEnum):
    """Number of processes for a program's inputs."""

    PER_PROGRAM = "per_program"
    """One process for all inputs of a program, as long as it leaves no trace in that process."""
    PER_TEST = "per_test"
    """One process for each input: slower by the cost of a fork."""


USUAL_FORK = Fork.PER_PROGRAM
"""Default of every setting of this kind."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one execution.

    - ``cpu_seconds``: CPU time of all threads.
    - ``idle_seconds``: wall time with neither a CPU nor a wait for one (sleeping, blocked).
    - ``memory_mib``: growth of memory since the start of the process, in MiB.
    - ``output_bytes``: bytes of standard output.
    - ``file_mib``: size of each written file, in MiB.

    Raises `SandboxError` for a value outside its range.
    """

    cpu_seconds: float = 1.0
    idle_seconds: float = 2.0
    memory_mib: int = 256
    output_bytes: int = 1 << 20
    file_mib: int = 16

    def __post_init__(self) -> None:
        for name in ("cpu_seconds", "idle_seconds", "memory_mib", "output_bytes", "file_mib"):
            value = getattr(self, name)
            seconds = name.endswith("_seconds")
            if isinstance(value, bool) or not isinstance(value, (int, float) if seconds else int):
                kind = "number" if seconds else "whole number"
                raise SandboxError(f"Limits.{name} is {value!r}: give a positive {kind}.")
            most = _MOST_SECONDS if seconds else _MOST
            if name == "output_bytes":
                most = MOST_OUTPUT_BYTES
            if not 0 < value <= most:
                bound = f"{most:,} (1 GiB)" if most == MOST_OUTPUT_BYTES else f"{most:g}"
                raise SandboxError(
                    f"Limits.{name} is {value!r}: give a positive number of at most {bound}."
                )


@dataclass(frozen=True, slots=True)
class Job:
    """Program (Python source) and the inputs to execute it on.

    - ``entry_point``, for calls and scripts: a function's name, or ``Class.method`` of a class that
      is made without arguments.
    - ``alone``: give each input a process of its own, whatever the sandbox's `Fork`, and never
      leave out an input because another input met a limit. This is for a program whose inputs have
      several authors, such as a checker of different programs' outputs: no author may influence the
      verdict on another author's input.
    - ``preamble``: Python source that is executed in the program's module before the program, for
      each execution: a judge's imports, a statement's helpers. The program's own names win, and its
      line numbers stay. A script's own process has no preamble.

    Raises `SandboxError` for a malformed entry point or preamble.
    """

    program: str
    inputs: tuple[str, ...]
    limits: Limits = Limits()
    kind: TestKind = TestKind.STDIN
    entry_point: str = ""
    alone: bool = False
    preamble: str = ""

    def __post_init__(self) -> None:
        parts = self.entry_point.split(".")
        if self.kind is not TestKind.STDIN and not (
            len(parts) <= 2 and all(part.isidentifier() for part in parts)
        ):
            raise SandboxError(
                f"entry_point is {self.entry_point!r}: give a function's name, or Class.method."
            )
        packed(self.preamble)


@dataclass(slots=True)
class Stats:
    """Counts since a sandbox was opened. They count executions unless stated otherwise.

    Once all jobs have ended, ``runs_asked`` = ``runs_executed`` + ``deduplicated`` + ``skipped`` +
    ``infra``. ``audited`` counts programs that timed out on their smallest input and were executed
    in full all the same. ``audit_surprises`` counts the audited programs that did not time out on
    another input.
    """

    runs_asked: int = 0
    runs_executed: int = 0
    deduplicated: int = 0
    skipped: int = 0
    infra: int = 0
    workers_lost: int = 0
    audited: int = 0
    audit_surprises: int = 0
    seconds: float = 0.0
    """Wall seconds during which at least one call was waiting for outcomes."""
    cpu_seconds: float = 0.0
    """CPU seconds that programs used."""
