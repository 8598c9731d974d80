"""`Sandbox`: a `Runner` on this machine.

A pool of workers, each a process of its own that forks programs. One thread here per worker
feeds it and reads it; a worker that dies or falls silent is replaced, the work it had is given
out once more, and what is still unknown after that is `Verdict.INFRA`: no label. Every unique
run (program, input, limits) is executed once per call, and not at all if the memo has it.

Not done here: comparing outputs with expected ones. Those never come near this package.
"""

from __future__ import annotations

import os
import platform
import threading
from dataclasses import dataclass
from pathlib import Path

from sparring.errors import SandboxError
from sparring.sandbox import apart
from sparring.sandbox.caller import plan, replies
from sparring.sandbox.caller.crew import Crew, NoReplacement
from sparring.sandbox.caller.packages import NO_PACKAGES, Packages
from sparring.sandbox.caller.runner import Runner
from sparring.sandbox.preamble import packed
from sparring.sandbox.protocol import frames
from sparring.sandbox.types import USUAL_FORK, Fork, Level

_PIPELINED = 3  # requests on their way to a worker, so that it never waits for this process
# A worker says that it lives every second or after a run, whichever is later. This is the wait
# beyond the run's own limits; a run on a machine that is 20 times overloaded still fits.
_SILENCE_SECONDS = 60.0
_SILENCE_FACTOR = 20.0
_PLENTY = 4
_PIPELINED_BYTES = 64 << 10


@dataclass(slots=True)
class _Sent:
    """Work that a worker has, with the keys of the runs it was asked for."""

    work: plan.Work
    request: frames.Request
    unknown: list[bytes]
    on_its_way: bool = False
    answered: int = 0


class Sandbox(Runner):
    """Runs untrusted programs in processes of this machine. A context manager; safe to use from
    several threads."""

    def __init__(
        self,
        workers: int | None = None,
        *,
        level: Level | None = None,
        fork: Fork = USUAL_FORK,
        skip_after_timeout: bool = False,
        memo: bool = True,
        store: Path | None = None,
        hash_seed: int = 0,
        landlock_abi: int | None = None,
        packages: Packages = NO_PACKAGES,
    ) -> None:
        """Start the workers.

        `workers`: processes, by default one for each CPU that this process may use. `level`: the
        isolation asked for; by default the strongest that the host allows. `skip_after_timeout`:
        a program that runs into a time limit on its smallest input is not given the others
        (`Verdict.NOT_RUN`), but for a fixed 1% of programs, by content, which show how often that
        is unjust (`Stats.audit_surprises`). `memo`: keep outcomes for later calls, up to 256 MiB
        of them. `store`: keep them in this file as well, for later processes. `hash_seed`:
        Python's, which orders sets of texts; outcomes under another than 0 belong in no store.
        `landlock_abi`: use no more of Landlock than this ABI has, to try what an older kernel
        holds back. `packages`: what programs may import beside the standard library
        (`packages.given`).

        Raises `SandboxError` if the host cannot give the level, with what to change.
        """
        if workers is None:
            workers = len(os.sched_getaffinity(0))
        if workers < 1:
            raise SandboxError(f"workers is {workers}: give at least 1.")
        if not 0 <= hash_seed < 1 << 32 or (hash_seed and store):
            raise SandboxError(
                f"hash_seed is {hash_seed}: give 0 to 2**32 - 1, and with a store no other than 0."
            )
        if landlock_abi is not None and landlock_abi < 1:
            raise SandboxError(f"landlock_abi is {landlock_abi}: give 1 or more.")
        super().__init__(
            fork, skip=skip_after_timeout, memo=memo, store=store, packages=packages.text()
        )
        self._packages = packages
        self._serial = 0
        try:
            self._crew = Crew(workers, level, hash_seed, landlock_abi, packages)
        except BaseException:  # raised again: the store is not left open
            self._close_store()
            raise
        self.level = self._crew.level
        self._threads = [
            threading.Thread(target=self._feed, args=(slot,), name=f"sandbox-{slot}", daemon=True)
            for slot in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def report(self) -> dict[str, object]:
        """What isolates the programs, for the record of a run: level, layers, versions."""
        return {
            "level": self.level.value,
            "layers": dict(self._crew.layers),
            "fork": self._fork.value,
            "skip_after_timeout": self._skip,
            "workers": len(self._crew),
            "python": platform.python_version(),
            "kernel": platform.release(),
            "machine": platform.machine(),
            **({"packages": dict(self._packages.versions)} if self._packages.versions else {}),
        }

    def close(self) -> None:
        """End all workers and whatever they run. May be called twice."""
        if not self._shut():
            return
        self._crew.kill()
        for thread in self._threads:
            thread.join()
        self._crew.kill()  # one that a thread was just starting
        self._close_store()
        self._crew.delete_files()

    def _feed(self, slot: int) -> None:
        """The thread of one worker: hand it work, take its replies, replace it when it fails."""
        sent: dict[int, _Sent] = {}
        try:
            self._feed_until_closed(slot, sent)
        except SandboxError as error:  # the store's
            self._break_down(str(error))
        finally:
            # A defect of ours must not leave a caller waiting for ever.
            if not self._closed.is_set():
                self._break_down("a defect in a thread of the sandbox; its trace is on stderr")
            for item in sent.values():
                item.work.call.done.put(None)

    def _feed_until_closed(self, slot: int, sent: dict[int, _Sent]) -> None:
        while self._take(sent):
            worker = self._crew[slot]
            try:
                for item in sent.values():
                    if not item.on_its_way:
                        item.on_its_way = True
                        frames.send(worker.socket, *frames.pack_request(item.request))
                limits = next(iter(sent.values())).request.limits
                silence = limits.cpu_seconds + limits.idle_seconds
                worker.socket.settimeout(_SILENCE_SECONDS + _SILENCE_FACTOR * silence)
                asked = [item.request for item in sent.values()]
                header, blob = frames.receive(
                    worker.socket, replies.most_header(), replies.most_blob(asked)
                )
                if "alive" not in header:
                    self._take_reply(sent, header, blob)
            except (frames.BrokenPeer, TimeoutError):
                if not self._recover(slot, sent):
                    return

    def _take(self, sent: dict[int, _Sent]) -> bool:
        """Fill up `sent` with waiting work, waiting if there is none. False when closed."""
        with self._lock:
            while not self._closed.is_set() and not self._waiting and not sent:
                self._lock.wait()
            if self._closed.is_set():
                return False
            while self._waiting and self._may_send(sent):
                work = self._waiting.popleft()
                self._serial += 1
                unknown = work.missing()
                request = frames.Request(
                    self._serial,
                    work.program,
                    tuple(work.inputs[key] for key in unknown),
                    work.job.limits,
                    per_test=self._fork is Fork.PER_TEST
                    or work.alone
                    or apart.one_run_each(
                        work.job.preamble.encode("utf-8", "surrogatepass"), self._packages.modules
                    ),
                    skip=work.skip and len(unknown) == len(work.unknown),
                    kind=work.job.kind,
                    entry_point=work.job.entry_point,
                    front=packed(work.job.preamble),
                )
                sent[request.job] = _Sent(work, request, unknown)
        return True

    def _may_send(self, sent: dict[int, _Sent]) -> bool:
        if not sent:
            return True
        # Ahead of time only while there is plenty, so that the last programs are spread evenly,
        # and only what the socket's buffer takes: a worker that replies is not reading.
        plenty = len(self._waiting) > _PLENTY * len(self._crew)
        ahead = [item.request for item in sent.values()]
        size = sum(_request_bytes(request) for request in ahead)
        following = self._waiting[0]
        size += len(following.program) + sum(
            len(following.inputs[k]) + 16 for k in following.unknown
        )
        return plenty and len(sent) < _PIPELINED and size < _PIPELINED_BYTES

    def _take_reply(self, sent: dict[int, _Sent], header: frames.Header, blob: bytes) -> None:
        item = next(iter(sent.values()))  # a worker answers one request after the other
        outcomes = replies.outcomes_of(item.request, item.answered, header, blob)
        with self._lock:
            for key, outcome in zip(item.unknown[item.answered :], outcomes, strict=False):
                item.work.settle(key, outcome)
            item.answered += len(outcomes)
            if item.answered < len(item.unknown):
                return
            if item.work.ask_again():
                self._waiting.appendleft(item.work)
            else:
                self._finish(item.work)
            del sent[item.request.job]  # last: who is left in `sent` is told if this thread fails

    def _recover(self, slot: int, sent: dict[int, _Sent]) -> bool:
        """Replace a worker that failed and give its work out again. False when closed."""
        with self._lock:
            if self._closed.is_set():
                return False
            self.stats.workers_lost += 1
            for position, item in reversed(list(enumerate(sent.values()))):
                # Only the first was being run: the others did nothing to the worker.
                if position == 0:
                    item.work.fail()
                if item.work.missing():
                    self._waiting.appendleft(item.work)
                else:
                    self._finish(item.work)
            sent.clear()
            self._lock.notify_all()
        try:
            self._crew.replace(slot, self._closed)
        except NoReplacement as error:
            self._break_down(f"a worker could not be replaced: {error}")
        return not self._closed.is_set()

    def _break_down(self, reason: str) -> None:
        """End every call rather than have it wait for ever."""
        self._shut(reason)
        self._crew.kill()


def _request_bytes(request: frames.Request) -> int:
    size = len(request.front) + len(request.program)
    return size + sum(len(data) + 16 for data in request.inputs)
