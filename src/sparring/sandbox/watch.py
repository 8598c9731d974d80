"""Watching one program's process from outside: clocks, memory, output; and ending it.

CPU time is the process's own CPU clock. Idle time is wall time minus CPU time minus the time
its threads waited for a CPU (``/proc/PID/schedstat``), so neither depends on how busy the
machine is. Memory is anonymous and shared memory beyond what the process had when it was forked.

Nothing here listens to what the program says, except that it has ended (``program``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import time
from dataclasses import dataclass

from sparring.sandbox.confine import WORK_ENTRIES, WORK_MIB
from sparring.sandbox.program import MESSAGE_BYTES
from sparring.sandbox.types import Limits
from sparring.schema import Verdict

_POLL_SECONDS = 0.01
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_MIB = 1 << 20
# Library pages that a program touches count in the kernel's peak but are not its own memory.
_FILE_PAGES_MIB = 32.0


class ParentGone(Exception):
    """Nobody is waiting for results any more."""


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended. ``verdict`` is set when a limit decided."""

    verdict: Verdict | None
    detail: str
    message: bytes | None
    """What the process said at the end of the run, if it did."""
    status: int | None
    """Wait status, if the process is dead."""
    cpu_seconds: float
    memory_mib: float

    @property
    def ready(self) -> bool:
        """Whether the process is alive and says that it can take another input."""
        return self.message is not None and self.verdict is None and self.message[1:2] == b"."


class Child:
    """A forked process of a program, as the server sees it."""

    def __init__(
        self, pid: int, control: socket.socket, parent: socket.socket, proc: int | None
    ) -> None:
        self.pid = pid
        self.control = control
        self._clock = (~pid << 3) | 2  # CPUCLOCK_SCHED of the whole process, linux/posix-timers.h
        self._proc = proc
        self._pidfd = os.pidfd_open(pid)
        self._base_mib = self._memory_mib()
        self._peak_before = 0.0
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._poll.register(self._pidfd, select.POLLIN)
        self._poll.register(parent, 0)  # only its end
        self._parent_fd = parent.fileno()
        self._cpu_before = 0.0
        self.peak_growth_mib = 0.0
        """Set when the process is dead: the kernel's own peak, beyond what it was forked with."""
        self._death: tuple[int, float] | None = None

    def start(self, seed: bytes, data: bytes, output: int) -> None:
        """Begin a run: `data` as standard input, `output` as the descriptor to write to."""
        stdin = os.memfd_create("input", os.MFD_ALLOW_SEALING)
        try:
            # Sealed: nothing can change it, though the program may reopen it for writing.
            view = memoryview(data)
            while view:
                view = view[os.write(stdin, view) :]
            fcntl.fcntl(stdin, fcntl.F_ADD_SEALS, _SEALS)
            os.lseek(stdin, 0, os.SEEK_SET)
            with contextlib.suppress(ConnectionError):  # a dead process is found by `wait`
                socket.send_fds(self.control, [seed], [stdin, output])
        finally:
            os.close(stdin)

    def wait(self, limits: Limits, output: int, work: str | None) -> Report:
        """Watch one run until it ends or meets a limit. `work` is given if its size is unlimited.

        `output` is the server's descriptor of the run's standard output. Raises `ParentGone`.
        """
        started = time.monotonic()
        waited_before: float | None = None
        cpu_before, self._cpu_before = self._cpu_before, 0.0
        peak = 0.0
        timeout = min(_POLL_SECONDS, limits.cpu_seconds)
        while True:
            events = dict(self._poll.poll(timeout * 1000))
            if self._parent_fd in events:
                raise ParentGone
            if self.control.fileno() in events:
                message = self._message()
                if message:
                    now = time.clock_gettime(self._clock)
                    self._cpu_before = now
                    peak = max(peak, self._memory_mib(at_end=True) - self._base_mib)
                    verdict, detail = _judge(limits, now - cpu_before, peak)
                    return Report(verdict, detail, message, None, now - cpu_before, peak)
                self._poll.unregister(self.control)
                continue
            if self._pidfd in events:
                status, cpu = self.end()
                verdict, detail = _judge(limits, cpu - cpu_before, peak)
                return Report(verdict, detail, None, status, cpu - cpu_before, peak)
            if waited_before is None:  # short runs end before the first poll and never ask
                waited_before = self._run_queue_seconds()
            cpu = time.clock_gettime(self._clock) - cpu_before
            peak = max(peak, self._memory_mib() - self._base_mib)
            verdict, detail = _judge(limits, cpu, peak)
            if verdict is None and os.fstat(output).st_size > limits.output_bytes:
                verdict, detail = Verdict.OUTPUT_LIMIT, f"more than {limits.output_bytes} bytes"
            if verdict is None and work is not None and _too_many_files(work):
                verdict, detail = Verdict.OUTPUT_LIMIT, f"files of more than {WORK_MIB} MiB"
            wall = time.monotonic() - started
            if verdict is None and wall - cpu > limits.idle_seconds:
                waiting = self._run_queue_seconds() - waited_before
                if wall - cpu - waiting > limits.idle_seconds:
                    verdict = Verdict.IDLE_LIMIT
                    detail = f"idle for more than {limits.idle_seconds:g} s"
            if verdict is not None:
                status, total = self.end()
                return Report(verdict, detail, None, status, total - cpu_before, peak)
            timeout = min(_POLL_SECONDS, max(0.001, limits.cpu_seconds - cpu))

    def end(self) -> tuple[int, float]:
        """Kill the process, whatever it is doing; (wait status, CPU seconds of its life).

        May be called again.
        """
        if self._death is not None:
            return self._death
        signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        _, status, usage = os.wait4(self.pid, 0)
        self.peak_growth_mib = usage.ru_maxrss / 1024 - self._base_mib - _FILE_PAGES_MIB
        os.close(self._pidfd)
        self.control.close()
        self._death = status, usage.ru_utime + usage.ru_stime
        return self._death

    def _message(self) -> bytes:
        try:
            return self.control.recv(MESSAGE_BYTES)
        except ConnectionError:
            return b""

    def _memory_mib(self, *, at_end: bool = False) -> float:
        """Anonymous and shared memory now; at the end of a run, its peak if that is known.

        The kernel keeps one peak for the whole life of the process, library pages included. It
        belongs to this run if it has risen since the last one.
        """
        text = self._read(f"{self.pid}/status")
        now = _field(text, b"RssAnon:") + _field(text, b"RssShmem:")
        if at_end:
            peak = _field(text, b"VmHWM:")
            if peak > self._peak_before:
                now = max(now, peak - _field(text, b"RssFile:"))
                self._peak_before = peak
        return now

    def _run_queue_seconds(self) -> float:
        """Seconds that the threads alive now have waited for a CPU so far."""
        if self._proc is None:
            return 0.0
        try:
            tasks = os.open(f"{self.pid}/task", os.O_RDONLY, dir_fd=self._proc)
        except OSError:
            return 0.0
        try:
            names = os.listdir(tasks)
        finally:
            os.close(tasks)
        fields = [self._read(f"{self.pid}/task/{name}/schedstat").split() for name in names]
        return sum(int(row[1]) for row in fields if len(row) > 1) / 1e9

    def _read(self, path: str) -> bytes:
        if self._proc is None:
            return b""
        try:
            fd = os.open(path, os.O_RDONLY, dir_fd=self._proc)
        except OSError:
            return b""
        try:
            return os.read(fd, 8192)
        except ProcessLookupError:
            return b""
        finally:
            os.close(fd)


def _field(status: bytes, name: bytes) -> float:
    """MiB of one line of ``/proc/PID/status``; 0 if it is not there."""
    start = status.find(name)
    if start < 0:
        return 0.0
    start += len(name)
    return int(status[start : status.index(b"kB", start)]) / 1024


def _judge(limits: Limits, cpu: float, memory_mib: float) -> tuple[Verdict | None, str]:
    if cpu > limits.cpu_seconds:
        return Verdict.TIME_LIMIT, f"more than {limits.cpu_seconds:g} s of CPU time"
    if memory_mib > limits.memory_mib:
        return Verdict.MEMORY_LIMIT, f"more than {limits.memory_mib} MiB"
    return None, ""


def _too_many_files(work: str) -> bool:
    total = count = 0
    with os.scandir(work) as entries:
        for entry in entries:
            count += 1
            try:
                total += entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue
    return count > WORK_ENTRIES or total > WORK_MIB * _MIB
