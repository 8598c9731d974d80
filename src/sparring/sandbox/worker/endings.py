"""What a run's end means: its limits, its wait status, what it says of itself.

A limit is decided by what the server has measured; what the process says (its letter on the board)
only tells how it ended where no limit did.
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
_OVERLOAD = 20.0  # as busy as a machine may be; the caller's patience reckons with the same
_WAKING_SECONDS = 0.5
_BLOCK = 512  # what `st_blocks` counts
TOO_MANY_FILES = f"files of more than {WORK_MIB} MiB"


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended. ``verdict`` is set when a limit decided."""

    cpu_seconds: float
    memory_mib: float
    verdict: Verdict | None = None
    detail: str = ""
    letter: str | None = None
    """The ending's letter, if the process itself said that the run has ended."""
    status: int | None = None
    """Wait status, if the process died in this run."""


def excused(waiting: float, used: float) -> float:
    """How much of the time that threads waited for a CPU is held to be the machine's fault.

    Threads that wake all at once wait for each other: a few milliseconds of CPU time make seconds
    of waiting, and without a bound a program could be idle for minutes.
    """
    return min(waiting, _OVERLOAD * (used + _WAKING_SECONDS))


def judge(limits: Limits, cpu: float, memory_mib: float) -> tuple[Verdict | None, str]:
    """Which limit is exceeded, if any, and in words."""
    if cpu > limits.cpu_seconds:
        return Verdict.TIME_LIMIT, f"more than {limits.cpu_seconds:g} s of CPU time"
    if memory_mib > limits.memory_mib:
        return Verdict.MEMORY_LIMIT, f"more than {limits.memory_mib} MiB"
    return None, ""


def too_many_files(work: str) -> bool:
    """Whether the directory holds more than a program may leave there."""
    total = count = 0
    with os.scandir(work) as entries:
        for entry in entries:
            count += 1
            if count > WORK_ENTRIES:
                return True
            try:
                found = entry.stat(follow_symlinks=False)
                total += max(found.st_size, found.st_blocks * _BLOCK)  # room may be beyond its end
            except FileNotFoundError:
                continue
    return total > WORK_MIB * _MIB


def verdict_of(report: Report) -> tuple[Verdict, str]:
    """What a run's end means, before its output is looked at."""
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
        # Programs cannot send it, so it came from outside: the machine's memory ran out, perhaps.
        return Verdict.INFRA, "killed from outside the sandbox"
    if number == signal.SIGXCPU:
        return Verdict.TIME_LIMIT, "the process's CPU time limit"
    return Verdict.RUNTIME_ERROR, f"died of {_signal_name(number)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has none
        return f"signal {number}"
