"""Chunks: what a node of a cluster is given at once, and what it answers, as plain values.

A task of a cluster costs milliseconds, a run tenths of one: so a task is as many programs as make
about two seconds of work (`take`), by the pace of what came back last (`Pace`). Plain values only,
built-in types: a node with other code can still read them and say that it is not the same.
Nothing here knows of Ray.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from sparring.errors import SandboxError
from sparring.sandbox.caller.credible import believed
from sparring.sandbox.caller.plan import Call, Work
from sparring.sandbox.types import Job, Limits
from sparring.schema import Kind, Outcome, Verdict

CHUNK_SECONDS = 2.0
_CHUNK_BYTES = 32 << 20
_KEPT = 0.7  # of the older measurements' weight, with each new one
_SUSPECT = 2
"""Losses after which a work travels alone, so that it takes no other with it."""

Row = tuple[bytes, tuple[float, ...], str, str, str, bool, bool, float | None, list[int]]
"""Program, limits, kind, entry point, preamble, skip, alone, `Work.longest_ended`, numbers of its
inputs."""
Answer = dict[str, Any]
"""``{"seconds": wall seconds, "lost": workers, "outcomes": [[(verdict, output, CPU seconds, MiB,
detail) of a run…] of a program…]}``, or ``{"refused": why}``; with ``"node"``, its name."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Programs with their inputs; an input that several of them have is there once."""

    rows: list[Row]
    inputs: list[bytes]


class Pace:
    """How long a run takes, wall seconds on a node, from the chunks that came back.

    Not CPU seconds of the programs: forking costs as well, and one that sleeps holds its place.
    """

    def __init__(self, seconds_per_run: float = 0.05) -> None:
        self._runs, self._seconds = 1.0, seconds_per_run

    def add(self, runs: int, seconds: float) -> None:
        """A chunk of so many runs took so long."""
        self._runs = _KEPT * self._runs + runs
        self._seconds = _KEPT * self._seconds + seconds

    def seconds(self, work: Work) -> float:
        """What a work will take."""
        return len(work.unknown) * self._seconds / self._runs


def take(waiting: deque[Work], pace: Pace, slots: int) -> list[Work]:
    """The next chunk, taken out of ``waiting``; empty if nothing waits.

    About `CHUNK_SECONDS` of work, but never more than its share of what is left: the last chunks
    are small, so that all of the ``slots`` end at about the same time.
    """
    most = math.ceil(len(waiting) / (2 * slots))
    chunk: list[Work] = []
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


def pack(works: Sequence[Work]) -> Chunk:
    """Works as they travel: what is missing of each."""
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


def unpack(rows: Sequence[Row], inputs: Sequence[bytes]) -> tuple[list[Work], Call]:
    """The works on the node, and the call that they are of; their runs are numbered."""
    call = Call()
    works = []
    for number, row in enumerate(rows):
        program, limits, kind, entry_point, preamble, skip, alone, longest, mine = row
        cpu, idle, *sizes = limits
        bounds = Limits(cpu, idle, *map(int, sizes))
        job = Job("", (), bounds, Kind(kind), entry_point, preamble=preamble)
        work = Work(number.to_bytes(8, "big"), program, job, call)
        work.inputs = {i.to_bytes(8, "big"): inputs[n] for i, n in enumerate(mine)}
        work.unknown = list(work.inputs)
        work.skip, work.alone = skip, alone
        if longest is not None:  # of an earlier call; whether to repeat a timeout depends on it
            work.outcomes[b"earlier"] = Outcome(Verdict.FINISHED, cpu_seconds=longest)
        works.append(work)
    return works, call


def pack_outcomes(works: Sequence[Work]) -> list[list[tuple[str, str, float, float, str]]]:
    """What came of `unpack`ed works."""
    return [
        [
            (o.verdict.value, o.output, o.cpu_seconds, o.memory_mib, o.detail)
            for o in (work.outcomes[key] for key in work.unknown)
        ]
        for work in works
    ]


def settle(works: Sequence[Work], answer: Answer) -> None:
    """Put an answer's outcomes into the works that were sent. Raises `SandboxError` if they do
    not fit: then none is taken."""
    found = []
    try:
        for work, rows in zip(works, answer["outcomes"], strict=True):
            for key, (verdict, output, cpu, mib, detail) in zip(work.missing(), rows, strict=True):
                outcome = Outcome(Verdict(verdict), output, float(cpu), float(mib), str(detail))
                found.append((work, key, believed(work.job.kind, outcome)))
    except (KeyError, ValueError, TypeError) as error:
        node = answer.get("node", "?")
        raise SandboxError(f"node {node}: an answer that makes no sense: {error}") from None
    for work, key, outcome in found:
        work.outcomes[key] = outcome
