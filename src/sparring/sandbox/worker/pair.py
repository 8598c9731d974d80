"""Watching a test script and the program that the script calls: two processes, one verdict.

Each process has its own clock and memory, and the two share one pipe. The limits hold for each
process separately. Idle time is wall time in which neither process uses a CPU, because one process
waits while the other works.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from sparring.sandbox.protocol.frames import RawOutcome
from sparring.sandbox.protocol.parts import LAST, Ending
from sparring.sandbox.types import Limits
from sparring.sandbox.worker.endings import (
    TOO_MANY_FILES,
    ExecutionReport,
    exceeded_limit,
    excused,
    too_many_files,
    verdict_of,
)
from sparring.sandbox.worker.watchdog import CallerGone, WatchedProcess
from sparring.schema import Verdict

_POLL_SECONDS = 0.01
_LAST_WORDS_SECONDS = 1.0
_SEED = bytes(8)
_THE_SCRIPT = "the script: "


def run_pair(
    program: WatchedProcess,
    script: WatchedProcess,
    parent: socket.socket,
    limits: Limits,
    work: str | None,
    say_alive: Callable[[], None],
) -> RawOutcome:
    """Let the script run to its end, end both processes, and return the outcome.

    Both processes must have been loaded. `work` is their directory if no file system limits its
    size; `say_alive` is called again and again. The verdict is ACCEPTED or WRONG_ANSWER when the
    script decided. Raises `CallerGone`.
    """
    to_script, to_program = socket.socketpair()
    with to_script, to_program:
        program.send_message(LAST + _SEED, to_script.fileno())
        script.send_message(LAST + _SEED, to_program.fileno())
    report = _watch_pair(program, script, parent, limits, work, say_alive)
    program.end()
    script.end()
    cpu = program.end()[1]
    memory = max(program.peak_growth_mib, report.memory_mib, 0.0)
    if report.verdict is None and program.peak_growth_mib > limits.memory_mib:
        report = replace(report, verdict=Verdict.MEMORY_LIMIT, detail=_beyond(limits))
    if report.verdict is not None:
        return RawOutcome(report.verdict, b"", cpu, memory, report.detail)
    if report.letter == Ending.OK:
        return RawOutcome(Verdict.ACCEPTED, b"", cpu, memory)
    if report.letter == Ending.ASSERTION:
        return RawOutcome(Verdict.WRONG_ANSWER, b"", cpu, memory, report.detail)
    # Any other exception of the script, such as a value that it could not use, or an error of a
    # call.
    return RawOutcome(Verdict.RUNTIME_ERROR, b"", cpu, memory, report.detail)


def _watch_pair(
    program: WatchedProcess,
    script: WatchedProcess,
    parent: socket.socket,
    limits: Limits,
    work: str | None,
    say_alive: Callable[[], None],
) -> ExecutionReport:
    poll = select.poll()
    poll.register(script.control, select.POLLIN)
    poll.register(script.pidfd, select.POLLIN)
    poll.register(program.pidfd, select.POLLIN)
    poll.register(parent, 0)
    start_time = time.monotonic()
    waited_before: float | None = None
    while True:
        events = dict(poll.poll(_POLL_SECONDS * 1000))
        if parent.fileno() in events:
            raise CallerGone
        say_alive()
        memory = program.growth_mib()
        if script.ended():
            note = script.note()
            if note.letter == Ending.ERROR:
                events |= _last_words(program)
            verdict, detail = exceeded_limit(limits, program.cpu_seconds(), memory)
            if verdict is None and note.letter != Ending.OK and program.pidfd in events:
                return _death(program, memory, "")
            if verdict is None and program.ended() and program.note().letter == Ending.NO_MEMORY:
                verdict, detail = Verdict.MEMORY_LIMIT, program.note().detail
            if verdict is None and note.letter == Ending.NO_MEMORY:
                verdict, detail = Verdict.MEMORY_LIMIT, _THE_SCRIPT + note.detail
            return ExecutionReport(0.0, memory, verdict, detail or note.detail, note.letter)
        if program.pidfd in events:
            return _death(program, memory, "")
        if script.pidfd in events:
            return _death(script, memory, _THE_SCRIPT)
        if script.control.fileno() in events:
            poll.unregister(script.control)
        if waited_before is None:
            waited_before = program.run_queue_seconds() + script.run_queue_seconds()
        used = program.cpu_seconds()
        verdict, detail = exceeded_limit(limits, used, memory)
        if verdict is None:
            verdict, detail = exceeded_limit(limits, script.cpu_seconds(), script.growth_mib())
            detail = _THE_SCRIPT + detail if verdict else ""
        for child in (program, script):
            if verdict is None and (many := child.too_many_threads()):
                verdict, detail = Verdict.SANDBOX_VIOLATION, many
        if verdict is None and work is not None and too_many_files(work):
            verdict, detail = Verdict.OUTPUT_LIMIT, TOO_MANY_FILES
        cpu_of_both = used + script.cpu_seconds()
        idle = time.monotonic() - start_time - cpu_of_both
        if verdict is None and idle > limits.idle_seconds:
            waiting = program.run_queue_seconds() + script.run_queue_seconds() - waited_before
            if idle - excused(waiting, cpu_of_both) > limits.idle_seconds:
                verdict = Verdict.IDLE_LIMIT
                detail = f"idle for more than {limits.idle_seconds:g} s"
        if verdict is not None:
            return ExecutionReport(used, memory, verdict, detail)


def _last_words(program: WatchedProcess) -> dict[int, int]:
    """Wait for the program's note or death, which may follow the end of its pipe by a moment."""
    poll = select.poll()
    poll.register(program.control, select.POLLIN)
    poll.register(program.pidfd, select.POLLIN)
    events = dict(poll.poll(_LAST_WORDS_SECONDS * 1000))
    if program.pidfd not in events and not program.ended():
        # A process that dies closes its descriptors before its death can be seen.
        poll.unregister(program.control)
        events |= dict(poll.poll(_LAST_WORDS_SECONDS * 1000))
    return events


def _death(child: WatchedProcess, memory: float, prefix: str) -> ExecutionReport:
    """Return the report on a process that died before the script came to its end.

    `prefix` begins the detail: `_THE_SCRIPT` for the script, empty for the program.
    """
    status, cpu = child.end()
    verdict, detail = verdict_of(ExecutionReport(cpu, memory, status=status))
    if verdict is Verdict.FINISHED:  # status 0 proves nothing: anything may call `os._exit(0)`
        verdict, detail = Verdict.RUNTIME_ERROR, "ended before the script did"
    if os.WIFEXITED(status) and not prefix:
        detail = f"the program: {detail}"
    return ExecutionReport(cpu, memory, verdict, prefix + detail)


def _beyond(limits: Limits) -> str:
    return f"more than {limits.memory_mib} MiB"
