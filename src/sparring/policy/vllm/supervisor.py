"""A server with what it has loaded, and how it comes back when it fails.

One of our own is started again with the weights that were in force. One that
somebody else runs is waited for, `vllm.patience` seconds; when it is back it
may be another process, with the weights it was started with, so what it has
loaded is asked each time: it holds our label and our adapters, or it gets
them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from pathlib import Path

from sparring.errors import RunError
from sparring.policy.http import Unanswered
from sparring.policy.vllm.client import Client
from sparring.policy.vllm.connection import ResponseConnection
from sparring.policy.vllm.gpu import GpuMemory
from sparring.policy.vllm.loading import WeightSet
from sparring.policy.vllm.server import VllmServer
from sparring.policy.vllm.settings import ServerSettings

_FRUITLESS = 3
"""Starts in a row without a single response, after which another will not help."""
_STALLS = 2
"""Hangs in a row without a single response, after which a server of yours is left alone."""
_log = logging.getLogger("sparring")


class ServerLost(RunError):
    """This server does not come back. Others may do its work."""


class ServerSupervisor:
    """One server. ``rounds`` counts how often it had to come back; a ``lost`` one did not, and is
    left out until it answers again."""

    def __init__(self, settings: ServerSettings, url: str | None, log: Path) -> None:
        """The server at ``url``, or without one a server of our own that writes to ``log``."""
        self.settings = settings
        self._url = url
        self.rounds = 0
        self.lost = False
        self.wanted: WeightSet | None = None
        self.loads: Counter[str] = Counter()
        """How often each weights have come to it, by name."""
        self.engines = settings.data_parallel
        """Copies of the model behind it."""
        self.counts_tokens = True
        """Whether it says how many tokens it makes."""
        self.mixes = True
        """Whether requests of the whole weights and of adapters may be there at the same time."""
        self._closed = False
        self._lock = threading.Lock()
        self._asleep = False
        self._fruitless = 0
        self._memory = GpuMemory(settings)
        self._server = VllmServer(settings, log) if url is None else None
        self._client = Client(url, settings.start_seconds) if url is not None else None

    @property
    def name(self) -> str:
        """The server, for people."""
        return self._url or "the vLLM server"

    @property
    def capacity(self) -> int:
        """Responses that it is asked for at a time."""
        return self.engines * self.settings.concurrency

    @property
    def client(self) -> Client:
        """How to speak with it. Raises `Unanswered` while it is being started again."""
        client = self._client
        if client is None:
            raise Unanswered("it is not running")
        return client

    def model(self, name: str) -> str:
        """What the server calls the weights ``name``."""
        assert self.wanted is not None
        return self.wanted.model(self.client, name)

    def line(self, seconds: float | None) -> ResponseConnection:
        """A connection on which a response may take so long; None: as long as nobody cuts it.
        Raises `Unanswered`."""
        return ResponseConnection(self.client.url, seconds)

    def ready(self, wanted: WeightSet) -> None:
        """Have it serve with these weights. Raises `RunError` when it cannot, `ServerLost` when
        it does not answer."""
        with self._lock:
            self.wanted = wanted
            if self.lost and not self.client.healthy():
                raise ServerLost(f"{self.name}: still does not answer")
            self._insist()

    def look(self) -> None:
        """Ask how many engines it has, whether it counts tokens, and what it computes on. Raises
        `Unanswered`."""
        if self.settings.lora_rank:
            # vLLM 0.32 on a CPU takes "no adapter" (-1) for an index, the last adapter's, in
            # batches that have others (lora/ops/torch_ops/lora_ops.py).
            self.mixes = self.client.device() != "cpu"
        found = self.client.engines()
        if found and self._server is None:
            self.engines = len(found)
        if not found and self.counts_tokens:
            self.counts_tokens = False
            _log.warning(
                "%s: says at /metrics nothing of the tokens it makes; a response that takes longer "
                "than %g s (vllm.stall_seconds) counts as a hang",
                self.name,
                self.settings.stall_seconds,
            )

    def served(self) -> None:
        """A response came."""
        self._fruitless = 0

    def usurped(self) -> bool:
        """Whether it serves with other weights than those it was given."""
        try:
            return self.wanted is not None and not self.wanted.holds(self.client)
        except Unanswered:
            return False  # it will be asked when it is next needed

    def recover(self, seen: int, why: Unanswered, tries: int) -> None:
        """Have it serve again after a failure. ``seen`` is the round in which that happened: if
        another thread has seen to it since, nothing is done. ``tries``: of the request.

        Raises `ServerLost` when it cannot be brought back.
        """
        with self._lock:
            if self.lost or self._closed:
                raise ServerLost(f"{self.name}: does not answer ({why})")
            if self.rounds != seen:
                return
            well = self._client is not None and self._client.healthy()
            if well and not why.hung:
                time.sleep(min(5.0, 0.1 * 2**tries))
                if not self.usurped():
                    return
            elif self._server is not None:
                _log.warning("the vLLM server failed (%s); starting it again", why)
                self._count_start(why)
                self._end()
            elif well:
                self._count_stall(why)
            else:
                _log.warning("%s: %s; waiting for it to come back", self.name, why)
            self._insist()
            self.rounds += 1

    def rest(self) -> None:
        """Free the GPU until the server is `ready` again, if it is shared."""
        with self._lock:
            if self.settings.share_gpu and self._client and not self._asleep:
                self._memory.sleep(self._client.sleep)
                self._asleep = True

    def close(self) -> None:
        """End it, if it is ours."""
        with self._lock:
            self._closed = True
            self._end()

    def _insist(self) -> None:
        """Try for as long as patience says: what does not answer now may do so later."""
        deadline, pause = time.monotonic() + self.settings.patience, 0.2
        while True:
            try:
                self._put_in_force()
            except Unanswered as why:
                if self._server is not None:
                    self._count_start(why)
                    self._end()  # and start it with the weights that it did not load
                elif time.monotonic() > deadline:
                    self.lost = True
                    raise ServerLost(
                        f"{self.name}: does not answer ({why}), for {self.settings.patience:g} s "
                        "(vllm.patience); is it running, and reachable from here?"
                    ) from None
                time.sleep(pause)
                pause = min(10.0, 2 * pause)
            else:
                self.lost = False
                return

    def _count_start(self, why: Unanswered) -> None:
        """One more start of a server of our own. Raises `RunError` when that does not help."""
        assert self._server is not None
        self._fruitless += 1
        if self._fruitless > _FRUITLESS:
            raise RunError(
                f"the vLLM server fails however often it is started ({why}; "
                f"{self._server.last_words()}); see {self._server.log}"
            )

    def _count_stall(self, why: Unanswered) -> None:
        """One more hang of a server that is not ours to start. Raises `ServerLost` when it has
        answered nothing since the last."""
        self._fruitless += 1
        if self._fruitless >= _STALLS:
            self.lost = True
            raise ServerLost(f"{self.name}: {why}, twice; start it again")
        _log.warning("%s: %s; asking it once more", self.name, why)

    def _put_in_force(self) -> None:
        wanted = self.wanted
        assert wanted is not None
        if self._closed:
            raise ServerLost(f"{self.name}: is closed")
        if self._server is not None and not self._server.alive():
            if self._client is not None:
                _log.warning("the vLLM server has ended; starting it again")
            self._end()
            self._memory.check_start()
            self._client = self._server.start(wanted.whole.path)
            self._client.label(wanted.whole.label)
            self.loads[wanted.whole.name] += 1
        if self._asleep:
            self._memory.check_waking()
            self.client.wake()
            self._asleep = False
        self.loads.update(wanted.load(self.client, self.settings.lora_rank > 0))

    def _end(self) -> None:
        if self._server is not None:
            self._server.stop()
            # Not closed: another thread may be about to use it, and finds nobody there.
            self._client, self._asleep = None, False
