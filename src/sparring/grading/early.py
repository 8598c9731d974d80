"""Runs of programs that begin before anybody asks for their outcomes.

While the other responses of a step are still being sampled, the programs that
are there already run: `Early.begin` takes jobs and returns at once,
`Early.run` is `Sandbox.run` with what was begun already in hand. What an
outcome is does not depend on when it was found, so with and without an early
beginning the outcomes are the same, and each run is executed once, whether the
sandbox remembers it or not.

Holds the outcomes of one step; make a new one for the next.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from sparring.errors import SandboxError
from sparring.runs.timeline import Phase, Timeline
from sparring.sandbox import Job, Limits
from sparring.schema import Kind, Outcome, Verdict

_THREADS = 4
"""Calls at once: where one waits for a program that loops, the others go on."""
_LANE = "programs"
_NO_ANSWER = (Verdict.INFRA, Verdict.NOT_RUN)
"""Outcomes that say nothing of the program: whoever needs it asks again."""

_Program = tuple[str, str, Limits, Kind, str, bool]


class Runs(Protocol):
    """Whoever runs jobs: a `Sandbox`, or an `Early` before one."""

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """The outcomes of every job, aligned with ``jobs`` and with each job's inputs."""
        ...


class Early:
    """Runs programs ahead of the question. Safe to use from several threads."""

    def __init__(self, sandbox: Runs, timeline: Timeline) -> None:
        self._sandbox = sandbox
        self._timeline = timeline
        self._changed = threading.Condition()
        self._found: dict[_Program, dict[str, Outcome | None]] = {}
        """By program and input; None while it is being found."""
        self._queued: list[Job] = []
        self._busy = 0

    def begin(self, jobs: Iterable[Job]) -> None:
        """Have these run. Failures show where the outcomes are asked for."""
        with self._changed:
            self._queued += self._new(jobs)
            if not self._queued or self._busy == _THREADS:
                return
            self._busy += 1
        threading.Thread(target=self._work, name="early-runs", daemon=True).start()

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """See `Sandbox.run`."""
        with self._changed:
            for job in jobs:
                known = self._known(job)
                for x in job.inputs:
                    if (outcome := known.get(x)) and outcome.verdict in _NO_ANSWER:
                        del known[x]
        while True:
            with self._changed:
                new = [*self._queued, *self._new(jobs)]
                self._queued = []
            if new:
                self._execute(new)
            with self._changed:
                self._changed.wait_for(lambda: not any(map(self._in_work, jobs)))
                results = [self._outcomes(job) for job in jobs]
                if all(len(r) == len(j.inputs) for r, j in zip(results, jobs, strict=True)):
                    return results
                # Another thread's call has failed: what it leaves behind is found here.

    def _known(self, job: Job) -> dict[str, Outcome | None]:
        program = (job.program, job.preamble, job.limits, job.kind, job.entry_point, job.alone)
        return self._found.setdefault(program, {})

    def _in_work(self, job: Job) -> bool:
        known = self._known(job)
        return any(known.get(x, _ABSENT) is None for x in job.inputs)

    def _outcomes(self, job: Job) -> tuple[Outcome, ...]:
        known = self._known(job)
        return tuple(outcome for x in job.inputs if (outcome := known.get(x)) is not None)

    def _new(self, jobs: Iterable[Job]) -> list[Job]:
        """What of them nobody has asked for yet, now in work."""
        found = []
        for job in jobs:
            known = self._known(job)
            if inputs := [x for x in dict.fromkeys(job.inputs) if x not in known]:
                known.update(dict.fromkeys(inputs))
                found.append(replace(job, inputs=tuple(inputs)))
        return found

    def _work(self) -> None:
        while True:
            with self._changed:
                jobs, self._queued = self._queued, []
                if not jobs:
                    self._busy -= 1
                    return
            with contextlib.suppress(SandboxError):  # whoever asks meets it himself
                self._execute(jobs)

    def _execute(self, jobs: Sequence[Job]) -> None:
        try:
            with self._timeline.during(Phase.RUNNING, _LANE):
                found = self._sandbox.run(jobs)
            with self._changed:
                for job, outcomes in zip(jobs, found, strict=True):
                    self._known(job).update(zip(job.inputs, outcomes, strict=True))
        finally:
            with self._changed:
                for job in jobs:
                    known = self._known(job)
                    for x in job.inputs:
                        if known.get(x, _ABSENT) is None:
                            del known[x]
                self._changed.notify_all()


_ABSENT = Outcome(Verdict.NOT_RUN)
"""Stands for a run that nobody has asked for."""
