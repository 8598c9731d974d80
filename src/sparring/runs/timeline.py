"""Timeline: the seconds of each phase of a step, as intervals in lanes that may overlap.

One `Timeline` follows a whole run. A thread declares its phase by `Timeline.during`.
A phase within a phase of the same thread suspends the outer phase, so a lane does one
thing at a time and no second is counted twice. `Timeline.cut` ends one account (of a
step or an evaluation) and starts the next at the same moment: no time is lost, and a
phase that spans the cut, as asynchronous sampling does, is divided between the two.

The accounts are recorded in ``timeline.jsonl``; `PhaseAccount.timing` gives the short
figures of ``timing.jsonl``. Time within a phase is not divided further.
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
"""Lane of a thread that names none."""


class Phase(StrEnum):
    """Phase that a lane is in."""

    SAMPLING = "sampling"
    RUNNING = "running"
    """Executing programs in the sandbox."""
    JUDGING = "judging"
    """Grading: waiting for the last executions, comparing outputs."""
    LEARNING = "learning"
    READING = "reading"
    """Reading recorded rollouts."""
    SCORING = "scoring"
    """Computing rewards and advantages."""
    JOURNALLING = "journalling"
    """Writing responses and groups to disk."""
    SYNCING = "syncing"
    """Sending weights to the servers that sample."""
    WAITING = "waiting"
    """Waiting for asynchronous rollouts, whose work is in other lanes."""
    METRICS = "metrics"
    CHECKPOINT = "checkpoint"


WORK = frozenset({Phase.SAMPLING, Phase.RUNNING, Phase.JUDGING, Phase.LEARNING})
"""Phases that do the work of a step. Time outside of these phases is the ``other`` share."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Phase of a lane, with ``start`` and ``end`` in seconds since the account began."""

    phase: Phase
    lane: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class PhaseAccount:
    """Phases within ``seconds`` of a run. ``runs`` is the number of executions of programs in that
    time."""

    seconds: float
    intervals: tuple[Interval, ...]
    runs: int = 0

    def phases(self) -> dict[str, float]:
        """Return the seconds of each phase, in any lane. A second in which several phases are
        active counts for each of them."""
        return {
            phase.value: covered(i for i in self.intervals if i.phase is phase)
            for phase in Phase
            if any(i.phase is phase for i in self.intervals)
        }

    def other_share(self) -> float:
        """Return the share of the time in which no phase of `WORK` was active."""
        if self.seconds <= 0:
            return 0.0
        return 1 - covered(i for i in self.intervals if i.phase in WORK) / self.seconds

    def alone(self) -> dict[str, float]:
        """Return the seconds in which each phase was the only active phase: the time that a run
        would save without the phase."""
        alone: dict[str, float] = {}
        edges = sorted({t for i in self.intervals for t in (i.start, i.end)})
        for start, end in pairwise(edges):
            active = {i.phase for i in self.intervals if i.start <= start and end <= i.end}
            if len(active - {Phase.WAITING}) == 1:
                [phase] = active - {Phase.WAITING}
                alone[phase] = alone.get(phase, 0.0) + end - start
        return alone

    def record(self) -> dict[str, Any]:
        """Return the account as data for JSON."""
        return {
            "seconds": round(self.seconds, 6),
            "other_share": round(self.other_share(), 6),
            "phases": {name: round(s, 6) for name, s in self.phases().items()},
            "intervals": [
                [i.phase.value, i.lane, round(i.start, 6), round(i.end, 6)] for i in self.intervals
            ],
        }

    def timing(self, tokens: int, responses: int) -> dict[str, Any]:
        """Return the seconds of a step and of its phases, and rates for a step that was sampled,
        not read from a record."""
        phases = self.phases()
        timing: dict[str, Any] = {"seconds": self.seconds, "phases": phases}
        if Phase.SAMPLING in phases:
            timing["tokens_per_s"] = tokens / self.seconds
            timing["responses_per_s"] = responses / self.seconds
            timing["runs_per_s"] = self.runs / max(phases.get(Phase.RUNNING, 0.0), 1e-9)
        return timing


def account_from(record: Mapping[str, Any]) -> PhaseAccount:
    """Return the account that `PhaseAccount.record` has written. Raises KeyError, TypeError or
    ValueError for other data."""
    intervals = (
        Interval(Phase(phase), str(lane), float(start), float(end))
        for phase, lane, start, end in record["intervals"]
    )
    return PhaseAccount(float(record["seconds"]), tuple(intervals))


def covered(intervals: Iterable[Interval]) -> float:
    """Return the seconds that at least one of the intervals covers."""
    total, covered_until = 0.0, float("-inf")
    for i in sorted(intervals, key=lambda i: i.start):
        total += max(0.0, i.end - max(i.start, covered_until))
        covered_until = max(covered_until, i.end)
    return total


@dataclass(slots=True, eq=False)
class _Open:
    """Active phase; ``start`` is the beginning of its current piece."""

    phase: Phase
    lane: str
    start: float


class Timeline:
    """Clock of a run's phases. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._zero = time.monotonic()
        self._done: list[tuple[_Open, float]] = []
        self._open: set[_Open] = set()
        self._thread = threading.local()
        self._runs = 0

    @contextmanager
    def during(self, phase: Phase, lane: str | None = None) -> Iterator[None]:
        """Count the time of the block as ``phase`` of this thread, in ``lane`` (default: the
        thread's current lane)."""
        stack: list[_Open] = self._thread.__dict__.setdefault("stack", [])
        usual = stack[-1].lane if stack else self._thread.__dict__.get("lane", MAIN)
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
        """Count the time of the block as executions in the sandbox, in the lane of programs."""
        return self.during(Phase.RUNNING, "programs")

    def in_lane(self, lane: str) -> None:
        """Make ``lane`` this thread's default lane from now on."""
        self._thread.__dict__["lane"] = lane

    def ran(self, runs: int) -> None:
        """Add ``runs`` to the number of executions."""
        with self._lock:
            self._runs += runs

    def cut(self) -> PhaseAccount:
        """Return the account since the last cut, and begin the next account."""
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
        return PhaseAccount(now - zero, tuple(intervals), runs)

    def _close(self, entry: _Open, now: float) -> None:
        """End the current piece of an active phase."""
        self._open.discard(entry)
        self._done.append((_Open(entry.phase, entry.lane, entry.start), now))
