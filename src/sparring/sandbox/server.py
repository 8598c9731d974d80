"""The fork server of one worker: forks a process per program and watches it.

Everything that becomes a verdict is read here, from outside the program: the
wait status, the CPU clock of its process, its memory, the descriptors that
hold its output.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import resource
import select
import shutil
import signal
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from sparring.sandbox import child, isolate, landlock, seccomp, wire

POLL_SECONDS = 0.005
_SEALS = 0x0001 | 0x0002 | 0x0004 | 0x0008  # no more sealing, shrinking, growing, writing
_ADD_SEALS = 1033
NOBODY = 65534


@dataclass(slots=True)
class Server:
    """What a worker knows after it has set itself up."""

    control: socket.socket
    work: str
    ruleset: int | None
    change_user: bool
    page: int = field(default_factory=lambda: os.sysconf("SC_PAGE_SIZE"))

    def serve(self) -> None:
        """Answer jobs until the pool goes away."""
        while (job := wire.receive(self.control)) is not None:
            wire.send(self.control, {"outcomes": self.job(job)})

    def job(self, job: dict[str, Any]) -> list[list[Any]]:
        """Outcomes [verdict, output, cpu, memory, detail] for each input, in order.

        Smallest inputs first, so that a program that never ends is found on
        the cheapest one.
        """
        inputs: list[bytes] = [s.encode("utf-8", "surrogateescape") for s in job["inputs"]]
        order = sorted(range(len(inputs)), key=lambda i: len(inputs[i]))
        found: list[list[Any] | None] = [None] * len(inputs)
        todo = order
        while todo:
            size = 1 if job["per_test"] else 64
            for i, outcome in zip(
                todo, self._process(job, [inputs[i] for i in todo[:size]]), strict=False
            ):
                found[i] = outcome
            first = found[order[0]]
            if job["skip"] and first is not None and first[0] in ("time_limit", "idle_limit"):
                break
            todo = [i for i in order if found[i] is None]
        return [f or ["not_run", "", 0.0, 0.0, "the smallest input timed out"] for f in found]

    def _process(self, job: dict[str, Any], inputs: list[bytes]) -> list[list[Any]]:
        """One process on as many of the inputs as it lives for; at least one outcome."""
        directory = os.path.join(self.work, "p")
        os.mkdir(directory, 0o700)
        if self.change_user:
            os.chown(directory, NOBODY, NOBODY)
        stdins = [_sealed(data) for data in inputs]
        stdouts = [os.memfd_create("stdout", os.MFD_CLOEXEC) for _ in inputs]
        hints, report = os.pipe2(os.O_CLOEXEC)
        try:
            pid = os.fork()
            if pid == 0:
                self._become_program(job, inputs, stdins, stdouts, report, directory)
            os.close(report)
            report = -1
            return self._watch(job, pid, hints, stdouts)
        finally:
            for fd in (*stdins, *stdouts, hints, report):
                if fd >= 0:
                    os.close(fd)
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(directory)

    def _become_program(
        self,
        job: dict[str, Any],
        inputs: list[bytes],
        stdins: list[int],
        stdouts: list[int],
        report: int,
        directory: str,
    ) -> None:
        """In the new process: give up everything, then run. Never returns."""
        status = 1
        try:
            seeds = [_seed(job["program"], data) for data in inputs]
            os.setsid()
            os.chdir(directory)
            self.control.close()
            _limit(job)
            if self.change_user:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
            isolate.drop_capabilities()
            isolate.set_no_new_privileges()
            isolate.set_dumpable(True)
            if self.ruleset is not None:
                landlock.restrict(self.ruleset)
                os.close(self.ruleset)
            seccomp.install(os.getpid())
            child.run_inputs(job["program"], stdins, stdouts, seeds, report)
            status = 0
        finally:
            os._exit(status)

    def _watch(
        self, job: dict[str, Any], pid: int, hints: int, stdouts: list[int]
    ) -> list[list[Any]]:
        """Follow a process to its end; one outcome for each input it began."""
        outcomes: list[list[Any]] = []
        killed = False
        clock = _Clock(pid, self.page)
        buffer = b""
        watched = [hints, self.control]
        while len(outcomes) < len(stdouts):
            ready, _, _ = select.select(watched, [], [], POLL_SECONDS)
            if self.control in ready:  # the pool has gone: nobody waits for this
                os.kill(pid, signal.SIGKILL)
                os._exit(0)
            if hints in ready:
                part = os.read(hints, 65536)
                if not part:  # the process has ended, or the program closed the pipe
                    watched.remove(hints)
                *lines, buffer = (buffer + part).split(b"\n")
                for line in lines[: len(stdouts) - len(outcomes)]:
                    outcomes.append(self._ended(job, line, stdouts[len(outcomes)], clock))
                continue
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                break
            if over := clock.over(job):
                os.kill(pid, signal.SIGKILL)
                output = _read(stdouts[len(outcomes)], job["output_bytes"])
                outcomes.append([over, output, clock.cpu(), clock.peak, "stopped at its limit"])
                killed = True
                break
        cpu, memory = clock.cpu(), clock.peak
        if len(outcomes) == len(stdouts):
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        died = os.WIFSIGNALED(status) or os.WEXITSTATUS(status) != 0 or not outcomes
        if died and len(outcomes) < len(stdouts) and not killed:
            output = _read(stdouts[len(outcomes)], job["output_bytes"])
            verdict, detail = _died(status)
            if len(output.encode("utf-8", "surrogateescape")) > job["output_bytes"]:
                verdict, output, detail = "output_limit", "", "more output than allowed"
            outcomes.append([verdict, output, cpu, memory, detail])
        return outcomes

    def _ended(self, job: dict[str, Any], line: bytes, stdout: int, clock: _Clock) -> list[Any]:
        """The outcome of an input whose code ran to its end."""
        cpu, memory = clock.next_run()
        detail = line[1:].decode("utf-8", "replace")
        if cpu > job["cpu_seconds"]:
            return ["time_limit", "", cpu, memory, "more CPU time than allowed"]
        if os.fstat(stdout).st_size > job["output_bytes"]:
            return ["output_limit", "", cpu, memory, "more output than allowed"]
        output = _read(stdout, job["output_bytes"])
        if line[:1] == child.ENDED:
            return ["finished", output, cpu, memory, ""]
        verdict = "memory_limit" if detail.startswith("MemoryError") else "runtime_error"
        return [verdict, output, cpu, memory, detail]


class _Clock:
    """CPU, idle time and memory of a process since its current run began."""

    def __init__(self, pid: int, page: int) -> None:
        self.pid = pid
        self.page = page
        self.clock = (~pid << 3) | 2
        self.base = self._resident()
        self.peak = 0.0
        self._begin(0.0)

    def _begin(self, cpu: float) -> None:
        self.cpu_before = cpu
        self.wall_before = time.monotonic()

    def _total(self) -> float:
        try:
            return time.clock_gettime(self.clock)
        except OSError:
            return self.cpu_before

    def _resident(self) -> int:
        try:
            with open(f"/proc/{self.pid}/statm") as file:
                fields = file.read().split()
        except OSError:
            return 0
        return (int(fields[1]) - int(fields[2])) * self.page

    def _waited(self) -> float:
        """Seconds that its threads stood ready without a core."""
        total = 0.0
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{self.pid}/task"):
                with open(f"/proc/{self.pid}/task/{task}/schedstat") as file:
                    total += int(file.read().split()[1]) / 1e9
        return total

    def cpu(self) -> float:
        return max(0.0, self._total() - self.cpu_before)

    def next_run(self) -> tuple[float, float]:
        """CPU seconds and peak memory (MiB) of the run that ended; starts the next."""
        total = self._total()
        cpu = max(0.0, total - self.cpu_before)
        memory, self.peak = self.peak, 0.0
        self._begin(total)
        return cpu, memory

    def over(self, job: dict[str, Any]) -> str | None:
        """The limit that the current run has crossed, if any."""
        cpu = self.cpu()
        if cpu > job["cpu_seconds"]:
            return "time_limit"
        self.peak = max(self.peak, (self._resident() - self.base) / 2**20)
        if self.peak > job["memory_mib"]:
            return "memory_limit"
        wall = time.monotonic() - self.wall_before
        idle = wall - cpu
        # all waiting since the process began is taken off, a little too much: on a busy
        # machine that errs in the program's favour
        if idle > job["idle_seconds"] and idle - self._waited() > job["idle_seconds"]:
            return "idle_limit"
        return None


def _sealed(data: bytes) -> int:
    """A memory file that nobody can change any more."""
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    fcntl.fcntl(fd, _ADD_SEALS, _SEALS)
    return fd


def _read(fd: int, limit: int) -> str:
    data = os.pread(fd, limit + 1, 0)
    while len(data) <= limit and (more := os.pread(fd, limit + 1 - len(data), len(data))):
        data += more
    return data.decode("utf-8", "surrogateescape")


def _seed(program: str, data: bytes) -> int:
    digest = hashlib.sha256(program.encode("utf-8", "surrogateescape") + b"\0" + data).digest()
    return int.from_bytes(digest[:8], "big")


def _limit(job: dict[str, Any]) -> None:
    """Kernel limits: a net under what the server watches."""
    space = (job["memory_mib"] + 2048) << 20
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    size = job["output_bytes"] + 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    seconds = int(job["cpu_seconds"] * len(job["inputs"])) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def _died(status: int) -> tuple[str, str]:
    """Verdict and detail of a process that ended in the middle of a run."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name
        if number == signal.SIGSYS:
            return "sandbox_violation", "a system call that the sandbox refuses"
        if number == signal.SIGXFSZ:
            return "output_limit", "more output than allowed"
        if number == signal.SIGXCPU:
            return "time_limit", "more CPU time than allowed"
        return "runtime_error", f"died of {name}"
    code = os.WEXITSTATUS(status)
    return ("finished", "") if code == 0 else ("runtime_error", f"exit status {code}")
