"""Where the time of a step goes: intervals of named phases, in lanes that may overlap.

One `Timeline` follows a whole run. Any thread says what it does by
`Timeline.during`; a phase within a phase of the same thread suspends the outer
one, so that a lane does one thing at a time and no second is counted twice.
`cut` ends an account (of a step, of an evaluation) and begins the next at the
same moment: between them nothing is lost, and a phase that goes on across the
cut, as sampling ahead does, is divided between them.

The accounts are kept in ``timeline.jsonl``; `timing` makes of one the short
figures of ``timing.jsonl``. Nothing is measured within a phase.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

MAIN = "main"
"""The lane of a thread that names none."""


class Phase(StrEnum):
    """What a lane is doing."""

    SAMPLING = "sampling"
    RUNNING = "running"
    """Programs in the sandbox."""
    JUDGING = "judging"
    """Parsing, waiting for the runs that are left, comparing outputs."""
    LEARNING = "learning"
    READING = "reading"
    """Of recorded rollouts."""
    SCORING = "scoring"
    JOURNALLING = "journalling"
    """Responses and bouts, on their way to the disk."""
    SYNCING = "syncing"
    """Weights, on their way to whoever samples."""
    WAITING = "waiting"
    """For rollouts that are made ahead: what is done meanwhile is in other lanes."""
    METRICS = "metrics"
    CHECKPOINT = "checkpoint"


WORK = frozenset({Phase.SAMPLING, Phase.RUNNING, Phase.JUDGING, Phase.LEARNING})
"""What a step is for. The rest is the ``other`` share."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A phase of a lane, in seconds from the beginning of its account."""

    phase: Phase
    lane: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Account:
    """What was done in ``seconds``; ``runs`` of programs were executed."""

    seconds: float
    intervals: tuple[Interval, ...]
    runs: int = 0

    def phases(self) -> dict[str, float]:
        """Seconds in which each phase was going on, in whatever lane; overlapping phases each
        count them."""
        return {
            phase.value: covered(i for i in self.intervals if i.phase is phase)
            for phase in Phase
            if any(i.phase is phase for i in self.intervals)
        }

    def other_share(self) -> float:
        """Share of the time in which nothing of `WORK` was going on."""
        if self.seconds <= 0:
            return 0.0
        return 1 - covered(i for i in self.intervals if i.phase in WORK) / self.seconds

    def alone(self) -> dict[str, float]:
        """Seconds in which a phase was the only one: what a run would gain without it."""
        found: dict[str, float] = {}
        edges = sorted({t for i in self.intervals for t in (i.start, i.end)})
        for start, end in pairwise(edges):
            going = {i.phase for i in self.intervals if i.start <= start and end <= i.end}
            if len(going - {Phase.WAITING}) == 1:
                [phase] = going - {Phase.WAITING}
                found[phase] = found.get(phase, 0.0) + end - start
        return found

    def record(self) -> dict[str, Any]:
        """The account as JSON-able data."""
        return {
            "seconds": round(self.seconds, 6),
            "other_share": round(self.other_share(), 6),
            "phases": {name: round(s, 6) for name, s in self.phases().items()},
            "intervals": [
                [i.phase.value, i.lane, round(i.start, 6), round(i.end, 6)] for i in self.intervals
            ],
        }

    def timing(self, tokens: int, responses: int) -> dict[str, Any]:
        """Seconds and, of a step that was not read from a record, rates."""
        phases = self.phases()
        found: dict[str, Any] = {"seconds": self.seconds, "phases": phases}
        if Phase.SAMPLING in phases:
            found["tokens_per_s"] = tokens / self.seconds
            found["responses_per_s"] = responses / self.seconds
            found["runs_per_s"] = self.runs / max(phases.get(Phase.RUNNING, 0.0), 1e-9)
        return found


def account_from(record: Mapping[str, Any]) -> Account:
    """What `Account.record` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    intervals = (
        Interval(Phase(phase), str(lane), float(start), float(end))
        for phase, lane, start, end in record["intervals"]
    )
    return Account(float(record["seconds"]), tuple(intervals))


def covered(intervals: Iterable[Interval]) -> float:
    """Seconds that at least one of the intervals covers."""
    total, until = 0.0, float("-inf")
    for i in sorted(intervals, key=lambda i: i.start):
        total += max(0.0, i.end - max(i.start, until))
        until = max(until, i.end)
    return total


@dataclass(slots=True, eq=False)
class _Open:
    """A phase that is going on; ``start`` is where its current piece began."""

    phase: Phase
    lane: str
    start: float


class Timeline:
    """The clock of a run. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._zero = time.monotonic()
        self._done: list[tuple[_Open, float]] = []
        self._open: set[_Open] = set()
        self._here = threading.local()
        self._runs = 0

    @contextmanager
    def during(self, phase: Phase, lane: str | None = None) -> Iterator[None]:
        """Within the block this thread does that, in ``lane``: by default the lane it is in."""
        stack: list[_Open] = self._here.__dict__.setdefault("stack", [])
        usual = stack[-1].lane if stack else self._here.__dict__.get("lane", MAIN)
        entry = _Open(phase, lane or usual, 0.0)
        with self._lock:
            now = time.monotonic()
            if stack:
                self._close(stack[-1], now)
            entry.start = now
            self._open.add(entry)
        stack.append(entry)
        try:
            yield
        finally:
            stack.pop()
            with self._lock:
                now = time.monotonic()
                self._close(entry, now)
                if stack:
                    stack[-1].start = now
                    self._open.add(stack[-1])

    def running(self) -> AbstractContextManager[None]:
        """`during` of programs in the sandbox, which have a lane of their own."""
        return self.during(Phase.RUNNING, "programs")

    def in_lane(self, lane: str) -> None:
        """What this thread does is in ``lane`` from now on, unless it says otherwise."""
        self._here.__dict__["lane"] = lane

    def ran(self, runs: int) -> None:
        """So many runs of programs were executed."""
        with self._lock:
            self._runs += runs

    def cut(self) -> Account:
        """What happened since the last cut; the next account begins here."""
        with self._lock:
            now = time.monotonic()
            for entry in [*self._open]:
                self._close(entry, now)
                entry.start = now
                self._open.add(entry)
            zero, done, runs = self._zero, self._done, self._runs
            self._zero, self._done, self._runs = now, [], 0
        intervals = [
            Interval(e.phase, e.lane, max(0.0, e.start - zero), end - zero) for e, end in done
        ]
        intervals.sort(key=lambda i: (i.start, i.end))
        return Account(now - zero, tuple(intervals), runs)

    def _close(self, entry: _Open, now: float) -> None:
        """A piece of it ends."""
        self._open.discard(entry)
        self._done.append((_Open(entry.phase, entry.lane, entry.start), now))
