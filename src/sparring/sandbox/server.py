"""The worker: a fresh interpreter that confines itself and then forks programs.

Started by ``pool`` with a socket to it, it never had anything of the parent's in its memory:
no expected output, no model, no secret. It shuts itself in (``confine``), imports what contest
programs import, says hello and then, request by request, forks one process per program (or per
test) and watches it (``watch``). It ends when the parent's socket ends.

Run as ``python -c "…main()" PATH FD LEVEL SCRATCH``; not meant for people.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
import time
import traceback
import zlib
from dataclasses import replace

from sparring.sandbox import board, confine, frames, kernel, program, restore, watch
from sparring.sandbox.frames import Request, Run
from sparring.sandbox.types import Level, Limits
from sparring.schema import Verdict

# Imported before the first fork, so that no program pays for them.
_WARM = (
    "array bisect calendar cmath collections collections.abc contextlib copy dataclasses datetime "
    "decimal enum fractions functools heapq io itertools json math numbers operator pickle queue "
    "random re site statistics string struct textwrap threading time traceback types typing"
)
_ALIVE_SECONDS = 1.0
_ENDED = (Verdict.FINISHED, Verdict.RUNTIME_ERROR)
_STOPPED_BY_TIME = (Verdict.TIME_LIMIT, Verdict.IDLE_LIMIT)


class Server:
    """Answers requests until the parent's socket ends."""

    def __init__(
        self, parent: socket.socket, confinement: confine.Confinement, proc: int | None
    ) -> None:
        self._parent = parent
        self._confinement = confinement
        self._proc = proc
        self._spoke = time.monotonic()
        self._board = board.Board()
        self._carried = True
        # Made before any fork: in a program's process it is the control socket's object.
        os.dup2(parent.fileno(), program.CONTROL_FD)
        self._control = socket.socket(fileno=program.CONTROL_FD)
        os.close(program.CONTROL_FD)
        # A tmpfs limits itself; a directory of the host's has to be watched.
        on_host = confinement.level is Level.LANDLOCK
        self._watched_work = confinement.work if on_host else None

    def run_forever(self) -> None:
        """Serve. Returns when the parent has gone."""
        while True:
            try:
                header, blob = frames.receive(self._parent)
                self._answer(frames.unpack_request(header, blob))
            except (frames.BrokenPeer, watch.ParentGone):
                return

    def _answer(self, request: Request) -> None:
        runs: list[Run] = []
        alone = request.per_test
        repeated = -1
        while len(runs) < len(request.inputs):
            first = len(runs)
            last = first + 1 if request.skip and first == 0 else len(request.inputs)
            got, peak_mib = self._session(request, first, first + 1 if alone else last)
            if peak_mib > request.limits.memory_mib or got[-1].verdict is Verdict.MEMORY_LIMIT:
                if len(got) > 1:
                    # Its own memory, or what earlier runs left in the process? Ask each alone.
                    alone = True
                    continue
                detail = f"more than {request.limits.memory_mib} MiB"
                if got[-1].verdict in _ENDED:
                    got = [replace(got[0], verdict=Verdict.MEMORY_LIMIT, detail=detail)]
            if got[-1].verdict is Verdict.INFRA and repeated != first + len(got) - 1:
                repeated = first + len(got) - 1
                got.pop()
            runs += got
            if request.skip and first == 0 and runs and runs[0].verdict in _STOPPED_BY_TIME:
                detail = "the smallest input ran into a time limit"
                runs += [Run(Verdict.NOT_RUN, detail=detail)] * (len(request.inputs) - 1)
            if len(runs) > first:
                frames.send(self._parent, *frames.pack_reply(request.job, first, runs[first:]))

    def _session(self, request: Request, first: int, last: int) -> tuple[list[Run], float]:
        """Run inputs from `first` up to `last` in one process, as far as it carries.

        At least one run, and the growth of the process's memory at its peak, in MiB.
        """
        child = self._fork(request, spent_after_one=last == first + 1)
        runs: list[Run] = []
        alive = True
        try:
            while alive and first + len(runs) < last:
                start = first + len(runs)
                # The first alone: many a program takes no second, or falls at the first.
                end = min(last, start + (board.MAX_RUNS if runs or self._carried else 1))
                got, alive = self._batch(child, request, start, end)
                runs += got
                self._carried = alive
                if time.monotonic() - self._spoke > _ALIVE_SECONDS:
                    frames.send(self._parent, {"alive": True})
                    self._spoke = time.monotonic()
        finally:
            child.end()
            self._clean()
        return runs, child.peak_growth_mib

    def _batch(
        self, child: watch.Child, request: Request, start: int, end: int
    ) -> tuple[list[Run], bool]:
        """Some runs in one go, at least one, and whether the process can take another."""
        limits = request.limits
        outputs: list[int] = []
        try:
            given = []
            program_sum = zlib.crc32(request.program)
            for data in request.inputs[start:end]:
                outputs.append(os.memfd_create("output"))
                seed = program_sum << 32 | zlib.crc32(data)
                given.append((seed.to_bytes(8, "little"), data))
            child.send(given, outputs)
            reports, alive = child.wait(limits, outputs, self._watched_work)
            runs = []
            for report, output in zip(reports, outputs, strict=False):
                size = os.fstat(output).st_size
                text = os.pread(output, min(size, limits.output_bytes), 0) if size else b""
                verdict, detail = _verdict(report)
                if verdict in _ENDED and size > limits.output_bytes:
                    verdict, detail = (
                        Verdict.OUTPUT_LIMIT,
                        f"more than {limits.output_bytes} bytes",
                    )
                memory = max(report.memory_mib, 0.0)
                runs.append(Run(verdict, text, report.cpu_seconds, memory, detail))
        finally:
            for output in outputs:
                os.close(output)
        return runs, alive

    def _fork(self, request: Request, spent_after_one: bool) -> watch.Child:
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = kernel.fork()
        if pid == 0:
            try:
                control = self._become_program(its)
                program.serve(
                    request.program, control, self._board, spent_after_one=spent_after_one
                )
            finally:
                # Only reached if something of ours failed. The server takes SIGKILL for that;
                # once confined, nothing in this process can send it.
                os.kill(os.getpid(), signal.SIGKILL)
        its.close()
        child = watch.Child(pid, mine, self._board, self._parent, self._proc)
        for kind, value in confine.limits(request.limits, len(request.inputs)):
            child.limit(kind, value)
        return child

    def _become_program(self, its: socket.socket) -> socket.socket:
        """In the fork: keep the standard descriptors and the control socket, and be confined."""
        os.dup2(its.fileno(), program.CONTROL_FD, inheritable=False)
        confinement = self._confinement
        if confinement.ruleset is not None:
            os.dup2(confinement.ruleset, 3, inheritable=False)
            confinement = replace(confinement, ruleset=3)
        os.closerange(4, program.CONTROL_FD)
        confinement.enter()
        return self._control

    def _clean(self) -> None:
        """Delete what a program left. Its directory is flat: it can make no directory or link."""
        for name in os.listdir(self._confinement.work):
            os.unlink(os.path.join(self._confinement.work, name))


def main() -> None:
    """Be a worker: ``argv`` holds our import path, the socket's number, level and scratch."""
    _, path, number, level, scratch = sys.argv
    parent = socket.socket(fileno=int(number))
    try:
        confinement, proc = _prepare(Level(level), scratch)
    except confine.Unavailable as error:
        frames.send(parent, {"refused": str(error)})
        return
    # A program finds the modules that any interpreter has, not ours.
    sys.path = [entry for entry in sys.path if entry != path]
    for name in [name for name in sys.modules if name.partition(".")[0] == "sparring"]:
        del sys.modules[name]
    restore.settle()
    program.warm_up()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        frames.send(parent, {"hello": confinement.layers})
        Server(parent, confinement, proc).run_forever()
    except frames.BrokenPeer:
        return
    except Exception:
        with contextlib.suppress(frames.BrokenPeer):
            frames.send(parent, {"crashed": traceback.format_exc()})
        raise


def _prepare(level: Level, scratch: str) -> tuple[confine.Confinement, int | None]:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in _WARM.split():
        importlib.import_module(name)
    site = sys.modules["site"]
    site.setquit()
    site.setcopyright()
    # The kernel should look at programs first when the machine runs out of memory.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")
    proc: int | None = None
    # Kept open: the new root has another /proc. One of another pid namespace would lie to us.
    with contextlib.suppress(OSError):
        if os.readlink("/proc/self") == str(os.getpid()):
            proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    confinement = confine.prepare(level, scratch)
    confinement.layers["run_queue_clock"] = False
    with contextlib.suppress(OSError):
        os.stat("self/schedstat", dir_fd=proc)
        confinement.layers["run_queue_clock"] = proc is not None
    return confinement, proc


def _verdict(report: watch.Report) -> tuple[Verdict, str]:
    """What a run's end means, before its output is looked at."""
    if report.verdict is not None:
        return report.verdict, report.detail
    if report.letter is not None:
        if report.letter == program.Ending.OK:
            return Verdict.FINISHED, report.detail
        if report.letter == program.Ending.NO_MEMORY:
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
    return Verdict.RUNTIME_ERROR, f"died of {signal.Signals(number).name}"
