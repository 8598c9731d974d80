"""Supervisor of one server: it loads weights, and brings the server back after a failure.

A server that Sparring runs is started again with the current weights. For a server that the user
runs, the supervisor waits ``vllm.patience`` seconds. A server that is back may be another process
with the weights that it was started with. So the supervisor asks each time for the label of the
weights and for the adapters, and loads what is missing.
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

_MOST_STARTS = 3
"""Number of starts in a row without a response after which the run ends."""
_MOST_STALLS = 2
"""Number of hangs in a row without a response after which a user's server counts as lost."""
_log = logging.getLogger("sparring")


class ServerLost(RunError):
    """Raised for a server that does not come back. Other servers may do its work."""


class ServerSupervisor:
    """Supervisor of one server. ``recoveries`` counts how often the server was brought back. A
    ``lost`` server did not come back and is left out until it answers again."""

    def __init__(self, settings: ServerSettings, url: str | None, log: Path) -> None:
        """Supervise the server at ``url``; without a URL, a server that Sparring starts and that
        writes to ``log``."""
        self.settings = settings
        self._url = url
        self.recoveries = 0
        self.lost = False
        self.wanted: WeightSet | None = None
        self.loads: Counter[str] = Counter()
        """Number of times that the server has loaded each weights, by name."""
        self.engines = settings.data_parallel
        """Copies of the model behind the server."""
        self.counts_tokens = True
        """Whether the server reports how many tokens it makes."""
        self.mixes_adapters = True
        """Whether requests for full weights and for adapters may be pending at the same time."""
        self._closed = False
        self._lock = threading.Lock()
        self._asleep = False
        self._failures = 0
        self._memory = GpuMemory(settings)
        self._server = VllmServer(settings, log) if url is None else None
        self._client = Client(url, settings.start_seconds) if url is not None else None

    @property
    def name(self) -> str:
        """Return the server's name for messages."""
        return self._url or "the vLLM server"

    @property
    def capacity(self) -> int:
        """Return the number of responses to request at a time."""
        return self.engines * self.settings.concurrency

    @property
    def client(self) -> Client:
        """Return the server's client. Raises `Unanswered` while the server is being restarted."""
        client = self._client
        if client is None:
            raise Unanswered("the server is not running")
        return client

    def model(self, name: str) -> str:
        """Return the name that the server uses for the weights ``name``."""
        assert self.wanted is not None
        return self.wanted.model(self.client, name)

    def connect(self, seconds: float | None) -> ResponseConnection:
        """Return a new connection. ``seconds`` is the longest time for a response; None: no limit
        but `ResponseConnection.cut`. Raises `Unanswered`."""
        return ResponseConnection(self.client.url, seconds)

    def ready(self, wanted: WeightSet) -> None:
        """Make the server serve these weights. Raises `RunError` if it cannot, and `ServerLost` if
        it does not answer."""
        with self._lock:
            self.wanted = wanted
            if self.lost and not self.client.healthy():
                raise ServerLost(f"{self.name}: the server still does not answer")
            self._serve()

    def inspect(self) -> None:
        """Find out how many engines the server has, whether it counts tokens, and what kind of
        device it computes on. Raises `Unanswered`."""
        if self.settings.lora_rank:
            # vLLM 0.32 on a CPU marks requests without an adapter by -1 and then uses -1 as an
            # index: in a batch with adapters these requests get the last adapter
            # (lora/ops/torch_ops/lora_ops.py).
            self.mixes_adapters = self.client.device() != "cpu"
        engines = self.client.engines()
        if engines and self._server is None:
            self.engines = len(engines)
        if not engines and self.counts_tokens:
            self.counts_tokens = False
            _log.warning(
                "%s: the server reports no tokens at /metrics; a response that takes longer than "
                "%g s (vllm.stall_seconds) counts as a hang",
                self.name,
                self.settings.stall_seconds,
            )

    def count_response(self) -> None:
        """Note that the server has sent a response, so its failures count from zero again."""
        self._failures = 0

    def has_other_weights(self) -> bool:
        """Return whether the server serves other weights than it was given."""
        try:
            return self.wanted is not None and not self.wanted.holds(self.client)
        except Unanswered:
            return False  # asked again before the server is next used

    def recover(self, recoveries: int, why: Unanswered, tries: int) -> None:
        """Bring the server back after a failure.

        ``recoveries`` is the value of the counter when the failed request was sent. If the counter
        has changed since, another thread has brought the server back, and nothing is done.
        ``tries`` counts the failed attempts at the request. Raises `ServerLost` if the server
        cannot be brought back.
        """
        with self._lock:
            if self.lost or self._closed:
                raise ServerLost(f"{self.name}: the server does not answer ({why})")
            if self.recoveries != recoveries:
                return
            healthy = self._client is not None and self._client.healthy()
            if healthy and not why.hung:
                time.sleep(min(5.0, 0.1 * 2**tries))
                if not self.has_other_weights():
                    return
            elif self._server is not None:
                _log.warning("the vLLM server failed (%s); starting it again", why)
                self._count_start(why)
                self._stop()
            elif healthy:
                self._count_stall(why)
            else:
                _log.warning("%s: %s; waiting for it to come back", self.name, why)
            self._serve()
            self.recoveries += 1

    def rest(self) -> None:
        """Free a shared GPU until the server is `ready` again."""
        with self._lock:
            if self.settings.share_gpu and self._client and not self._asleep:
                self._memory.sleep(self._client.sleep)
                self._asleep = True

    def close(self) -> None:
        """End the server, if Sparring runs it."""
        with self._lock:
            self._closed = True
            self._stop()

    def _serve(self) -> None:
        """Make the server serve `wanted`, with new attempts for ``vllm.patience`` seconds. Raises
        `ServerLost` if the server does not answer in this time."""
        deadline, pause = time.monotonic() + self.settings.patience, 0.2
        while True:
            try:
                self._load()
            except Unanswered as why:
                if self._server is not None:
                    self._count_start(why)
                    self._stop()  # the next attempt starts it with the weights that it did not load
                elif time.monotonic() > deadline:
                    self.lost = True
                    raise ServerLost(
                        f"{self.name}: the server does not answer ({why}), for "
                        f"{self.settings.patience:g} s (vllm.patience); is it running, and "
                        "reachable from here?"
                    ) from None
                time.sleep(pause)
                pause = min(10.0, 2 * pause)
            else:
                self.lost = False
                return

    def _count_start(self, why: Unanswered) -> None:
        """Count one more start of a server that Sparring runs. Raises `RunError` after too many
        starts without a response."""
        assert self._server is not None
        self._failures += 1
        if self._failures > _MOST_STARTS:
            raise RunError(
                f"the vLLM server fails however often it is started ({why}; "
                f"{self._server.last_words()}); see {self._server.log}"
            )

    def _count_stall(self, why: Unanswered) -> None:
        """Count one more hang of a user's server. Raises `ServerLost` if the server has sent no
        response since the last hang."""
        self._failures += 1
        if self._failures >= _MOST_STALLS:
            self.lost = True
            raise ServerLost(f"{self.name}: {why}, twice; start it again")
        _log.warning("%s: %s; asking it once more", self.name, why)

    def _load(self) -> None:
        """Start or wake the server if needed, and load the weights that it lacks. Raises
        `Unanswered` for a failure that another attempt may cure."""
        wanted = self.wanted
        assert wanted is not None
        if self._closed:
            raise ServerLost(f"{self.name}: the server is closed")
        if self._server is not None and not self._server.alive():
            if self._client is not None:
                _log.warning("the vLLM server has ended; starting it again")
            self._stop()
            self._memory.check_start()
            self._client = self._server.start(wanted.full.path)
            self._client.label(wanted.full.label)
            self.loads[wanted.full.name] += 1
        if self._asleep:
            self._memory.check_waking()
            self.client.wake()
            self._asleep = False
        self.loads.update(wanted.load(self.client, self.settings.lora_rank > 0))

    def _stop(self) -> None:
        """Stop a server that Sparring runs."""
        if self._server is not None:
            self._server.stop()
            # The client is not closed: another thread may be about to use it, and gets an error
            # of the connection.
            self._client, self._asleep = None, False
