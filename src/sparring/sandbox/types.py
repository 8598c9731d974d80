"""What is asked of the sandbox: limits, jobs, levels, and what it counted.

Plain values that both sides of the pipe share. No logic beyond checking that
a value makes sense; nothing here touches the operating system.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sparring.errors import SandboxError
from sparring.sandbox.preamble import packed
from sparring.schema import Kind

_MOST_SECONDS = 1e6
_MOST = 1 << 40
MOST_OUTPUT_BYTES = 1 << 30
"""The largest `Limits.output_bytes`: a run's output passes through memory several times."""


class Level(StrEnum):
    """How strongly a program is shut in. The strongest that the host allows is taken."""

    NAMESPACES = "namespaces"
    """All layers: own mount, pid, net, ipc and uts namespaces around a minimal read-only root,
    and everything that ``landlock`` has."""
    LANDLOCK = "landlock"
    """No namespaces: Landlock for files and signals, seccomp, no new processes, rlimits."""


class Fork(StrEnum):
    """How often a program gets a fresh process."""

    PER_PROGRAM = "per_program"
    """One process for all inputs of a program, as long as it leaves no trace in that process."""
    PER_TEST = "per_test"
    """One process for each input: slower by the cost of a fork."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. Seconds are CPU seconds, except ``idle_seconds``.

    ``idle_seconds`` is the time a run may spend neither using a CPU nor waiting for one
    (sleeping, blocked); ``memory_mib`` is growth of memory since the start of the process;
    ``output_bytes`` is standard output; ``file_mib`` is the size of any file that it writes.
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
                told = f"{most:,} (1 GiB)" if most == MOST_OUTPUT_BYTES else f"{most:g}"
                raise SandboxError(
                    f"Limits.{name} is {value!r}: give a positive number of at most {told}."
                )


@dataclass(frozen=True, slots=True)
class Job:
    """One program (Python source) and the inputs it is to be run on.

    ``entry_point``, for calls and scripts: the function's name, or ``Class.method`` for a class
    that is made without arguments.

    ``alone``: each input in a process of its own, whatever the sandbox's `Fork` is, and none left
    out because another met a limit. For a program that reads what several authors wrote, none of
    whom may have a say in what becomes of another's (a checker on the outputs of different
    programs).

    ``preamble``: Python source that is executed in the program's module before the program, for
    each run: a judge's imports, a statement's helpers. It is no part of the program, whose names
    win and whose line numbers stay. A script's own process does not have it.
    """

    program: str
    inputs: tuple[str, ...]
    limits: Limits = Limits()
    kind: Kind = Kind.STDIN
    entry_point: str = ""
    alone: bool = False
    preamble: str = ""

    def __post_init__(self) -> None:
        parts = self.entry_point.split(".")
        if self.kind is not Kind.STDIN and not (
            len(parts) <= 2 and all(part.isidentifier() for part in parts)
        ):
            raise SandboxError(
                f"entry_point is {self.entry_point!r}: name the function, or Class.method."
            )
        packed(self.preamble)


@dataclass(slots=True)
class Stats:
    """What a sandbox has done since it was opened.

    Runs, except where it says otherwise. ``runs_asked`` = ``runs_executed`` + ``deduplicated`` +
    ``skipped`` + ``infra`` once all jobs have ended.
    ``audited`` programs were run in full although they timed out on their smallest input;
    in ``audit_surprises`` of them another input did not time out.
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
    """Wall seconds during which at least one call was waiting for results."""
    cpu_seconds: float = 0.0
    """CPU seconds that programs used."""
