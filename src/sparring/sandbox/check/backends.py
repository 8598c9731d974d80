"""What the suites are put to: anything that takes jobs and gives outcomes."""

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
from sparring.schema import Kind, Outcome, Verdict


class Backend(Protocol):
    """An executor of programs on standard input and of test scripts."""

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """The outcomes of every job, aligned with jobs and inputs."""

    def close(self) -> None:
        """End everything that it runs. May be called twice."""


class PlainSubprocess:
    """``python program.py < input`` with a timeout, and nothing else: what many graders do.

    A test script is appended to the program, and exit status 0 means that it passed. Not to be
    used for anything but comparison: programs have the rights of the caller.
    """

    def run(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """Run everything, one after the other."""
        return [tuple(_one(job, data) for data in job.inputs) for job in jobs]

    def close(self) -> None:
        """Nothing runs on."""


def _one(job: Job, data: str) -> Outcome:
    if job.kind is not Kind.SCRIPT:
        return interpret(job, data)
    together = f"{job.program}\n\n{data}\n\ncheck({job.entry_point})\n"
    outcome = interpret(replace(job, program=together), "")
    if outcome.verdict is Verdict.FINISHED:
        return replace(outcome, verdict=Verdict.ACCEPTED)
    return outcome


def interpret(job: Job, data: str, environment: Mapping[str, str] | None = None) -> Outcome:
    """One run by a plain interpreter, in this environment or the caller's."""
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
                    # A shell's background jobs ignore it, and hand that on.
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
