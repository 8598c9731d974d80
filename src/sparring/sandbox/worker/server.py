"""The server of a worker: takes requests, watches the programs that its zygote forks.

Started by ``worker`` in a fresh interpreter with a socket to it, the server never had anything of
the parent's in its memory: no expected output, no model, no secret. Request by request, the server
has one process forked per program (or per test), hands it its inputs and watches it (``watch``).
It ends when the parent's socket ends. Nothing that a program does makes it wait: what it sends to
one is sent without waiting, and it looks at the parent between two looks at the program.
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
from sparring.sandbox.isolation import confine, kernel, share
from sparring.sandbox.protocol import board, frames
from sparring.sandbox.protocol.frames import Request, Run
from sparring.sandbox.protocol.parts import Part
from sparring.sandbox.protocol.start import Start
from sparring.sandbox.types import Level
from sparring.sandbox.worker import endings, pair, watch, zygote
from sparring.schema import Kind, Verdict

_ALIVE_SECONDS = 1.0
_BATCH_BYTES = 16 << 20
_SESSION_BYTES = 64 << 20
"""Outputs that are held at once, of one process's runs."""
_CROWDED_SECONDS = 20.0
_FASTEST = 1e-6
_ENDED = (Verdict.FINISHED, Verdict.RUNTIME_ERROR)
_STOPPED_BY_TIME = (Verdict.TIME_LIMIT, Verdict.IDLE_LIMIT)
_SKIPPED = Run(Verdict.NOT_RUN, detail="the smallest input ran into a time limit")


class Server:
    """Answers requests until the parent's socket ends."""

    def __init__(
        self,
        parent: socket.socket,
        forker: zygote.Zygote,
        boards: Sequence[board.Board],
        proc: int | None,
        watched_work: str | None,
        start: Start,
        packages_mib: int,
    ) -> None:
        self._packages, self._packages_mib = start.modules, packages_mib
        workers = start.workers
        self._parent = parent
        self._zygote = forker
        self._boards = boards
        self._proc = proc
        self._watched_work = watched_work
        self._threads = share.threads(workers)
        self._width = share.runs_on_their_way(workers, board.MAX_RUNS)
        self._spoke = time.monotonic()
        self._carried = True
        self._pace = _FASTEST
        """CPU seconds of a run, lately: batches are to stay below the limit of one run."""

    def run_forever(self) -> None:
        """Serve. Returns when the parent has gone."""
        while True:
            try:
                header, blob = frames.receive(self._parent)
                self._answer(frames.unpack_request(header, blob))
            except (frames.BrokenPeer, watch.ParentGone):
                return

    def _answer(self, request: Request) -> None:
        if request.kind is Kind.SCRIPT:
            self._answer_scripts(request)
            return
        runs: list[Run] = []
        alone = request.per_test or apart.one_run_each(request.program, self._packages)
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
                runs += [_SKIPPED] * (len(request.inputs) - 1)
            self._reply(request, first, runs[first:])

    def _reply(self, request: Request, first: int, runs: Sequence[Run]) -> None:
        for piece in frames.pieces(runs):
            frames.send(self._parent, *frames.pack_reply(request.job, first, piece))
            first += len(piece)
            self._spoke = time.monotonic()

    def _say_alive(self) -> None:
        """Tell the parent, if it has heard nothing for a while. Waits for nobody."""
        if time.monotonic() - self._spoke > _ALIVE_SECONDS:
            frames.try_to_send(self._parent, {"alive": True})
            self._spoke = time.monotonic()

    def _session(self, request: Request, first: int, last: int) -> tuple[list[Run], float]:
        """Run inputs from `first` up to `last` in one process, as far as it carries.

        At least one run, and the growth of the process's memory at its peak, in MiB. A process
        that has not read all that it was given by the end of a batch takes no further one, and
        none does once the outputs are many bytes.

        How a batch's CPU time divides among its runs is the process's own word. Where all of it
        together is beyond the limit, each run that was not stopped by it is made again alone.
        """
        part = Part.CALL if request.kind is Kind.CALL else Part.STDIN
        alone = last == first + 1
        child = self._start(request, part, request.program, 0, spent_after_one=alone)
        runs: list[Run] = []
        doubtful: list[int] = []
        alive, held = True, 0
        try:
            while alive and first + len(runs) < last and held < _SESSION_BYTES:
                start = first + len(runs)
                # The first alone: many a program takes no second, or falls at the first.
                width = self._width if runs or self._carried else 1
                width = min(width, _SESSION_BYTES // request.limits.output_bytes)
                width = max(1, min(width, int(request.limits.cpu_seconds / 2 / self._pace)))
                end = _batch_end(request.inputs, start, min(last, start + width))
                before = child.cpu_seconds()
                got, alive = self._batch(child, request, start, end)
                used = child.cpu_seconds() - before
                if len(got) > 1 and used > request.limits.cpu_seconds:
                    rows = enumerate(got, start)
                    doubtful += [i for i, run in rows if run.verdict is not Verdict.TIME_LIMIT]
                if got and got[-1].verdict is not Verdict.TIME_LIMIT:
                    self._pace = max(_FASTEST, (self._pace + used / len(got)) / 2)
                runs += got
                held += sum(len(run.output) for run in got)
                self._carried = alive
                alive = alive and child.has_read_all()
                self._say_alive()
        finally:
            child.end()
        for number in doubtful:
            [runs[number - first]], _ = self._session(request, number, number + 1)
        return runs, child.peak_growth_mib

    def _batch(
        self, child: watch.Child, request: Request, start: int, end: int
    ) -> tuple[list[Run], bool]:
        """Some runs in one go, and whether the process can take another.

        At least one run, unless the process has left earlier ones in its queue.
        """
        limits, call = request.limits, request.kind is Kind.CALL
        outputs: list[int] = []
        try:
            given = []
            program_sum = zlib.crc32(request.program)
            for data in request.inputs[start:end]:
                outputs.append(os.memfd_create("output"))
                seed = program_sum << 32 | zlib.crc32(data)
                given.append((seed.to_bytes(8, "little"), data))
            sent = child.send(given, outputs)
            if not sent:
                return [], False
            reports, alive = child.wait(limits, outputs[:sent], self._watched_work, self._say_alive)
            runs = []
            for report, output in zip(reports, outputs, strict=False):  # of those that were begun
                size = os.fstat(output).st_size
                text = os.pread(output, min(size, limits.output_bytes), 0) if size else b""
                verdict, detail = endings.verdict_of(report)
                if call and verdict is Verdict.FINISHED and report.letter is None:
                    # Its status is 0, but a call is there to return.
                    verdict, detail = Verdict.RUNTIME_ERROR, "ended before the call did"
                if verdict in _ENDED and size > limits.output_bytes:
                    verdict = Verdict.OUTPUT_LIMIT
                    detail = f"more than {limits.output_bytes} bytes"
                memory = max(report.memory_mib, 0.0)
                runs.append(Run(verdict, text, report.cpu_seconds, memory, detail))
        finally:
            for output in outputs:
                os.close(output)
        return runs, alive

    def _answer_scripts(self, request: Request) -> None:
        for number, data in enumerate(request.inputs):
            run = self._script(request, data)
            if run.verdict is Verdict.INFRA:
                run = self._script(request, data)
            self._reply(request, number, [run])
            if request.skip and number == 0 and run.verdict in _STOPPED_BY_TIME:
                self._reply(request, 1, [_SKIPPED] * (len(request.inputs) - 1))
                return

    def _script(self, request: Request, script: bytes) -> Run:
        """One script, with a process of its own and one for the program."""
        responder = self._start(request, Part.RESPONDER, request.program, 0)
        judge = None
        try:
            judge = self._start(request, Part.SCRIPT, script, 1)
            return pair.run_pair(
                responder, judge, self._parent, request.limits, self._watched_work, self._say_alive
            )
        finally:
            responder.end()
            if judge is not None:
                judge.end()

    def _start(
        self,
        request: Request,
        part: Part,
        source: bytes,
        board_number: int,
        *,
        spent_after_one: bool = True,
    ) -> watch.Child:
        """A process for a source, on the limits of the request."""
        # A stream: its queue takes a whole batch. Descriptors keep its messages apart.
        mine, its = socket.socketpair()
        with its:
            pid = self._fork(its, board_number)
        page = self._boards[board_number]
        page.wipe()
        child = watch.Child(pid, mine, page, self._zygote, self._parent, self._proc, self._threads)
        for kind, value in confine.rlimits(request.limits, self._packages_mib):
            child.limit(kind, value)
        child.cpu_net = confine.cpu_net(request.limits, len(request.inputs))
        front = b"" if part is Part.SCRIPT else request.front
        child.load(part, source, request.entry_point, front, spent_after_one=spent_after_one)
        return child

    def _fork(self, control: socket.socket, board_number: int) -> int:
        """A process from the zygote. Waits for a while where the user has too many already.

        Raises `watch.ParentGone`, `zygote.Crowded`.
        """
        poll = select.poll()
        poll.register(self._parent, 0)  # only its end
        given_up = time.monotonic() + _CROWDED_SECONDS
        while True:
            try:
                return self._zygote.fork(control, board_number)
            except zygote.Crowded:
                if time.monotonic() > given_up:
                    raise
            self._say_alive()
            if poll.poll(20):
                raise watch.ParentGone


def main() -> Callable[[], None]:
    """Become a worker, on the socket that is descriptor 0. Call what is returned.

    The process forks: one becomes the server, the other the zygote. Nothing of this frame, which
    names the host's directories, is there when programs are forked.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asker = socket.socket(fileno=0)
    start = Start.of(frames.receive(asker)[0])
    asker.detach()
    boards = [board.Board(), board.Board()]  # a program's, a script's
    orders, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        orders.detach()  # the number is the zygote's to close, not this object's
        return zygote.born(its.detach(), start, boards, sys.path[-1])
    its.close()
    return partial(_serve, start, zygote.Zygote(orders), boards)


def _serve(start: Start, forker: zygote.Zygote, boards: Sequence[board.Board]) -> None:
    """The server's whole life."""
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
    except zygote.Gone as error:
        frames.send(parent, {"crashed": str(error)})
        return
    # Descriptors on their way count against it, for all processes of the user together: those of
    # every worker's batch.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uid = layers["host_uid"]
    kernel.drop_privileges(uid if isinstance(uid, int) and uid != os.getuid() else None)
    layers["run_queue_clock"] = False
    with contextlib.suppress(OSError):
        os.stat("self/schedstat", dir_fd=proc)
        layers["run_queue_clock"] = proc is not None
    # A tmpfs limits itself; a directory of the host's has to be watched.
    watched = start.scratch if start.level is Level.LANDLOCK else None
    try:
        frames.send(parent, {"hello": layers})
        mib = layers.get("packages_mib", 0)
        packages_mib = mib if isinstance(mib, int) else 0
        Server(parent, forker, boards, proc, watched, start, packages_mib).run_forever()
    except frames.BrokenPeer:
        return
    except Exception:  # raised again, once the caller has been told
        with contextlib.suppress(frames.BrokenPeer):
            frames.send(parent, {"crashed": traceback.format_exc()})
        raise


def _open_proc() -> int | None:
    """The host's /proc, if it is that of our own pid namespace; another would lie to us."""
    with contextlib.suppress(OSError):
        if os.readlink("/proc/self") == str(os.getpid()):
            return os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return None


def _batch_end(inputs: Sequence[bytes], start: int, last: int) -> int:
    """Where a batch from `start` ends that holds not too many bytes, but at least one input."""
    total = 0
    for end in range(start, last):
        total += len(inputs[end])
        if total > _BATCH_BYTES and end > start:
            return end
    return last
