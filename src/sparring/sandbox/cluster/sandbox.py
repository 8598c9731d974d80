"""`ClusterSandbox`: a `Runner` on the nodes of a cluster.

One thread cuts the waiting work into chunks, keeps a bounded number of chunks in flight, and stores
their answers. A chunk whose node dies is given out again. Only an answer counts, so every execution
has one outcome. A program that was lost `chunks._SUSPECT` times travels alone. An execution that is
still unknown after `LOSSES` losses is `Verdict.INFRA`, which is no label.

`Nodes` is the interface to a cluster, and `ray_nodes` implements it. Limits, isolation and verdicts
are the work of the `Sandbox` on each node (`node`); memo, store and planning stay with the caller.
Expected outputs never enter this package.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Protocol

from sparring.errors import SandboxError
from sparring.sandbox.caller.plan import ProgramWork
from sparring.sandbox.caller.runner import Runner
from sparring.sandbox.cluster import chunks, node
from sparring.sandbox.types import USUAL_FORK, Fork, Level

AGAIN_SECONDS = (1.0, 5.0, 20.0)
"""Seconds to wait before lost work is given out again. Until the cluster notices that a node is
dead, it still sends work there, and this work is lost at once."""
LOSSES = len(AGAIN_SECONDS) + 1
_WAIT_SECONDS = 0.1
"""Longest delay before the thread, waiting for a chunk, notices new work or the end."""
_COUNT_SECONDS = 2.0
_AHEAD = 2
"""Chunks in flight for each CPU: one is executed, and one waits there."""
GONE_SECONDS = 60.0
"""Longest time without any node: a lost node may be replaced meanwhile."""


class LostError(Exception):
    """Raised for a chunk that will have no answer; the message says why."""


class Nodes(Protocol):
    """Cluster that calls `node.answer` on its nodes.

    The methods raise `SandboxError` if the cluster is gone.
    """

    def ask(self, level: str | None, fork: str) -> list[chunks.Answer]:
        """Return every node's answer to an empty chunk, with the node's name as ``"node"``."""

    def cpus(self) -> int:
        """Return the number of CPUs of the nodes that are alive."""

    def submit(self, level: str, fork: str, chunk: chunks.Chunk) -> Hashable:
        """Send a chunk to a node; return a ticket for its answer."""

    def wait(self, tickets: Sequence[Hashable], seconds: float) -> list[Hashable]:
        """Wait for a chunk to end; return the tickets of ended chunks, or none after `seconds`."""

    def get(self, ticket: Hashable) -> chunks.Answer:
        """Return the answer of an ended chunk. Raises `LostError`."""

    def report(self) -> dict[str, object]:
        """Return versions for the record of a run."""

    def close(self, tickets: Sequence[Hashable]) -> None:
        """Cancel the chunks in flight and leave the cluster."""


class ClusterSandbox(Runner):
    """Runner of untrusted programs on a cluster.

    A context manager; safe to use from several threads.
    """

    def __init__(
        self,
        nodes: Nodes,
        workers: int | None = None,
        *,
        level: Level | None = None,
        fork: Fork = USUAL_FORK,
        skip_after_timeout: bool = False,
        memo: bool = True,
        store: Path | None = None,
    ) -> None:
        """Ask every node for its isolation, and settle the level.

        - `nodes`: connection to the cluster, closed with this sandbox, also if this call fails.
        - `workers`: chunks that are executed at once; default: one for each CPU of the cluster.
        - `level`: isolation to insist on; default: the strongest that all nodes give.

        The other settings are those of `Sandbox`. Raises `SandboxError` with the name of a node
        that cannot give the level or that differs from the caller.
        """
        self._nodes = nodes
        try:
            if workers is not None and workers < 1:
                raise SandboxError(f"workers is {workers}: give at least 1.")
            super().__init__(fork, skip=skip_after_timeout, memo=memo, store=store)
            self._workers = workers
            self._answers = self._ask_nodes(level)
            self.level = min((Level(a["level"]) for a in self._answers), key=_strength)
            if any(a["level"] != self.level.value for a in self._answers):
                self._answers = self._ask_nodes(self.level)
        except BaseException:  # raised again: neither store nor nodes are left open
            if hasattr(self, "_store"):
                self._close_store()
            nodes.close(())
            raise
        self._pace = chunks.ExecutionPace()
        self._last_count = 0.0
        self._slots = 1
        self._no_node_since: float | None = None
        self._delayed: list[tuple[float, ProgramWork]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="sandbox-cluster", daemon=True)
        self._thread.start()

    def _ask_nodes(self, level: Level | None) -> list[chunks.Answer]:
        answers = self._nodes.ask(level.value if level else None, self._fork.value)
        for answer in answers:
            _check(answer)
        return answers

    def report(self) -> dict[str, object]:
        """Return the isolation of the programs for a run's record: level, layers, versions."""
        return {
            "level": self.level.value,
            "layers": {a["node"]: a["layers"] for a in self._answers},
            "fork": self._fork.value,
            "skip_after_timeout": self._skip,
            "workers": self._workers,
            "nodes": len(self._answers),
            **node.identity(),
            **self._nodes.report(),
        }

    def close(self) -> None:
        """End the programs on the nodes and leave the cluster. May be called twice."""
        self._shut()
        self._thread.join()
        if not self._ended.is_set():
            self._ended.set()
            self._close_store()

    def _feed(self) -> None:
        """Send chunks and take answers, in a thread, until closed."""
        sent: dict[Hashable, list[ProgramWork]] = {}
        try:
            while self._fill(sent):
                ended_tickets = self._nodes.wait(list(sent), _WAIT_SECONDS)
                for ticket in ended_tickets:
                    self._take_answer(ticket, sent)
                self._check_alive(bool(ended_tickets))
        except SandboxError as error:
            self._shut(str(error))
        finally:
            # A defect of this thread must not leave a caller waiting for ever.
            self._shut("a thread of the sandbox failed; its traceback is on stderr")
            in_flight = [work for works in sent.values() for work in works]
            for work in (*in_flight, *(work for _, work in self._delayed)):
                work.call.done.put(None)
            self._nodes.close(list(sent))

    def _fill(self, sent: dict[Hashable, list[ProgramWork]]) -> bool:
        """Send chunks until enough are in flight; wait if there is none. Return False if closed."""
        while True:
            with self._lock:
                self._take_later()
                while not self._closed.is_set() and not self._waiting and not sent:
                    self._lock.wait(_WAIT_SECONDS if self._delayed else None)
                    self._take_later()
                if self._closed.is_set():
                    return False
                self._count_slots()
                if not self._waiting or len(sent) >= _AHEAD * self._slots:
                    return True
                works = chunks.take(self._waiting, self._pace, self._slots)
                chunk = chunks.pack(works)
            try:
                ticket = self._nodes.submit(self.level.value, self._fork.value, chunk)
            except BaseException:  # raised again, after the waiting callers are told
                for work in works:
                    work.call.done.put(None)
                raise
            sent[ticket] = works

    def _take_later(self) -> None:
        """Put lost work that has waited long enough back into the queue, in its old order."""
        now = time.monotonic()
        due = [work for when, work in self._delayed if when <= now]
        self._delayed = [(when, work) for when, work in self._delayed if when > now]
        self._waiting.extendleft(reversed(due))

    def _count_slots(self) -> None:
        """Count the CPUs of the cluster from time to time, since nodes come and go."""
        if time.monotonic() - self._last_count > _COUNT_SECONDS:
            self._last_count = time.monotonic()
            cpus = self._nodes.cpus()
            self._slots = max(1, min(cpus, self._workers or cpus))
            if cpus:
                self._no_node_since = None
            elif self._no_node_since is None:
                self._no_node_since = time.monotonic()

    def _check_alive(self, has_answer: bool) -> None:
        if has_answer or self._no_node_since is None:
            return
        if time.monotonic() - self._no_node_since > GONE_SECONDS:
            raise SandboxError(
                f"the cluster has had no node with a CPU for {GONE_SECONDS:.0f} s: start one, then "
                "continue with --resume."
            )

    def _take_answer(self, ticket: Hashable, sent: dict[Hashable, list[ProgramWork]]) -> None:
        try:
            answer = self._nodes.get(ticket)
        except LostError as error:
            self._give_out_again(sent.pop(ticket), str(error))
            return
        _check(answer)
        works = sent[ticket]
        with self._lock:
            self._pace.add(sum(len(work.missing()) for work in works), float(answer["seconds"]))
            self.stats.workers_lost += int(answer["lost"])
            chunks.settle(works, answer)
            for work in works:
                self._finish(work)
        del sent[ticket]  # last: if this thread fails before, `_feed` tells the callers in `sent`

    def _give_out_again(self, works: list[ProgramWork], reason: str) -> None:
        with self._lock:
            self.stats.workers_lost += 1
            for work in works:
                work.losses += 1
                if work.losses < LOSSES:
                    retry_at = time.monotonic() + AGAIN_SECONDS[work.losses - 1]
                    self._delayed.append((retry_at, work))
                else:
                    work.give_up(f"lost {LOSSES} times on the cluster: {reason}")
                    self._finish(work)
        self._last_count = 0.0


def _check(answer: chunks.Answer) -> None:
    if "refused" in answer:
        raise SandboxError(f"node {answer.get('node', '?')}: {answer['refused']}")


def _strength(level: Level) -> int:
    """Return a sort key, the weakest level first; `Level` lists the strongest first."""
    return -list(Level).index(level)
