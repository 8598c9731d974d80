"""`Sandbox`: a `Runner` on this machine, with a pool of workers that fork programs.

One thread per worker feeds the worker and reads its replies. A worker that dies or falls silent is
replaced, and its work is given out once more. An execution without an outcome after that is
`Verdict.INFRA`, which is no label. Every unique execution (program, input, limits) is made once per
call, and not at all if the memo holds its outcome.

Nobody compares outputs here: expected outputs never enter this package.
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
from sparring.sandbox.caller.packages import NO_PACKAGES, Packages
from sparring.sandbox.caller.runner import Runner
from sparring.sandbox.caller.worker_pool import NoReplacement, WorkerPool
from sparring.sandbox.preamble import packed
from sparring.sandbox.protocol import frames
from sparring.sandbox.types import USUAL_FORK, Fork, Level

_PIPELINED = 3  # requests on their way to a worker, so that it never waits for this process
# A worker says that it is alive every second or after an execution, whichever is later. The caller
# waits for 20 times the execution's limits and for these seconds more. So an execution on a machine
# that is 20 times overloaded still ends in time.
_SILENCE_SECONDS = 60.0
_SILENCE_FACTOR = 20.0
_PLENTY = 4
_PIPELINED_BYTES = 64 << 10


@dataclass(slots=True)
class _Sent:
    """Work that a worker has, with the keys of the executions in the request."""

    work: plan.ProgramWork
    request: frames.WorkerRequest
    unknown: list[bytes]
    is_sent: bool = False
    answered: int = 0


class Sandbox(Runner):
    """Runner of untrusted programs in processes of this machine.

    A context manager; safe to use from several threads.
    """

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

        - `workers`: number of processes; default: one for each CPU that this process may use.
        - `level`: isolation to insist on; default: the strongest that the host allows.
        - `fork`: a fresh process for each program, or for each input.
        - `skip_after_timeout`: if a program meets a time limit on its smallest input, leave out its
          other inputs (`Verdict.NOT_RUN`). A fixed 1% of programs, chosen by content, run in full
          and show how often skipping is unjust (`Stats.audit_surprises`).
        - `memo`: keep up to 256 MiB of outcomes in memory for later calls.
        - `store`: file that keeps outcomes for later processes too.
        - `hash_seed`: Python's hash seed, which orders sets of texts. Outcomes under a seed other
          than 0 belong in no store.
        - `landlock_abi`: highest Landlock ABI to use, to try the walls of an older kernel.
        - `packages`: packages that programs may import beside the standard library
          (`packages.find_packages`).

        Raises `SandboxError`, with advice, if the host cannot give the level.
        """
        if workers is None:
            workers = len(os.sched_getaffinity(0))
        if workers < 1:
            raise SandboxError(f"workers is {workers}: give at least 1.")
        if not 0 <= hash_seed < 1 << 32 or (hash_seed and store):
            raise SandboxError(
                f"hash_seed is {hash_seed}: give 0 to 2**32 - 1; with a store only 0."
            )
        if landlock_abi is not None and landlock_abi < 1:
            raise SandboxError(f"landlock_abi is {landlock_abi}: give 1 or more.")
        super().__init__(
            fork, skip=skip_after_timeout, memo=memo, store=store, packages=packages.text()
        )
        self._packages = packages
        self._serial = 0
        try:
            self._worker_pool = WorkerPool(workers, level, hash_seed, landlock_abi, packages)
        except BaseException:  # raised again: the store is not left open
            self._close_store()
            raise
        self.level = self._worker_pool.level
        self._threads = [
            threading.Thread(target=self._feed, args=(slot,), name=f"sandbox-{slot}", daemon=True)
            for slot in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def report(self) -> dict[str, object]:
        """Return the isolation of the programs for a run's record: level, layers, versions."""
        return {
            "level": self.level.value,
            "layers": dict(self._worker_pool.layers),
            "fork": self._fork.value,
            "skip_after_timeout": self._skip,
            "workers": len(self._worker_pool),
            "python": platform.python_version(),
            "kernel": platform.release(),
            "machine": platform.machine(),
            **({"packages": dict(self._packages.versions)} if self._packages.versions else {}),
        }

    def close(self) -> None:
        """End all workers and the programs that they run. May be called twice."""
        if not self._shut():
            return
        self._worker_pool.kill()
        for thread in self._threads:
            thread.join()
        self._worker_pool.kill()  # ends a worker that a thread was just starting
        self._close_store()
        self._worker_pool.delete_files()

    def _feed(self, slot: int) -> None:
        """Serve one worker in a thread: send work, take replies, replace it after a failure."""
        sent: dict[int, _Sent] = {}
        try:
            self._feed_until_closed(slot, sent)
        except SandboxError as error:  # of the store
            self._break_down(str(error))
        finally:
            # A defect of this thread must not leave a caller waiting for ever.
            if not self._closed.is_set():
                self._break_down("a thread of the sandbox failed; its traceback is on stderr")
            for item in sent.values():
                item.work.call.done.put(None)

    def _feed_until_closed(self, slot: int, sent: dict[int, _Sent]) -> None:
        while self._take(sent):
            worker = self._worker_pool[slot]
            try:
                for item in sent.values():
                    if not item.is_sent:
                        item.is_sent = True
                        frames.send(worker.socket, *frames.pack_request(item.request))
                limits = next(iter(sent.values())).request.limits
                silence = limits.cpu_seconds + limits.idle_seconds
                worker.socket.settimeout(_SILENCE_SECONDS + _SILENCE_FACTOR * silence)
                requests = [item.request for item in sent.values()]
                header, blob = frames.receive(
                    worker.socket, replies.most_header(), replies.most_blob(requests)
                )
                if "alive" not in header:
                    self._take_reply(sent, header, blob)
            except (frames.BrokenPeer, TimeoutError):
                if not self._recover(slot, sent):
                    return

    def _take(self, sent: dict[int, _Sent]) -> bool:
        """Fill up `sent` with waiting work; wait if there is none. Return False when closed."""
        with self._lock:
            while not self._closed.is_set() and not self._waiting and not sent:
                self._lock.wait()
            if self._closed.is_set():
                return False
            while self._waiting and self._may_send(sent):
                work = self._waiting.popleft()
                self._serial += 1
                unknown = work.missing()
                request = frames.WorkerRequest(
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
                    preamble=packed(work.job.preamble),
                )
                sent[request.job] = _Sent(work, request, unknown)
        return True

    def _may_send(self, sent: dict[int, _Sent]) -> bool:
        if not sent:
            return True
        # Send ahead only while plenty of work waits, so that the last programs are spread evenly,
        # and only as much as the socket's buffer takes, because a replying worker does not read.
        plenty = len(self._waiting) > _PLENTY * len(self._worker_pool)
        sent_requests = [item.request for item in sent.values()]
        size = sum(_request_bytes(request) for request in sent_requests)
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
            if item.work.needs_retry():
                self._waiting.appendleft(item.work)
            else:
                self._finish(item.work)
            # Last: if this thread fails before, `_feed` tells the callers of the work in `sent`.
            del sent[item.request.job]

    def _recover(self, slot: int, sent: dict[int, _Sent]) -> bool:
        """Replace a failed worker and give its work out again. Return False when closed."""
        with self._lock:
            if self._closed.is_set():
                return False
            self.stats.workers_lost += 1
            for position, item in reversed(list(enumerate(sent.values()))):
                # Only the first work was being executed, so only the first may have hurt the
                # worker.
                if position == 0:
                    item.work.fail()
                if item.work.missing():
                    self._waiting.appendleft(item.work)
                else:
                    self._finish(item.work)
            sent.clear()
            self._lock.notify_all()
        try:
            self._worker_pool.replace(slot, self._closed)
        except NoReplacement as error:
            self._break_down(f"a sandbox worker could not be replaced: {error}")
        return not self._closed.is_set()

    def _break_down(self, reason: str) -> None:
        """End every call, so that none waits for ever."""
        self._shut(reason)
        self._worker_pool.kill()


def _request_bytes(request: frames.WorkerRequest) -> int:
    size = len(request.preamble) + len(request.program)
    return size + sum(len(data) + 16 for data in request.inputs)
