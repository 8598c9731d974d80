"""Planning a call: turns jobs into unique work, and the outcomes of the work into the outcomes of
each job.

Jobs with the same program and limits become one `ProgramWork`, and equal inputs one execution.
Outcomes in the memo are not asked for again. This module knows no workers and executes nothing.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sparring.sandbox.caller.credible import believed, credible
from sparring.sandbox.caller.keys import program_key, run_key
from sparring.sandbox.caller.memo import Memo
from sparring.sandbox.types import Job, Stats
from sparring.schema import Outcome, Verdict

STOPPED_BY_TIME = (Verdict.TIME_LIMIT, Verdict.IDLE_LIMIT)
_AUDIT_SHARE = 0.01
_LOST_RUNS = 3
_ENDED = (Verdict.FINISHED, Verdict.RUNTIME_ERROR, Verdict.ACCEPTED, Verdict.WRONG_ANSWER)
_INFRA = Outcome(Verdict.INFRA, detail="the sandbox's worker failed twice with it")
_NOT_RUN = Outcome(Verdict.NOT_RUN, detail="the smallest input met a time limit")


@dataclass(slots=True)
class Call:
    """Running `Runner.stream`, with the queue of its finished work (None: cannot be finished)."""

    done: queue.SimpleQueue[ProgramWork | None] = field(default_factory=queue.SimpleQueue)


@dataclass(slots=True)
class ProgramWork:
    """Program under one set of limits, with its unique inputs."""

    key: bytes
    program: bytes
    job: Job
    """One of the jobs that this work answers, for its limits and kind."""
    call: Call
    inputs: dict[bytes, bytes] = field(default_factory=dict)
    """Input of each unique execution, by the execution's key."""
    unknown: list[bytes] = field(default_factory=list)
    """Keys of the executions to be made, in order."""
    outcomes: dict[bytes, Outcome] = field(default_factory=dict)
    skip: bool = False
    """Stop after the first unknown execution if it meets a time limit."""
    audited: bool = False
    alone: bool = False
    """Give each execution a process of its own: the job asks for it, a worker failed, or it is the
    second try."""
    losses: int = 0
    """Times that a node of a cluster took this work and returned nothing."""
    _second_try: bool = False
    _current_key: bytes = b""
    """Key of the execution whose turn it was when a worker failed."""
    _lost_executions: int = 0

    def settle(self, key: bytes, outcome: Outcome) -> None:
        """Take a worker's outcome of one execution."""
        outcome = believed(self.job.kind, outcome)
        if self._second_try:
            outcome = replace(outcome, detail=f"{outcome.detail} (second try, alone)".lstrip())
        self.outcomes[key] = outcome

    def needs_retry(self) -> bool:
        """Return whether executions that met the time limit are repeated, once and alone.

        They are repeated if the program ended another execution and used at least half the limit
        for it. A program that is so close to the limit may have met it only because of a
        disturbance of the clock. A program that loops is not repeated.
        """
        longest = self.longest_ended()
        timed_out = [k for k in self.unknown if self.outcomes[k].verdict is Verdict.TIME_LIMIT]
        close_to_limit = longest is not None and longest >= self.job.limits.cpu_seconds / 2
        if self._second_try or not timed_out or not close_to_limit:
            return False
        self._second_try = self.alone = True
        for key in timed_out:
            del self.outcomes[key]
        return True

    def fail(self) -> None:
        """Note that a worker died or fell silent with this work.

        The work is given out again, each execution alone. If a worker fails twice during one
        execution, this execution is lost. After `_LOST_RUNS` lost executions, all missing
        executions are lost.
        """
        missing = self.missing()
        self.alone = True
        if self._current_key != missing[0]:
            self._current_key = missing[0]
            return
        self._lost_executions += 1
        for key in missing if self._lost_executions == _LOST_RUNS else missing[:1]:
            self.outcomes[key] = _INFRA

    def give_up(self, detail: str) -> None:
        """Settle every execution without an outcome as INFRA, a failure of the sandbox."""
        for key in self.missing():
            self.outcomes[key] = Outcome(Verdict.INFRA, detail=detail)

    def longest_ended(self) -> float | None:
        """Return the CPU seconds of the longest execution so far that ended by itself."""
        ended = [o.cpu_seconds for o in self.outcomes.values() if o.verdict in _ENDED]
        return max(ended, default=None)

    def missing(self) -> list[bytes]:
        """Return the keys of the executions without an outcome yet."""
        return [key for key in self.unknown if key not in self.outcomes]

    def audit(self, stats: Stats) -> None:
        """Count in `stats` whether skipping after the smallest input would have been unjust."""
        if not self.audited or len(self.unknown) < 2:
            return
        first, *other_verdicts = (self.outcomes[key].verdict for key in self.unknown)
        if first in STOPPED_BY_TIME:
            stats.audited += 1
            stats.audit_surprises += any(
                verdict not in STOPPED_BY_TIME for verdict in other_verdicts
            )


@dataclass(slots=True)
class Plan:
    """Unique work of one call, and the executions that each job wants."""

    works: list[ProgramWork]
    keys_by_job: list[list[bytes]]
    """Keys of each job's executions, aligned with the job's inputs."""
    jobs_of: dict[bytes, list[int]]
    """Indices of the jobs that a `ProgramWork` answers, by its key."""

    def collect(self, work: ProgramWork) -> Iterator[tuple[int, tuple[Outcome, ...]]]:
        """Yield (index of job, its outcomes) of each job that the finished `work` answers."""
        for job in self.jobs_of[work.key]:
            yield job, tuple(work.outcomes[key] for key in self.keys_by_job[job])


def make(
    jobs: Sequence[Job], call: Call, memo: Memo, stats: Stats, *, skip: bool, packages: str = ""
) -> Plan:
    """Plan a call.

    With `skip`, a program gets its smallest input first, and the others only if the first meets no
    time limit. Jobs whose inputs are `alone` are never skipped.
    """
    works: dict[bytes, ProgramWork] = {}
    keys_by_job = []
    jobs_of: dict[bytes, list[int]] = {}
    for number, job in enumerate(jobs):
        source = as_bytes(job.program)
        key = program_key(
            source, job.limits, job.kind, job.entry_point, job.preamble, packages, alone=job.alone
        )
        work = works.setdefault(key, ProgramWork(key, source, job, call, alone=job.alone))
        jobs_of.setdefault(key, []).append(number)
        stats.runs_asked += len(job.inputs)
        keys = []
        for text in job.inputs:
            data = as_bytes(text)
            execution = run_key(key, data)
            keys.append(execution)
            if execution in work.inputs:
                stats.deduplicated += 1
                continue
            work.inputs[execution] = data
            known_outcome = memo.get(execution)
            if known_outcome is not None and credible(job.kind, known_outcome.verdict):
                stats.deduplicated += 1
                work.outcomes[execution] = known_outcome
        keys_by_job.append(keys)
    for work in works.values():
        work.unknown = [key for key in work.inputs if key not in work.outcomes]
        if skip and not work.job.alone:
            _smallest_first(work, stats)
    return Plan(list(works.values()), keys_by_job, jobs_of)


def _smallest_first(work: ProgramWork, stats: Stats) -> None:
    order = sorted(work.inputs, key=lambda key: (len(work.inputs[key]), work.inputs[key]))
    work.unknown = [key for key in order if key not in work.outcomes]
    # By the program's content, so that every call audits the same programs.
    work.audited = int.from_bytes(work.key[:4], "little") < _AUDIT_SHARE * 2**32
    if work.audited or len(order) < 2:
        return
    smallest = work.outcomes.get(order[0])
    if smallest is None:
        work.skip = True
    elif smallest.verdict in STOPPED_BY_TIME:
        stats.skipped += len(work.unknown)
        work.outcomes |= dict.fromkeys(work.unknown, _NOT_RUN)
        work.unknown = []


def as_bytes(text: str) -> bytes:
    """Return a text as the bytes of a file; lone surrogates are encoded too."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
