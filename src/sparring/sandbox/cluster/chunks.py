"""Chunks of work for a node of a cluster, and the node's answers, as plain values.

A task of a cluster costs milliseconds, an execution tenths of a millisecond. A task therefore holds
about two seconds of work (`take`), estimated by the pace of the latest answers (`ExecutionPace`).
All values are of built-in types, so that a node with another version of this code can read and
refuse them. This module does not know Ray.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from sparring.errors import SandboxError
from sparring.sandbox.caller.credible import believed
from sparring.sandbox.caller.plan import Call, ProgramWork
from sparring.sandbox.types import Job, Limits
from sparring.schema import Outcome, TestKind, Verdict

CHUNK_SECONDS = 2.0
_CHUNK_BYTES = 32 << 20
_KEPT = 0.7  # weight that older measurements keep at each new one
_SUSPECT = 2
"""Losses after which a program's work travels alone, because this program may be the cause of the
lost nodes."""

Row = tuple[bytes, tuple[float, ...], str, str, str, bool, bool, float | None, list[int]]
"""Program, limits, kind, entry point, preamble, skip, alone, `ProgramWork.longest_ended`, numbers
of its inputs."""
Answer = dict[str, Any]
"""``{"seconds": wall seconds, "lost": number of lost workers, "outcomes": [[(verdict, output, CPU
seconds, MiB, detail) of an execution…] of a program…]}``, or ``{"refused": why}``; with ``"node"``,
the node's name."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Programs with their inputs; an input of several programs is stored once."""

    rows: list[Row]
    inputs: list[bytes]


class ExecutionPace:
    """Estimate of the wall seconds of an execution on a node, from the answered chunks.

    CPU seconds of the programs are not enough for an estimate: forking costs time too, and a
    sleeping program occupies a CPU's place.
    """

    def __init__(self, seconds_per_run: float = 0.05) -> None:
        self._runs, self._seconds = 1.0, seconds_per_run

    def add(self, runs: int, seconds: float) -> None:
        """Add the measurement of a chunk: its number of executions and its wall seconds."""
        self._runs = _KEPT * self._runs + runs
        self._seconds = _KEPT * self._seconds + seconds

    def seconds(self, work: ProgramWork) -> float:
        """Return the expected wall seconds of a program's work."""
        return len(work.unknown) * self._seconds / self._runs


def take(waiting: deque[ProgramWork], pace: ExecutionPace, slots: int) -> list[ProgramWork]:
    """Take the next chunk out of ``waiting``; return an empty list if nothing waits.

    A chunk is about `CHUNK_SECONDS` of work, but never more than its share of the rest: the last
    chunks are small, so that all of the ``slots`` end at about the same time.
    """
    most = math.ceil(len(waiting) / (2 * slots))
    chunk: list[ProgramWork] = []
    seconds, size = 0.0, 0
    while waiting and len(chunk) < most:
        following = waiting[0]
        seconds += pace.seconds(following)
        size += len(following.program) + sum(len(following.inputs[k]) for k in following.unknown)
        suspect = following.losses >= _SUSPECT
        if chunk and (suspect or seconds > CHUNK_SECONDS or size > _CHUNK_BYTES):
            break
        chunk.append(waiting.popleft())
        if suspect:
            break
    return chunk


def pack(works: Sequence[ProgramWork]) -> Chunk:
    """Return works as a chunk, with the executions of each that have no outcome yet."""
    numbers: dict[bytes, int] = {}
    rows = [
        (
            work.program,
            astuple(work.job.limits),
            work.job.kind.value,
            work.job.entry_point,
            work.job.preamble,
            work.skip,
            work.alone,
            work.longest_ended(),
            [numbers.setdefault(work.inputs[key], len(numbers)) for key in work.missing()],
        )
        for work in works
    ]
    return Chunk(rows, list(numbers))


def unpack(rows: Sequence[Row], inputs: Sequence[bytes]) -> tuple[list[ProgramWork], Call]:
    """Return the works of a chunk and their call, on the node; executions are numbered anew."""
    call = Call()
    works = []
    for number, row in enumerate(rows):
        program, limits, kind, entry_point, preamble, skip, alone, longest, mine = row
        cpu, idle, *sizes = limits
        bounds = Limits(cpu, idle, *map(int, sizes))
        job = Job("", (), bounds, TestKind(kind), entry_point, preamble=preamble)
        work = ProgramWork(number.to_bytes(8, "big"), program, job, call)
        work.inputs = {i.to_bytes(8, "big"): inputs[n] for i, n in enumerate(mine)}
        work.unknown = list(work.inputs)
        work.skip, work.alone = skip, alone
        if longest is not None:  # `needs_retry` uses the longest execution of earlier tries
            work.outcomes[b"earlier"] = Outcome(Verdict.FINISHED, cpu_seconds=longest)
        works.append(work)
    return works, call


def pack_outcomes(works: Sequence[ProgramWork]) -> list[list[tuple[str, str, float, float, str]]]:
    """Return the outcomes of `unpack`ed works as plain values."""
    return [
        [
            (o.verdict.value, o.output, o.cpu_seconds, o.memory_mib, o.detail)
            for o in (work.outcomes[key] for key in work.unknown)
        ]
        for work in works
    ]


def settle(works: Sequence[ProgramWork], answer: Answer) -> None:
    """Put an answer's outcomes into the works that were sent.

    Raises `SandboxError`, with no outcome taken, if the answer does not fit the works.
    """
    outcomes = []
    try:
        for work, rows in zip(works, answer["outcomes"], strict=True):
            for key, (verdict, output, cpu, mib, detail) in zip(work.missing(), rows, strict=True):
                outcome = Outcome(Verdict(verdict), output, float(cpu), float(mib), str(detail))
                outcomes.append((work, key, believed(work.job.kind, outcome)))
    except (KeyError, ValueError, TypeError) as error:
        node = answer.get("node", "?")
        raise SandboxError(f"node {node}: malformed answer: {error}") from None
    for work, key, outcome in outcomes:
        work.outcomes[key] = outcome
