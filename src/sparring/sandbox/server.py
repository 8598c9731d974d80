"""The worker: a fresh interpreter that confines itself and then forks programs.

Started by ``pool`` with a socket to it, it never had anything of the parent's in its memory:
no expected output, no model, no secret. It shuts itself in (``confine``), imports what contest
programs import, says hello and then, request by request, forks one process per program (or per
test) and watches it (``watch``). It ends when the parent's socket ends.

Run as ``python -c "…main()" PATH FD LEVEL SCRATCH``; not meant for people.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import hashlib
import importlib
import os
import signal
import socket
import sys
import time
import traceback
from typing import NoReturn

from sparring.sandbox import confine, frames, program, watch
from sparring.sandbox.frames import Request, Run
from sparring.sandbox.terms import Level, Limits
from sparring.schema import Verdict

# Imported before the first fork, so that no program pays for them.
_WARM = (
    "array bisect calendar cmath collections collections.abc contextlib copy dataclasses datetime "
    "decimal enum fractions functools heapq io itertools json math numbers operator pickle queue "
    "random re site statistics string struct textwrap threading time traceback types typing"
).split()
_REPLY_SECONDS = 1.0
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_STOPPED_BY_TIME = (Verdict.TIME_LIMIT, Verdict.IDLE_LIMIT)


class Server:
    """Answers requests until the parent's socket ends."""

    def __init__(
        self, parent: socket.socket, confinement: confine.Confinement, proc: int | None
    ) -> None:
        self._parent = parent
        self._confinement = confinement
        self._proc = proc
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
        sent = 0
        spoke = time.monotonic()
        child: watch.Child | None = None
        shared = not request.per_test
        first_of_child = 0
        digest = hashlib.sha256(request.program + b"\0")
        while len(runs) < len(request.inputs):
            index = len(runs)
            if child is None:
                child = self._fork(request, spent_after_one=not shared)
                first_of_child = index
            run, alive = self._run(child, request.inputs[index], request.limits, digest)
            suspicious = run.verdict in (Verdict.MEMORY_LIMIT, Verdict.INFRA)
            if not alive:
                peak = child.peak_growth_mib
                child = None
                self._clean()
                if index > first_of_child and (suspicious or peak > request.limits.memory_mib):
                    # Memory of this run or of an earlier one in the same process? Ask each alone.
                    del runs[max(first_of_child, sent) :]
                    shared = False
                    continue
                if peak > request.limits.memory_mib and run.verdict is Verdict.FINISHED:
                    detail = f"more than {request.limits.memory_mib} MiB"
                    run = Run(Verdict.MEMORY_LIMIT, b"", run.cpu_seconds, peak, detail)
            runs.append(run)
            if request.skip and index == 0 and run.verdict in _STOPPED_BY_TIME:
                detail = "not run: the smallest input ran into a time limit"
                runs += [Run(Verdict.NOT_RUN, detail=detail)] * (len(request.inputs) - 1)
            elif len(runs) == len(request.inputs) and child is not None:
                child.end()
                self._clean()
                peak, child = child.peak_growth_mib, None
                if peak > request.limits.memory_mib:
                    del runs[max(first_of_child, sent) :]
                    shared = False
                    continue
            if len(runs) == len(request.inputs) or time.monotonic() - spoke > _REPLY_SECONDS:
                header, blob = frames.pack_reply(request.job, sent, runs[sent:])
                frames.send(self._parent, header, blob)
                sent, spoke = len(runs), time.monotonic()

    def _fork(self, request: Request, spent_after_one: bool) -> watch.Child:
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            self._become_program(its, request, spent_after_one)
        its.close()
        return watch.Child(pid, mine, self._parent, self._proc)

    def _become_program(self, control: socket.socket, request: Request, once: bool) -> NoReturn:
        try:
            os.dup2(control.fileno(), 3, inheritable=False)
            ruleset = self._confinement.ruleset
            for fd in os.listdir_open_fds() if False else range(0):
                os.close(fd)
            raise NotImplementedError
        finally:
            os._exit(1)
