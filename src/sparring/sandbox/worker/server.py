"""The server of a worker: takes requests and watches the programs that its zygote forks.

The caller starts the server in a fresh interpreter with one socket. No data of the caller was ever
in its memory: no expected output, no model, no secret. For each request the server has one process
forked per program (or per test), sends the process its inputs and watches it (``watchdog``).

The server ends when the caller's socket ends. No program can make it wait: it sends to programs
without waiting, and looks at the caller between two looks at a program.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from sparring.sandbox import apart
from sparring.sandbox.isolation import confine, kernel, user_limits
from sparring.sandbox.protocol import frames, status_page
from sparring.sandbox.protocol.frames import RawOutcome, WorkerRequest
from sparring.sandbox.protocol.parts import ProcessRole
from sparring.sandbox.protocol.start import Start
from sparring.sandbox.types import Level
from sparring.sandbox.worker import endings, pair, watchdog, zygote
from sparring.schema import TestKind, Verdict

_ALIVE_SECONDS = 1.0
_BATCH_BYTES = 16 << 20
_SESSION_BYTES = 64 << 20
"""Most bytes of outputs of one process, after which the server takes a fresh process."""
_CROWDED_SECONDS = 20.0
_FASTEST = 1e-6
_ENDED = (Verdict.FINISHED, Verdict.RUNTIME_ERROR)
_STOPPED_BY_TIME = (Verdict.TIME_LIMIT, Verdict.IDLE_LIMIT)
_SKIPPED = RawOutcome(Verdict.NOT_RUN, detail="the smallest input met a time limit")


class WorkerServer:
    """Server that answers requests until the caller's socket ends."""

    def __init__(
        self,
        parent: socket.socket,
        forker: zygote.Zygote,
        status_pages: Sequence[status_page.StatusPage],
        proc: int | None,
        watched_work: str | None,
        start: Start,
        packages_mib: int,
    ) -> None:
        self._packages, self._packages_mib = start.modules, packages_mib
        workers = start.workers
        self._parent = parent
        self._zygote = forker
        self._status_pages = status_pages
        self._proc = proc
        self._watched_work = watched_work
        self._threads = user_limits.threads(workers)
        self._width = user_limits.runs_on_their_way(workers, status_page.MAX_RUNS)
        self._spoke = time.monotonic()
        self._carried = True
        self._pace = _FASTEST
        """Recent CPU seconds of an execution, by which a batch stays below the limit of one."""

    def run_forever(self) -> None:
        """Serve requests. Returns when the caller has gone."""
        while True:
            try:
                header, blob = frames.receive(self._parent)
                self._answer(frames.unpack_request(header, blob))
            except (frames.BrokenPeer, watchdog.CallerGone):
                return

    def _answer(self, request: WorkerRequest) -> None:
        """Execute a request's program on its inputs, in as few processes as safe, and reply."""
        if request.kind is TestKind.SCRIPT:
            self._answer_scripts(request)
            return
        runs: list[RawOutcome] = []
        separately = request.per_test or apart.one_run_each(request.program, self._packages)
        repeated = -1
        while len(runs) < len(request.inputs):
            first = len(runs)
            last = first + 1 if request.skip and first == 0 else len(request.inputs)
            outcomes, peak_mib = self._session(request, first, first + 1 if separately else last)
            if peak_mib > request.limits.memory_mib or outcomes[-1].verdict is Verdict.MEMORY_LIMIT:
                if len(outcomes) > 1:
                    # Earlier executions may have left memory in the process: repeat each alone.
                    separately = True
                    continue
                detail = f"more than {request.limits.memory_mib} MiB"
                if outcomes[-1].verdict in _ENDED:
                    outcomes = [replace(outcomes[0], verdict=Verdict.MEMORY_LIMIT, detail=detail)]
            if outcomes[-1].verdict is Verdict.INFRA and repeated != first + len(outcomes) - 1:
                # A failure of the sandbox is repeated once before it counts.
                repeated = first + len(outcomes) - 1
                outcomes.pop()
            runs += outcomes
            if request.skip and first == 0 and runs and runs[0].verdict in _STOPPED_BY_TIME:
                runs += [_SKIPPED] * (len(request.inputs) - 1)
            self._reply(request, first, runs[first:])

    def _reply(self, request: WorkerRequest, first: int, runs: Sequence[RawOutcome]) -> None:
        for piece in frames.pieces(runs):
            frames.send(self._parent, *frames.pack_reply(request.job, first, piece))
            first += len(piece)
            self._spoke = time.monotonic()

    def _say_alive(self) -> None:
        """Tell the caller that the server is alive, if the last frame is old. Never waits."""
        if time.monotonic() - self._spoke > _ALIVE_SECONDS:
            frames.try_to_send(self._parent, {"alive": True})
            self._spoke = time.monotonic()

    def _session(
        self, request: WorkerRequest, first: int, last: int
    ) -> tuple[list[RawOutcome], float]:
        """Execute inputs `first` to `last` (exclusive) in one process, as far as it can go on.

        Returns at least one execution, and the peak growth of the process's memory in MiB. The
        process takes no further batch if it has not read all of the last one, or once its outputs
        are `_SESSION_BYTES`.

        The process itself reports how a batch's CPU time divides among the executions, and may lie.
        So if the whole batch used more than the limit of one execution, its executions are repeated
        alone, except an execution that the time limit stopped.
        """
        part = ProcessRole.CALL if request.kind is TestKind.CALL else ProcessRole.STDIN
        separately = last == first + 1
        child = self._start(request, part, request.program, 0, spent_after_one=separately)
        runs: list[RawOutcome] = []
        doubtful: list[int] = []
        alive, output_bytes = True, 0
        try:
            while alive and first + len(runs) < last and output_bytes < _SESSION_BYTES:
                start = first + len(runs)
                # One input first: many programs spend their process, or fail, at the first.
                width = self._width if runs or self._carried else 1
                width = min(width, _SESSION_BYTES // request.limits.output_bytes)
                # At the recent pace, a batch should use half of one execution's CPU limit at most.
                width = max(1, min(width, int(request.limits.cpu_seconds / 2 / self._pace)))
                end = _batch_end(request.inputs, start, min(last, start + width))
                before = child.cpu_seconds()
                outcomes, alive = self._batch(child, request, start, end)
                used = child.cpu_seconds() - before
                if len(outcomes) > 1 and used > request.limits.cpu_seconds:
                    rows = enumerate(outcomes, start)
                    doubtful += [i for i, run in rows if run.verdict is not Verdict.TIME_LIMIT]
                if outcomes and outcomes[-1].verdict is not Verdict.TIME_LIMIT:
                    self._pace = max(_FASTEST, (self._pace + used / len(outcomes)) / 2)
                runs += outcomes
                output_bytes += sum(len(run.output) for run in outcomes)
                self._carried = alive
                alive = alive and child.has_read_all()
                self._say_alive()
        finally:
            child.end()
        for number in doubtful:
            [runs[number - first]], _ = self._session(request, number, number + 1)
        return runs, child.peak_growth_mib

    def _batch(
        self, child: watchdog.WatchedProcess, request: WorkerRequest, start: int, end: int
    ) -> tuple[list[RawOutcome], bool]:
        """Execute inputs `start` to `end` (exclusive) in one batch.

        Returns the executions and whether the process can take more. There is at least one
        execution, unless the process has left earlier messages in its queue.
        """
        limits, call = request.limits, request.kind is TestKind.CALL
        outputs: list[int] = []
        try:
            batch = []
            program_sum = zlib.crc32(request.program)
            for data in request.inputs[start:end]:
                outputs.append(os.memfd_create("output"))
                seed = program_sum << 32 | zlib.crc32(data)
                batch.append((seed.to_bytes(8, "little"), data))
            sent = child.send(batch, outputs)
            if not sent:
                return [], False
            reports, alive = child.wait(limits, outputs[:sent], self._watched_work, self._say_alive)
            runs = []
            for report, output in zip(reports, outputs, strict=False):  # only begun ones report
                size = os.fstat(output).st_size
                text = os.pread(output, min(size, limits.output_bytes), 0) if size else b""
                verdict, detail = endings.verdict_of(report)
                if call and verdict is Verdict.FINISHED and report.letter is None:
                    # The process exited with status 0 before the call returned a value.
                    verdict, detail = Verdict.RUNTIME_ERROR, "ended before the call did"
                if verdict in _ENDED and size > limits.output_bytes:
                    verdict = Verdict.OUTPUT_LIMIT
                    detail = f"more than {limits.output_bytes} bytes"
                memory = max(report.memory_mib, 0.0)
                runs.append(RawOutcome(verdict, text, report.cpu_seconds, memory, detail))
        finally:
            for output in outputs:
                os.close(output)
        return runs, alive

    def _answer_scripts(self, request: WorkerRequest) -> None:
        for number, data in enumerate(request.inputs):
            run = self._script(request, data)
            if run.verdict is Verdict.INFRA:
                run = self._script(request, data)
            self._reply(request, number, [run])
            if request.skip and number == 0 and run.verdict in _STOPPED_BY_TIME:
                self._reply(request, 1, [_SKIPPED] * (len(request.inputs) - 1))
                return

    def _script(self, request: WorkerRequest, script: bytes) -> RawOutcome:
        """Run one script in a process of its own, with another process for the program."""
        responder = self._start(request, ProcessRole.RESPONDER, request.program, 0)
        script_process = None
        try:
            script_process = self._start(request, ProcessRole.SCRIPT, script, 1)
            return pair.run_pair(
                responder,
                script_process,
                self._parent,
                request.limits,
                self._watched_work,
                self._say_alive,
            )
        finally:
            responder.end()
            if script_process is not None:
                script_process.end()

    def _start(
        self,
        request: WorkerRequest,
        part: ProcessRole,
        source: bytes,
        page_number: int,
        *,
        spent_after_one: bool = True,
    ) -> watchdog.WatchedProcess:
        """Start a process, set its limits and send it `source`."""
        # A stream, because its queue takes a whole batch. A message's descriptors keep the message
        # apart from the next message.
        mine, its = socket.socketpair()
        with its:
            pid = self._fork(its, page_number)
        page = self._status_pages[page_number]
        page.wipe()
        child = watchdog.WatchedProcess(
            pid, mine, page, self._zygote, self._parent, self._proc, self._threads
        )
        for kind, value in confine.rlimits(request.limits, self._packages_mib):
            child.limit(kind, value)
        child.cpu_net = confine.cpu_rlimit(request.limits, len(request.inputs))
        preamble = b"" if part is ProcessRole.SCRIPT else request.preamble
        child.load(part, source, request.entry_point, preamble, spent_after_one=spent_after_one)
        return child

    def _fork(self, control: socket.socket, page_number: int) -> int:
        """Have the zygote fork a process; return its id.

        Waits a while where the user already has too many processes, and then raises
        `zygote.TooManyProcesses`. Raises `watchdog.CallerGone` if the caller goes meanwhile.
        """
        poll = select.poll()
        poll.register(self._parent, 0)  # only the end of the stream is an event
        deadline = time.monotonic() + _CROWDED_SECONDS
        while True:
            try:
                return self._zygote.fork(control, page_number)
            except zygote.TooManyProcesses:
                if time.monotonic() > deadline:
                    raise
            self._say_alive()
            if poll.poll(20):
                raise watchdog.CallerGone


def main() -> Callable[[], None]:
    """Become a worker, on the socket that is descriptor 0; return the function that runs it.

    The process forks: one becomes the server, the other the zygote. The caller of `main` calls the
    returned function. So this frame, which names the host's directories, is gone when programs are
    forked.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asker = socket.socket(fileno=0)
    start = Start.of(frames.receive(asker)[0])
    asker.detach()
    status_pages = [status_page.StatusPage(), status_page.StatusPage()]  # a program's, a script's
    orders, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        orders.detach()  # `born` closes the descriptor; this object must not close its number later
        return zygote.born(its.detach(), start, status_pages, sys.path[-1])
    its.close()
    return partial(_serve, start, zygote.Zygote(orders), status_pages)


def _serve(
    start: Start, forker: zygote.Zygote, status_pages: Sequence[status_page.StatusPage]
) -> None:
    """Set up the server in this process, greet the caller, and serve until the caller has gone."""
    parent = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.close(null)
    proc = _open_proc()
    try:
        layers = forker.layers()
    except confine.Unavailable as error:
        frames.send(parent, {"refused": str(error)})
        return
    except zygote.ZygoteGone as error:
        frames.send(parent, {"crashed": str(error)})
        return
    # This limit also bounds a user's descriptors in flight, all workers' batches together, so the
    # server takes all that it may.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uid = layers["host_uid"]
    kernel.drop_privileges(uid if isinstance(uid, int) and uid != os.getuid() else None)
    layers["run_queue_clock"] = False
    with contextlib.suppress(OSError):
        os.stat("self/schedstat", dir_fd=proc)
        layers["run_queue_clock"] = proc is not None
    # A tmpfs limits its own size; the server must watch a directory of the host.
    watched = start.scratch if start.level is Level.LANDLOCK else None
    try:
        frames.send(parent, {"hello": layers})
        mib = layers.get("packages_mib", 0)
        packages_mib = mib if isinstance(mib, int) else 0
        WorkerServer(parent, forker, status_pages, proc, watched, start, packages_mib).run_forever()
    except frames.BrokenPeer:
        return
    except Exception:  # raised again, once the caller has been told
        with contextlib.suppress(frames.BrokenPeer):
            frames.send(parent, {"crashed": traceback.format_exc()})
        raise


def _open_proc() -> int | None:
    """Return a descriptor of /proc; None unless /proc is of this process's own pid namespace."""
    with contextlib.suppress(OSError):
        if os.readlink("/proc/self") == str(os.getpid()):
            return os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return None


def _batch_end(inputs: Sequence[bytes], start: int, last: int) -> int:
    """Return the end of a batch from `start`: at least one input, at most `_BATCH_BYTES`."""
    total = 0
    for end in range(start, last):
        total += len(inputs[end])
        if total > _BATCH_BYTES and end > start:
            return end
    return last
