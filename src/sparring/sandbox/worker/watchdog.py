"""Watching one program's process from outside (clocks, memory, output), and killing it.

CPU time is the process's own CPU clock. Idle time is wall time minus CPU time minus the time that
the threads waited for a CPU (``/proc/PID/schedstat``), so a busy machine changes neither. Memory is
anonymous and shared memory beyond the process's size at its fork.

Executions go to the process in batches, so that neither side waits for the other between two short
executions. The process's notes on the status page tell that an execution has ended, and divide the
batch's CPU time. The server's clocks alone decide a limit; ``endings`` turns an end into a verdict.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import resource
import select
import signal
import socket
import termios
import time
from collections.abc import Callable, Sequence

from sparring.sandbox.protocol.parts import LAST, NEXT, ProcessRole, load_message
from sparring.sandbox.protocol.status_page import Note, StatusPage
from sparring.sandbox.types import Limits
from sparring.sandbox.worker import procfile
from sparring.sandbox.worker.endings import (
    TOO_MANY_FILES,
    ExecutionReport,
    exceeded_limit,
    excused,
    too_many_files,
)
from sparring.sandbox.worker.zygote import Zygote
from sparring.schema import Verdict

_POLL_SECONDS = 0.01
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
# Library pages that a program touches count in the kernel's peak but are not its own memory.
_FILE_PAGES_MIB = 32.0
_USUAL_FILE_MIB = 8.0  # file pages of a process, until they are measured
_WAKE_BYTES = 64
_LOOK_SECONDS = 0.1
_CROWDED_SECONDS = (0.001, 0.01, 0.1, 1.0, 1.0, 1.0, 1.0, 1.0)


class CallerGone(Exception):
    """Raised when the caller has gone, so that nobody waits for results."""


class QueueFull(Exception):
    """Raised when the queue to a process is full."""


class WatchedProcess:
    """Process of a program, as the server sees it from outside."""

    def __init__(
        self,
        pid: int,
        control: socket.socket,
        status_page: StatusPage,
        parent_of: Zygote,
        parent: socket.socket,
        proc: int | None,
        threads: int,
    ) -> None:
        """Begin to watch process `pid`, which serves `control` and writes on `status_page`.

        `parent_of` reaps the process; `parent` is the caller's socket; `proc` is a descriptor of
        /proc, None where the host shows none; `threads` is the most threads that the process may
        have.
        """
        self.pid = pid
        self._threads = threads
        self.control = control
        self._status_page = status_page
        self._zygote = parent_of
        # The whole process's CPU clock, CPUCLOCK_SCHED, by the formula of linux/posix-timers.h.
        self._clock = (~pid << 3) | 2
        self._proc = proc
        self.pidfd = os.pidfd_open(pid)
        self._base_mib, _, _ = self._memory()
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._poll.register(self.pidfd, select.POLLIN)
        self._poll.register(parent, 0)  # no event but the end of the stream
        self._parent_fd = parent.fileno()
        self._control_fd = control.fileno()
        self._cpu_before = 0.0
        self._peak_before_kib = 0
        self._file_mib = _USUAL_FILE_MIB
        self.peak_growth_mib = 0.0
        """MiB of the kernel's peak beyond the size at the fork. Set when the process is dead."""
        self._death: tuple[int, float] | None = None
        self.cpu_net: tuple[int, int] | None = None
        """CPU rlimit (kind, value) to be set as soon as an execution is not a short one."""

    def limit(self, kind: int, value: int) -> None:
        """Set rlimit `kind` of the process, soft and hard, from outside."""
        resource.prlimit(self.pid, kind, (value, value))

    def load(
        self,
        part: ProcessRole,
        source: bytes,
        entry_point: str,
        preamble: bytes,
        *,
        spent_after_one: bool,
    ) -> None:
        """Send the process its program, for one execution or for as many as the process takes."""
        message, text = load_message(
            part, source, entry_point, preamble, spent_after_one=spent_after_one
        )
        fd = _sealed("program", text)
        try:
            self.send_message(message, fd)
        finally:
            os.close(fd)

    def send(self, runs: Sequence[tuple[bytes, bytes]], outputs: Sequence[int]) -> int:
        """Send a batch: (random seed, standard input) of each execution, and its output's fd.

        Returns the number of executions sent. It is smaller than the batch if the queue is full,
        because the process does not read it.
        """
        self._status_page.clear()
        for number, ((seed, data), output) in enumerate(zip(runs, outputs, strict=True)):
            stdin = _sealed("input", data)
            try:
                self.send_message((LAST if number == len(runs) - 1 else NEXT) + seed, stdin, output)
            except QueueFull:
                return number  # without a LAST no byte wakes the server: it polls for the end
            finally:
                os.close(stdin)
        return len(runs)

    def has_read_all(self) -> bool:
        """Return whether the process has read everything in its queue.

        A process has read a batch that it notes as ended, unless the note is forged.
        """
        unread = array.array("i", (0,))
        fcntl.ioctl(self.control, termios.TIOCOUTQ, unread)
        return unread[0] == 0

    def send_message(self, message: bytes, *descriptors: int) -> None:
        """Send a message with descriptors, without ever waiting for the process.

        Raises `QueueFull` if the queue is full. Waits a while where too many of the user's
        descriptors are in flight, since other programs will receive some of them.
        """
        rights = array.array("i", descriptors)
        ancillary = ((socket.SOL_SOCKET, socket.SCM_RIGHTS, rights),)
        for wait in (*_CROWDED_SECONDS, None):
            try:
                self.control.sendmsg((message,), ancillary, socket.MSG_DONTWAIT)
            except ConnectionError:  # `wait` will find the process dead
                return
            except BlockingIOError as error:
                raise QueueFull(str(error)) from error
            except OSError as error:
                if error.errno not in (errno.ETOOMANYREFS, errno.ENOBUFS) or wait is None:
                    raise
                time.sleep(wait)
            else:
                return

    def wait(
        self,
        limits: Limits,
        outputs: Sequence[int],
        work: str | None,
        say_alive: Callable[[], None],
    ) -> tuple[list[ExecutionReport], bool]:
        """Watch a batch until it ends or an execution meets a limit.

        Returns a report on each execution that was begun, at least one, and whether the process
        can take more. `outputs` are the server's descriptors of the executions' outputs; `work` is
        the working directory if no file system limits its size; `say_alive` is called between long
        executions. Raises `CallerGone`.
        """
        count, status_page = len(outputs), self._status_page
        cpu = start_cpu = self._cpu_before
        start_time = time.monotonic()
        waited_before: float | None = None
        run = 0
        peak = look = 0.0
        timeout = min(_POLL_SECONDS, limits.cpu_seconds)
        while True:
            events = dict(self._poll.poll(timeout * 1000))
            if self._parent_fd in events:
                raise CallerGone
            woken = self._control_fd in events
            if woken and not self._drain():
                self._poll.unregister(self.control)
                continue
            dead = self.pidfd in events and not woken
            status, total = self.end() if dead else (None, 0.0)
            ended, spent = status_page.read()
            # A forged page may count backwards, and each step forward restarts the clocks.
            ended = max(run, min(ended, count))
            if not dead and ended and (spent or ended == count):
                total = time.clock_gettime(self._clock)
                reports = self._reports(ended, total, limits)
                self._cpu_before = total
                return reports, not spent and reports[-1].verdict is None
            if dead:
                # A process that noted itself as spent has not begun another execution.
                unfinished_one = ended < count and not (ended > run and spent)
                reports = self._reports(ended, total, limits, unfinished=unfinished_one)
                if unfinished_one:
                    used = reports.pop().cpu_seconds
                    verdict, detail = exceeded_limit(limits, used, peak)
                    reports.append(ExecutionReport(used, peak, verdict, detail, status=status))
                return reports, False
            now = time.monotonic()
            last_cpu, cpu = cpu, time.clock_gettime(self._clock)
            if ended != run:  # another execution since the last look
                run, start_time, waited_before, peak = ended, now, None, 0.0
                start_cpu = min(max(status_page.start_ns(run) / 1e9, last_cpu), cpu)
                say_alive()
            if self.cpu_net is not None:
                self.limit(*self.cpu_net)
                self.cpu_net = None
            if waited_before is None:  # short executions end before the first poll, unasked
                waited_before = self.run_queue_seconds()
            used = cpu - start_cpu
            peak = max(peak, self._memory()[0] - self._base_mib)
            verdict, detail = exceeded_limit(limits, used, peak)
            # Later executions' outputs too: their descriptors already wait in the program's reach.
            output_bytes = max(os.fstat(output).st_size for output in outputs[run:])
            if verdict is None and output_bytes > limits.output_bytes:
                verdict, detail = Verdict.OUTPUT_LIMIT, f"more than {limits.output_bytes} bytes"
            if verdict is None and (detail := self.too_many_threads()):
                verdict = Verdict.SANDBOX_VIOLATION
            if verdict is None and work is not None and too_many_files(work):
                verdict, detail = Verdict.OUTPUT_LIMIT, TOO_MANY_FILES
            wall = now - start_time
            if verdict is None and wall - used > limits.idle_seconds and now >= look:
                look = now + _LOOK_SECONDS  # seldom: one file per thread is read
                waiting = excused(self.run_queue_seconds() - waited_before, used)
                if wall - used - waiting > limits.idle_seconds:
                    verdict = Verdict.IDLE_LIMIT
                    detail = f"idle for more than {limits.idle_seconds:g} s"
            if verdict is not None:
                _, total = self.end()
                reports = self._reports(run, start_cpu, limits)
                reports.append(ExecutionReport(total - start_cpu, peak, verdict, detail))
                return reports, False
            timeout = min(_POLL_SECONDS, max(0.001, limits.cpu_seconds - used))

    def end(self) -> tuple[int, float]:
        """Kill the process, whatever it is doing; return (wait status, CPU seconds of its life).

        A second call returns the same values.
        """
        if self._death is not None:
            return self._death
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        death = self._zygote.reap(self.pid)
        self.peak_growth_mib = death.peak_kib / 1024 - self._base_mib - _FILE_PAGES_MIB
        os.close(self.pidfd)
        self.control.close()
        self._death = death.status, death.cpu_seconds
        return self._death

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of the process's whole life so far."""
        return self._death[1] if self._death else time.clock_gettime(self._clock)

    def growth_mib(self) -> float:
        """Return the MiB of own memory now, beyond the process's size at its fork."""
        return self._memory()[0] - self._base_mib

    def too_many_threads(self) -> str:
        """Return a text if the process has more than its share of threads; else an empty one."""
        many = procfile.count(self._read(f"{self.pid}/status"), b"Threads:") > self._threads
        return f"more than {self._threads} threads" if many else ""

    def ended(self) -> bool:
        """Return whether the process says that the batch's only execution has ended."""
        return self._status_page.read()[0] > 0

    def note(self) -> Note:
        """Return the process's note on the batch's only execution."""
        return self._status_page.note(0)

    def _reports(
        self, ended: int, total: float, limits: Limits, *, unfinished: bool = False
    ) -> list[ExecutionReport]:
        """Report on the first `ended` executions of the batch.

        The CPU time up to `total` (s) is divided as the process notes. With `unfinished`, a last
        report without a verdict holds the rest of the time.
        """
        notes = [self._status_page.note(i) for i in range(ended)]
        # The batch starts where the last batch ended, whatever the first note says. A forged start
        # is moved between its neighbour's and now.
        starts = [self._cpu_before]
        starts += [note.start_ns / 1e9 for note in notes[1:]]
        starts += [self._status_page.start_ns(ended) / 1e9] if unfinished and ended else []
        for i in range(1, len(starts)):
            starts[i] = min(max(starts[i], starts[i - 1]), total)
        used = [b - a for a, b in zip(starts, [*starts[1:], total], strict=True)]
        reports = []
        growth_mib_now = 0.0
        if ended and self._death is None:
            anonymous, self._file_mib, _ = self._memory()
            growth_mib_now = max(0.0, anonymous - self._base_mib)
        for note, cpu in zip(notes, used, strict=False):
            memory = growth_mib_now
            if note.peak_kib > self._peak_before_kib:
                memory = max(memory, note.peak_kib / 1024 - self._file_mib - self._base_mib)
                self._peak_before_kib = note.peak_kib
            verdict, detail = exceeded_limit(limits, cpu, memory)
            reports.append(
                ExecutionReport(cpu, memory, verdict, detail or note.detail, note.letter)
            )
        if unfinished:
            reports.append(ExecutionReport(used[-1], 0.0))
        return reports

    def _drain(self) -> bool:
        """Read the bytes that woke the server; return False at the stream's end. Never waits."""
        try:
            return bool(self.control.recv(_WAKE_BYTES, socket.MSG_DONTWAIT))
        except BlockingIOError:  # an urgent byte wakes the server, but cannot be read
            return True
        except ConnectionError:
            return False

    def _memory(self) -> tuple[float, float, float]:
        """Return the MiB of (anonymous and shared memory now, file pages now, the peak of all)."""
        text = self._read(f"{self.pid}/status")
        own_mib = procfile.mib(text, b"RssAnon:") + procfile.mib(text, b"RssShmem:")
        return own_mib, procfile.mib(text, b"RssFile:"), procfile.mib(text, b"VmHWM:")

    def run_queue_seconds(self) -> float:
        """Return the seconds that the threads alive now have waited for a CPU so far."""
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


def _sealed(name: str, data: bytes) -> int:
    """Return a memory file that nothing can change, though a program may reopen it for writing."""
    fd = os.memfd_create(name, os.MFD_ALLOW_SEALING)
    output_bytes = os.pwrite(fd, data, 0)  # `pwrite` leaves the position at 0, where reading starts
    while output_bytes < len(data):
        output_bytes += os.pwrite(fd, data[output_bytes:], output_bytes)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    return fd
