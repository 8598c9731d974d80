"""The pool: workers in parallel, each unique run once, failures of our own told apart.

Every worker is a process tree of its own (`worker`) behind a socket, served by
one thread here. Expected outputs are unknown to all of this. A worker that
dies or falls silent is replaced and its job repeated once; what cannot be
known even then is INFRA: no label, never a wrong answer.
"""

from __future__ import annotations

import hashlib
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from sparring.errors import SandboxError
from sparring.sandbox import wire
from sparring.sandbox.types import Fork, Job, Level, Limits
from sparring.schema import Outcome, Verdict

_PACKAGE_ROOT = str(Path(__file__).parents[2])
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[4]); "
    "from sparring.sandbox.worker import main; main()"
)
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
START_SECONDS = 20.0
MEMO_ENTRIES = 200_000
"""Outcomes kept for programs and inputs that come again; the oldest go first."""

_Key = tuple[bytes, Limits]


@dataclass(slots=True)
class Stats:
    """What a pool has done so far."""

    runs_asked: int = 0
    runs_executed: int = 0
    seconds: float = 0.0
    workers_lost: int = 0


class Sandbox:
    """A pool of isolated workers. Use it as a context manager, or `close` it.

    Raises `SandboxError` when the host cannot give ``level`` (None: the
    strongest that it can give; below `Level.LANDLOCK` there is none).
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        level: Level | None = None,
        fork: Fork = Fork.PER_PROGRAM,
        skip_after_timeout: bool = False,
        memo: bool = True,
    ) -> None:
        """``skip_after_timeout``: a program that times out on its smallest input is not given
        the others (NOT_RUN)."""
        self.fork = fork
        self.skip_after_timeout = skip_after_timeout
        self.stats = Stats()
        self._memo: dict[tuple[_Key, bytes], Outcome] | None = {} if memo else None
        self._jobs: queue.SimpleQueue[tuple[int, Job] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[int, tuple[Outcome, ...]]] = queue.SimpleQueue()
        self._closing = False
        count = workers or len(os.sched_getaffinity(0))
        first = _start(level)
        self.level = Level(first.report["level"])
        self._workers = [first, *(_start(self.level) for _ in range(count - 1))]
        self._threads = [
            threading.Thread(target=self._serve, args=(i,), daemon=True) for i in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def report(self) -> Mapping[str, Any]:
        """The layers in use, for the record of a run."""
        return {**self._workers[0].report, "workers": len(self._workers), "fork": self.fork.value}

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """The outcomes of every job's inputs, in order."""
        found: dict[int, tuple[Outcome, ...]] = dict(self.stream(jobs))
        return [found[i] for i in range(len(jobs))]

    def stream(self, jobs: Sequence[Job]) -> Iterator[tuple[int, tuple[Outcome, ...]]]:
        """(number of the job, its outcomes), each as soon as it is known.

        Equal programs (with equal limits) are merged and equal inputs run once.
        """
        if self._closing:
            raise SandboxError("this sandbox is closed")
        start = time.monotonic()
        known = self._memo if self._memo is not None else {}
        scratch: dict[tuple[_Key, bytes], Outcome] = {}
        needed: dict[_Key, dict[bytes, str]] = {}
        sources: dict[_Key, tuple[Job, list[int]]] = {}
        digests: list[list[bytes]] = []
        for number, job in enumerate(jobs):
            key = (_digest(job.program), job.limits)
            inputs = [_digest(text) for text in job.inputs]
            digests.append(inputs)
            sources.setdefault(key, (job, []))[1].append(number)
            wanted = needed.setdefault(key, {})
            for digest, text in zip(inputs, job.inputs, strict=True):
                self.stats.runs_asked += 1
                if (key, digest) in known:
                    scratch[key, digest] = known[key, digest]
                else:
                    wanted[digest] = text
        keys = list(needed)
        pending = 0
        for number, key in enumerate(keys):
            if needed[key]:
                job = sources[key][0]
                self._jobs.put(
                    (number, Job(job.program, tuple(needed[key].values()), job.limits))
                )
                self.stats.runs_executed += len(needed[key])
                pending += 1
            else:
                yield from _collect(key, sources[key][1], digests, scratch)
        while pending:
            number, outcomes = self._done.get()
            pending -= 1
            key = keys[number]
            for digest, outcome in zip(needed[key], outcomes, strict=True):
                scratch[key, digest] = outcome
                if self._memo is not None and outcome.verdict not in (
                    Verdict.NOT_RUN,
                    Verdict.INFRA,
                ):
                    self._memo[key, digest] = outcome
            yield from _collect(key, sources[key][1], digests, scratch)
        while self._memo is not None and len(self._memo) > MEMO_ENTRIES:
            del self._memo[next(iter(self._memo))]
        self.stats.seconds += time.monotonic() - start

    def _serve(self, index: int) -> None:
        """One thread: give jobs to worker ``index`` and replace it when it is lost."""
        while (item := self._jobs.get()) is not None:
            number, job = item
            outcomes: tuple[Outcome, ...] | None = None
            for _ in range(2):
                outcomes = self._workers[index].run(job, self.fork, self.skip_after_timeout)
                if outcomes is not None or self._closing:
                    break
                self.stats.workers_lost += 1
                self._workers[index].stop()
                try:
                    self._workers[index] = _start(self.level)
                except SandboxError:
                    break
            if outcomes is None:
                lost = Outcome(Verdict.INFRA, detail="the sandbox lost its worker twice")
                outcomes = tuple(lost for _ in job.inputs)
            self._done.put((number, outcomes))

    def close(self) -> None:
        """End all workers and whatever they run."""
        if self._closing:
            return
        self._closing = True
        for _ in self._threads:
            self._jobs.put(None)
        for worker in self._workers:
            worker.stop()
        for thread in self._threads:
            thread.join(timeout=5)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(slots=True)
class _Worker:
    """This side of one worker."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    staging: str
    report: dict[str, Any]

    def run(self, job: Job, fork: Fork, skip: bool) -> tuple[Outcome, ...] | None:
        """Outcomes of a job, or None if the worker is lost."""
        # Idle and CPU limits bound each run; waiting for a free core does not count as idle,
        # so the net is wide.
        per_run = 4 * (job.limits.cpu_seconds + job.limits.idle_seconds) + 2
        self.control.settimeout(30 + per_run * len(job.inputs))
        try:
            wire.send(
                self.control,
                {
                    "program": job.program,
                    "inputs": job.inputs,
                    "cpu_seconds": job.limits.cpu_seconds,
                    "idle_seconds": job.limits.idle_seconds,
                    "memory_mib": job.limits.memory_mib,
                    "output_bytes": job.limits.output_bytes,
                    "per_test": fork is Fork.PER_TEST,
                    "skip": skip,
                },
            )
            answer = wire.receive(self.control)
        except OSError:
            return None
        if answer is None:
            return None
        return tuple(
            Outcome(Verdict(verdict), output, cpu, memory, detail)
            for verdict, output, cpu, memory, detail in answer["outcomes"]
        )

    def stop(self) -> None:
        """Kill it and what it runs, and remove its directory."""
        self.process.kill()
        self.process.wait()
        self.control.close()
        shutil.rmtree(self.staging, ignore_errors=True)


def _start(level: Level | None) -> _Worker:
    """A ready worker at ``level``, or at the strongest level the host gives."""
    reasons = []
    for candidate in (level,) if level is not None else tuple(Level):
        worker, reason = _try_start(candidate)
        if worker is not None:
            return worker
        reasons.append(f"{candidate}: {reason}")
    raise SandboxError(
        f"no isolation to run programs in ({'; '.join(reasons)}). Allow user namespaces "
        "(sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns"
        "=0, or a container with --security-opt seccomp=unconfined) or use a kernel with Landlock"
    )


def _try_start(level: Level) -> tuple[_Worker | None, str]:
    ours, theirs = socket.socketpair()
    staging = tempfile.mkdtemp(prefix="sparring-")
    with theirs:
        process = subprocess.Popen(
            [
                sys.executable,
                "-s",
                "-P",
                "-c",
                _BOOT,
                str(theirs.fileno()),
                level.value,
                staging,
                _PACKAGE_ROOT,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    ours.settimeout(START_SECONDS)
    try:
        answer = wire.receive(ours) or {"error": "the worker ended before it was ready"}
    except TimeoutError:
        answer = {"error": f"the worker was not ready after {START_SECONDS:.0f} s"}
    if "ready" in answer:
        return _Worker(process, ours, staging, answer["ready"]), ""
    _Worker(process, ours, staging, {}).stop()
    return None, str(answer["error"])


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _collect(
    key: _Key,
    numbers: Sequence[int],
    digests: Sequence[Sequence[bytes]],
    known: Mapping[tuple[_Key, bytes], Outcome],
) -> Iterator[tuple[int, tuple[Outcome, ...]]]:
    for number in numbers:
        yield number, tuple(known[key, digest] for digest in digests[number])
