"""Trial of a grader: all cases put to it, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparring.errors import ConfigError, SandboxError
from sparring.graders import host
from sparring.graders.case import Condition, GraderCase, Submission
from sparring.graders.confined import confined_command

WAIT = 30.0
"""Seconds that a grader has for a submission. Tests name 2 seconds for an execution."""
_LOADING = 120.0
"""Seconds that the host has to load the grader."""
_SLACK = 15.0
"""Seconds that the host has beyond the grader's own, before it counts as stopped."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Behaviour of a grader on the submissions of a case, or on its companion.

    ``verdict``: accepted, rejected, unsupported, raised, hung or died; of a case with several
    submissions the last one's, or the one at which it ended. ``left``: processes still there a
    second after the verdict. ``harm``: targets that were changed or reached.
    """

    verdict: str
    detail: str = ""
    left: int = 0
    harm: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TriedCase:
    """Case with the observations of it and of its companion."""

    case: GraderCase
    seen: Observation
    companion: Observation | None


@dataclass(slots=True)
class GraderHost:
    """Process that holds a grader; it is started again when a program has ended it.

    ``spec`` is ``module:function`` or the URL of a server. ``python``: interpreter of the grader's
    environment. ``directory``: place from which the module is imported. ``wait``: seconds that the
    grader has for a submission.
    """

    spec: str
    python: str = sys.executable
    directory: Path = field(default_factory=Path.cwd)
    wait: float = WAIT
    held: str = ""
    """Statement of what the machine holds back."""
    version: str = ""
    """Version of the interpreter."""
    _process: subprocess.Popen[bytes] | None = None
    _scratch: tempfile.TemporaryDirectory[str] | None = None
    _number: int = 0
    _read: bytes = b""
    """Part of the host's output that is no whole line yet."""

    def start(self) -> None:
        """Start the process. Raises `ConfigError` if the grader cannot be loaded."""
        network = self.spec.startswith(("http://", "https://"))
        kept = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        self._scratch = tempfile.TemporaryDirectory(prefix="sparring-grader-")
        scratch = self._scratch.name
        environment |= {"HOME": scratch, "TMPDIR": scratch, "PYTHONDONTWRITEBYTECODE": "1"}
        errors = Path(scratch, "errors")
        self._read = b""
        with errors.open("wb") as file:
            self._process = subprocess.Popen(
                confined_command(self.python, str(Path(host.__file__)), self.spec, network),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                cwd=self.directory,
                env=environment,
            )
        ready: dict[str, Any] = {}
        with contextlib.suppress(TimeoutError):
            self.held = str(self._line(_LOADING).get("held", ""))
            ready = self._line(_LOADING)
        if not ready.get("ready"):
            said = errors.read_text(errors="replace").strip().splitlines() or ["it did not start"]
            self.close()
            why = ready.get("why") or f"{self.python}: {said[-1]}"
            raise ConfigError(f"--grader {self.spec}: cannot be loaded: {why}")
        self.version = str(ready["python"])

    def observe(self, submissions: Sequence[Submission], condition: Condition) -> Observation:
        """Let the grader grade the submissions one after another. Raises `SandboxError`."""
        if self._process is None:
            try:
                self.start()
            except ConfigError as error:  # it was loaded before
                return Observation("died", f"the grader cannot be loaded again: {error}")
        self._number += 1
        request = {
            "key": self._number,
            "submissions": [[s.program, s.tests] for s in submissions],
            "condition": condition,
            "seconds": self.wait,
        }
        answer: dict[str, Any] = {}
        try:
            stdin = self._running().stdin
            assert stdin is not None
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()
            answer = self._line(self.wait * len(submissions) + _SLACK)
        except BrokenPipeError:
            pass
        except TimeoutError:
            self.close()
            return Observation("hung", "the process that called the grader was stopped")
        if not answer:
            self.close()
            return Observation("died", "the process that called the grader was killed")
        if answer["key"] != self._number:
            raise SandboxError(f"--grader {self.spec}: its host answered out of order; try again")
        return Observation(
            answer["verdicts"][-1],
            answer["detail"],
            answer["left"],
            tuple(answer["harm"]),
        )

    def close(self) -> None:
        """End the process. May be called twice."""
        if self._process is not None:
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()  # an idle host ends by itself
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def _line(self, seconds: float) -> dict[str, Any]:
        """Return the host's next line, {} if it ended. Raises TimeoutError after ``seconds``."""
        stdout = self._running().stdout
        assert stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._read:
            ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            part = os.read(stdout.fileno(), 1 << 16)
            if not part:
                return {}
            self._read += part
        line, _, self._read = self._read.partition(b"\n")
        return dict(json.loads(line))


@contextlib.contextmanager
def opened(spec: str, python: str, directory: Path, wait: float = WAIT) -> Iterator[GraderHost]:
    """Start a grader's host for a ``with`` block. Raises `ConfigError`."""
    grader = GraderHost(spec, python, directory, wait)
    try:
        grader.start()
        yield grader
    finally:
        grader.close()


def tried(grader: GraderHost, cases: Sequence[GraderCase]) -> Iterator[TriedCase]:
    """Put cases to a grader, each with its companion. Raises `SandboxError`."""
    companions: set[str] = set()
    for case in cases:
        seen = grader.observe(case.submissions, case.condition)
        companion = None
        # Many cases share a companion, which is graded once.
        key = json.dumps([case.companion.program, case.companion.tests]) if case.companion else ""
        if case.companion and seen.verdict != "unsupported" and key not in companions:
            companions.add(key)
            companion = grader.observe([case.companion], Condition.USUAL)
        yield TriedCase(case, seen, companion)
