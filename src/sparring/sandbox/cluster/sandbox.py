"""`ClusterSandbox`: a `Runner` on the nodes of a cluster.

One thread here cuts what waits into chunks, keeps a bounded number of them on their way, and puts
the answers where they belong. A chunk whose node dies is given out again; only its answer counts,
so that every run has one outcome. A program that was lost `_SUSPECT` times travels alone, and what
is still unknown after `LOSSES` times is `Verdict.INFRA`: no label.

The cluster itself is behind `Nodes`, four calls of which `ray_nodes` is the real one. Limits,
isolation and verdicts are those of `Sandbox`, which runs on each node (`node`); memo, store and
planning are here. Expected outputs never come near this package.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Protocol

from sparring.errors import SandboxError
from sparring.sandbox.caller.plan import Work
from sparring.sandbox.caller.runner import Runner
from sparring.sandbox.cluster import chunks, node
from sparring.sandbox.types import USUAL_FORK, Fork, Level

AGAIN_SECONDS = (1.0, 5.0, 20.0)
"""After a loss, before the work is given out again. A dead node is still sent work, which comes
back lost at once, until the cluster has noticed that it is dead."""
LOSSES = len(AGAIN_SECONDS) + 1
_WAIT_SECONDS = 0.1
"""How late new work, or the end, may be noticed while a chunk is being waited for."""
_COUNT_SECONDS = 2.0
_AHEAD = 2
"""Chunks on their way for each CPU: one that runs, and one that waits there."""
GONE_SECONDS = 60.0
"""How long there may be no node at all: a lost one may be replaced."""


class LostError(Exception):
    """A chunk that will not come back; the message says why."""


class Nodes(Protocol):
    """A cluster that runs `node.answer` somewhere. Methods raise `SandboxError` if it is gone."""

    def ask(self, level: str | None, fork: str) -> list[chunks.Answer]:
        """What every node gives: its answer to an empty chunk, with its name as ``"node"``."""

    def cpus(self) -> int:
        """CPUs of the nodes that are alive."""

    def submit(self, level: str, fork: str, chunk: chunks.Chunk) -> Hashable:
        """Send a chunk to the node that suits; a ticket for it."""

    def wait(self, tickets: Sequence[Hashable], seconds: float) -> list[Hashable]:
        """Those that are done, some at least; none after so many seconds."""

    def get(self, ticket: Hashable) -> chunks.Answer:
        """The answer of one that is done. Raises `LostError`."""

    def report(self) -> dict[str, object]:
        """Versions, for the record of a run."""

    def close(self, tickets: Sequence[Hashable]) -> None:
        """Leave the cluster; end what of ours still runs there."""


class ClusterSandbox(Runner):
    """Runs untrusted programs on a cluster. A context manager; safe to use from several
    threads."""

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
        """Ask every node what it gives.

        `nodes` is closed with this, or if this fails. `workers`: chunks that run at once, by
        default one for each CPU of the cluster. `level`: by default the strongest that all nodes
        give. The rest as for `Sandbox`.

        Raises `SandboxError` naming the node that cannot give the level or is not like this one.
        """
        self._nodes = nodes
        try:
            if workers is not None and workers < 1:
                raise SandboxError(f"workers is {workers}: give at least 1.")
            super().__init__(fork, skip=skip_after_timeout, memo=memo, store=store)
            self._workers = workers
            self._answers = self._asked(level)
            self.level = min((Level(a["level"]) for a in self._answers), key=_strength)
            if any(a["level"] != self.level.value for a in self._answers):
                self._answers = self._asked(self.level)
        except BaseException:  # raised again: neither store nor nodes are left open
            if hasattr(self, "_store"):
                self._close_store()
            nodes.close(())
            raise
        self._pace = chunks.Pace()
        self._counted = 0.0
        self._slots = 1
        self._gone_since: float | None = None
        self._later: list[tuple[float, Work]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._feed, name="sandbox-cluster", daemon=True)
        self._thread.start()

    def _asked(self, level: Level | None) -> list[chunks.Answer]:
        answers = self._nodes.ask(level.value if level else None, self._fork.value)
        for answer in answers:
            _check(answer)
        return answers

    def report(self) -> dict[str, object]:
        """What isolates the programs, for the record of a run: level, layers, versions."""
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
        """End what of ours still runs there, and leave the cluster. May be called twice."""
        self._shut()
        self._thread.join()
        if not self._ended.is_set():
            self._ended.set()
            self._close_store()

    def _feed(self) -> None:
        """The thread: send chunks, take answers."""
        sent: dict[Hashable, list[Work]] = {}
        try:
            while self._fill(sent):
                ready = self._nodes.wait(list(sent), _WAIT_SECONDS)
                for ticket in ready:
                    self._take_answer(ticket, sent)
                self._check_alive(bool(ready))
        except SandboxError as error:
            self._shut(str(error))
        finally:
            # A defect of ours must not leave a caller waiting for ever.
            self._shut("a defect in a thread of the sandbox; its trace is on stderr")
            held = [work for works in sent.values() for work in works]
            for work in (*held, *(work for _, work in self._later)):
                work.call.done.put(None)
            self._nodes.close(list(sent))

    def _fill(self, sent: dict[Hashable, list[Work]]) -> bool:
        """Send chunks until enough are on their way, waiting if there is nothing. False when
        closed."""
        while True:
            with self._lock:
                self._take_later()
                while not self._closed.is_set() and not self._waiting and not sent:
                    self._lock.wait(_WAIT_SECONDS if self._later else None)
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
            except BaseException:  # raised again, once those who wait are told
                for work in works:
                    work.call.done.put(None)
                raise
            sent[ticket] = works

    def _take_later(self) -> None:
        """Put back what was lost and has waited long enough, in its old order."""
        now = time.monotonic()
        due = [work for when, work in self._later if when <= now]
        self._later = [(when, work) for when, work in self._later if when > now]
        self._waiting.extendleft(reversed(due))

    def _count_slots(self) -> None:
        """Nodes come and go."""
        if time.monotonic() - self._counted > _COUNT_SECONDS:
            self._counted = time.monotonic()
            cpus = self._nodes.cpus()
            self._slots = max(1, min(cpus, self._workers or cpus))
            if cpus:
                self._gone_since = None
            elif self._gone_since is None:
                self._gone_since = time.monotonic()

    def _check_alive(self, heard: bool) -> None:
        if heard or self._gone_since is None:
            return
        if time.monotonic() - self._gone_since > GONE_SECONDS:
            raise SandboxError(
                f"the cluster has had no node with a CPU for {GONE_SECONDS:.0f} s: start one, and "
                "go on with --resume."
            )

    def _take_answer(self, ticket: Hashable, sent: dict[Hashable, list[Work]]) -> None:
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
        del sent[ticket]  # last: whoever is left in `sent` is told when this thread fails

    def _give_out_again(self, works: list[Work], reason: str) -> None:
        with self._lock:
            self.stats.workers_lost += 1
            for work in works:
                work.losses += 1
                if work.losses < LOSSES:
                    again = time.monotonic() + AGAIN_SECONDS[work.losses - 1]
                    self._later.append((again, work))
                else:
                    work.give_up(f"lost {LOSSES} times on its way: {reason}")
                    self._finish(work)
        self._counted = 0.0


def _check(answer: chunks.Answer) -> None:
    if "refused" in answer:
        raise SandboxError(f"node {answer.get('node', '?')}: {answer['refused']}")


def _strength(level: Level) -> int:
    """The weakest first: levels are listed from the strongest on."""
    return -list(Level).index(level)
