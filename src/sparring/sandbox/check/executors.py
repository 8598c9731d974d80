"""Executors to which the suites are put: the interface, and a plain interpreter to compare with."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from sparring.sandbox.caller.plan import as_bytes
from sparring.sandbox.types import Job
from sparring.schema import Outcome, TestKind, Verdict


class Executor(Protocol):
    """Executor of programs on standard input and of test scripts."""

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """Return the outcomes of every job, aligned with jobs and inputs."""

    def close(self) -> None:
        """End every program that is still running. May be called twice."""


class PlainSubprocess:
    """``python program.py < input`` with a timeout and nothing else, as in many graders.

    A test script is appended to the program, and exit status 0 counts as a pass. For comparison
    only: programs have the rights of the caller.
    """

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """Execute the jobs one after the other; return their outcomes."""
        return [tuple(_one(job, data) for data in job.inputs) for job in jobs]

    def close(self) -> None:
        """Do nothing: every program has ended when `run` returns."""


def _one(job: Job, data: str) -> Outcome:
    if job.kind is not TestKind.SCRIPT:
        return interpret(job, data)
    together = f"{job.program}\n\n{data}\n\ncheck({job.entry_point})\n"
    outcome = interpret(replace(job, program=together), "")
    if outcome.verdict is Verdict.FINISHED:
        return replace(outcome, verdict=Verdict.ACCEPTED)
    return outcome


def interpret(job: Job, data: str, environment: Mapping[str, str] | None = None) -> Outcome:
    """Return the outcome of a job's program on one input under a plain interpreter.

    `environment` are the environment variables; None: the caller's.
    """
    seconds = job.limits.cpu_seconds + job.limits.idle_seconds
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        (place / "program.py").write_bytes(as_bytes(job.program))
        (place / "input").write_bytes(as_bytes(data))
        with (place / "input").open("rb") as stdin:
            try:
                done = subprocess.run(
                    [sys.executable, "-X", "utf8", "program.py"],
                    stdin=stdin,
                    capture_output=True,
                    cwd=place,
                    env=environment,
                    timeout=seconds,
                    check=False,
                    # A shell starts background jobs with SIGINT ignored, which children inherit.
                    preexec_fn=_interruptible,
                )
            except subprocess.TimeoutExpired as error:
                return Outcome(Verdict.TIME_LIMIT, (error.stdout or b"").decode("utf-8", "replace"))
    output = done.stdout.decode("utf-8", "surrogateescape")
    if done.returncode:
        return Outcome(Verdict.RUNTIME_ERROR, output, detail=f"exit status {done.returncode}")
    return Outcome(Verdict.FINISHED, output)


def _interruptible() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
