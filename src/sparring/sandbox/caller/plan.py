"""What has to be run: jobs turned into unique work, and back into aligned outcomes.

Jobs with the same program and limits become one `Work`, its equal inputs one run, and what the
memo knows is not asked again. Knows nothing of workers and executes nothing.
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
_NOT_RUN = Outcome(Verdict.NOT_RUN, detail="the smallest input ran into a time limit")


@dataclass(slots=True)
class Call:
    """A running `Sandbox.stream`: where finished work is put; None if it can't be finished."""

    done: queue.SimpleQueue[Work | None] = field(default_factory=queue.SimpleQueue)


@dataclass(slots=True)
class Work:
    """One program under one set of limits, with the unique inputs that have to be run."""

    key: bytes
    program: bytes
    job: Job
    """One of the jobs that it answers: limits and kind."""
    call: Call
    inputs: dict[bytes, bytes] = field(default_factory=dict)
    """Each unique run's key and input."""
    unknown: list[bytes] = field(default_factory=list)
    """The keys of the runs to be executed, in order."""
    outcomes: dict[bytes, Outcome] = field(default_factory=dict)
    skip: bool = False
    """Stop after the first unknown run if that meets a time limit."""
    audited: bool = False
    alone: bool = False
    """Each run in a process of its own from now on: its job says so, a worker failed, or the
    second try."""
    losses: int = 0
    """Times that it was given to a node of a cluster and nothing came back."""
    _second_try: bool = False
    _turn: bytes = b""
    """The run whose turn it was when a worker failed."""
    _lost: int = 0

    def settle(self, key: bytes, outcome: Outcome) -> None:
        """A worker's answer for one run."""
        outcome = believed(self.job.kind, outcome)
        if self._second_try:
            outcome = replace(outcome, detail=f"{outcome.detail} (second try, alone)".lstrip())
        self.outcomes[key] = outcome

    def ask_again(self) -> bool:
        """Whether runs that met the time limit are to be repeated, once and alone.

        They are if the program works close to its limit, so that a clock may have decided: it
        ended another run, and used at least half the limit for it. One that loops does not.
        """
        longest = self.longest_ended()
        late = [k for k in self.unknown if self.outcomes[k].verdict is Verdict.TIME_LIMIT]
        near = longest is not None and longest >= self.job.limits.cpu_seconds / 2
        if self._second_try or not late or not near:
            return False
        self._second_try = self.alone = True
        for key in late:
            del self.outcomes[key]
        return True

    def fail(self) -> None:
        """The worker died or fell silent with this work.

        It is given out again, each run alone. A run whose turn it was twice is lost, and after
        a few of those all that are missing.
        """
        missing = self.missing()
        self.alone = True
        if self._turn != missing[0]:
            self._turn = missing[0]
            return
        self._lost += 1
        for key in missing if self._lost == _LOST_RUNS else missing[:1]:
            self.outcomes[key] = _INFRA

    def give_up(self, detail: str) -> None:
        """Our own failure for every run that has no outcome yet."""
        for key in self.missing():
            self.outcomes[key] = Outcome(Verdict.INFRA, detail=detail)

    def longest_ended(self) -> float | None:
        """CPU seconds of the longest run known so far that ended by itself."""
        ended = [o.cpu_seconds for o in self.outcomes.values() if o.verdict in _ENDED]
        return max(ended, default=None)

    def missing(self) -> list[bytes]:
        """The keys of the runs without an outcome yet."""
        return [key for key in self.unknown if key not in self.outcomes]

    def audit(self, stats: Stats) -> None:
        """Count whether skipping after the smallest input would have been unjust."""
        if not self.audited or len(self.unknown) < 2:
            return
        first, *rest = (self.outcomes[key].verdict for key in self.unknown)
        if first in STOPPED_BY_TIME:
            stats.audited += 1
            stats.audit_surprises += any(verdict not in STOPPED_BY_TIME for verdict in rest)


@dataclass(slots=True)
class Plan:
    """The unique work of one call, and which runs each job wants."""

    works: list[Work]
    wanted: list[list[bytes]]
    """For each job the keys of its runs, aligned with its inputs."""
    jobs_of: dict[bytes, list[int]]
    """For each work's key the jobs that it answers."""

    def collect(self, work: Work) -> Iterator[tuple[int, tuple[Outcome, ...]]]:
        """(job, its outcomes) of each job that `work`, now finished, answers."""
        for job in self.jobs_of[work.key]:
            yield job, tuple(work.outcomes[key] for key in self.wanted[job])


def make(
    jobs: Sequence[Job], call: Call, memo: Memo, stats: Stats, *, skip: bool, packages: str = ""
) -> Plan:
    """Plan a call. `skip`: smallest inputs first, the others only if that one does not hang;
    not of jobs whose inputs are to be alone."""
    works: dict[bytes, Work] = {}
    wanted = []
    jobs_of: dict[bytes, list[int]] = {}
    for number, job in enumerate(jobs):
        source = as_bytes(job.program)
        key = program_key(
            source, job.limits, job.kind, job.entry_point, job.preamble, packages, alone=job.alone
        )
        work = works.setdefault(key, Work(key, source, job, call, alone=job.alone))
        jobs_of.setdefault(key, []).append(number)
        stats.runs_asked += len(job.inputs)
        keys = []
        for text in job.inputs:
            data = as_bytes(text)
            one = run_key(key, data)
            keys.append(one)
            if one in work.inputs:
                stats.deduplicated += 1
                continue
            work.inputs[one] = data
            known = memo.get(one)
            if known is not None and credible(job.kind, known.verdict):
                stats.deduplicated += 1
                work.outcomes[one] = known
        wanted.append(keys)
    for work in works.values():
        work.unknown = [key for key in work.inputs if key not in work.outcomes]
        if skip and not work.job.alone:
            _smallest_first(work, stats)
    return Plan(list(works.values()), wanted, jobs_of)


def _smallest_first(work: Work, stats: Stats) -> None:
    order = sorted(work.inputs, key=lambda key: (len(work.inputs[key]), work.inputs[key]))
    work.unknown = [key for key in order if key not in work.outcomes]
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
    """Text as the bytes that a file would hold, whatever lone surrogates are in it."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
