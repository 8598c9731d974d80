"""Verdict of an execution, from the server's measurements, the wait status and the status page.

The server's own measurements alone decide limits. The letter that the process wrote on the status
page counts only where no limit was met.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from sparring.sandbox.isolation.confine import WORK_ENTRIES, WORK_MIB
from sparring.sandbox.protocol.parts import Ending
from sparring.sandbox.types import Limits
from sparring.schema import Verdict

_MIB = 1 << 20
_OVERLOAD = 20.0  # seconds waited per CPU second; the caller's patience assumes the same factor
_WAKING_SECONDS = 0.5
_BLOCK = 512  # bytes of one of the blocks that `st_blocks` counts
TOO_MANY_FILES = f"files of more than {WORK_MIB} MiB"


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """End of an execution. ``verdict`` is set when a limit decided."""

    cpu_seconds: float
    memory_mib: float
    verdict: Verdict | None = None
    detail: str = ""
    letter: str | None = None
    """Letter of the `Ending`, if the process itself noted that the execution has ended."""
    status: int | None = None
    """Wait status, if the process died in this execution."""


def excused(waiting: float, used: float) -> float:
    """Return the seconds of `waiting` for a CPU that count as the machine's fault.

    `waiting` and `used` are seconds of all threads: time in the run queue and CPU time. The result
    is bounded because threads that wake all at once wait for each other. A few milliseconds of CPU
    time then make seconds of waiting, and without a bound a program could be idle for minutes.
    """
    return min(waiting, _OVERLOAD * (used + _WAKING_SECONDS))


def exceeded_limit(limits: Limits, cpu: float, memory_mib: float) -> tuple[Verdict | None, str]:
    """Return the verdict of the limit that `cpu` (s) or `memory_mib` exceeds, and a text.

    Returns (None, "") if neither limit is exceeded.
    """
    if cpu > limits.cpu_seconds:
        return Verdict.TIME_LIMIT, f"more than {limits.cpu_seconds:g} s of CPU time"
    if memory_mib > limits.memory_mib:
        return Verdict.MEMORY_LIMIT, f"more than {limits.memory_mib} MiB"
    return None, ""


def too_many_files(work: str) -> bool:
    """Return whether a directory holds more entries or bytes than a program may leave there."""
    total = count = 0
    with os.scandir(work) as entries:
        for entry in entries:
            count += 1
            if count > WORK_ENTRIES:
                return True
            try:
                stat = entry.stat(follow_symlinks=False)
                # `fallocate` may reserve blocks beyond a file's end; a hole has none.
                total += max(stat.st_size, stat.st_blocks * _BLOCK)
            except FileNotFoundError:
                continue
    return total > WORK_MIB * _MIB


def verdict_of(report: ExecutionReport) -> tuple[Verdict, str]:
    """Return an execution's verdict and detail, before anyone looks at the output."""
    if report.verdict is not None:
        return report.verdict, report.detail
    if report.letter is not None:
        if report.letter == Ending.OK:
            return Verdict.FINISHED, report.detail
        if report.letter == Ending.NO_MEMORY:
            return Verdict.MEMORY_LIMIT, report.detail
        return Verdict.RUNTIME_ERROR, report.detail
    status = report.status or 0
    if os.WIFEXITED(status):
        code = os.WEXITSTATUS(status)
        return (Verdict.RUNTIME_ERROR, f"exit status {code}") if code else (Verdict.FINISHED, "")
    number = os.WTERMSIG(status)
    if number == signal.SIGSYS:
        return Verdict.SANDBOX_VIOLATION, "a forbidden system call"
    if number == signal.SIGKILL:
        # No program can send SIGKILL. The kernel may have sent it, when the machine's memory ran
        # out.
        return Verdict.INFRA, "killed from outside the sandbox"
    if number == signal.SIGXCPU:
        return Verdict.TIME_LIMIT, "the process's CPU time limit"
    return Verdict.RUNTIME_ERROR, f"died of {_signal_name(number)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has none
        return f"signal {number}"
