"""Sampling by vLLM servers: weights are loaded, and requests are spread over the servers.

Every response is a request with a seed of its own (`response_seed`). So if a server dies, its
pending requests are repeated and nothing else is lost (`sampling_call`). Players whose weights are
adapters on the same full weights are asked in one call. For a player with other full weights, the
servers load those weights.

Equal prompts, seeds and weights give equal responses up to rounding, which on a server depends on
the other requests in the batch. So a resumed run has the same recorded responses as an
uninterrupted run, because they are not sampled again. Later responses are not equal to the byte.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sparring.errors import RunError
from sparring.policy.base import Arrived, ignore_response
from sparring.policy.http import Unanswered
from sparring.policy.vllm.check import check_identity
from sparring.policy.vllm.completion import Completion
from sparring.policy.vllm.expected import ExpectedLengths
from sparring.policy.vllm.loading import ServedWeights, WeightSet
from sparring.policy.vllm.probes import Probes
from sparring.policy.vllm.requests import SamplingRequest, ServedTokens, Weights
from sparring.policy.vllm.sampling_call import TRIES, SamplingCall
from sparring.policy.vllm.settings import ServerSettings
from sparring.policy.vllm.supervisor import ServerLost, ServerSupervisor
from sparring.policy.vllm.weights import WeightsDirectory
from sparring.schema import Response

T = TypeVar("T")
_log = logging.getLogger("sparring")


@dataclass(frozen=True, slots=True)
class LoadingCheck:
    """Comparison after a server has loaded weights. ``gap`` is the mean absolute difference between
    its log-probs and the trainer's over the tokens of a few short responses, in nats; ``seconds``
    is the duration of the comparison."""

    weights: str
    server: str
    gap: float
    seconds: float


class VllmSampler:
    """Sampler over one or several servers. `close` ends a server that Sparring has started."""

    def __init__(
        self,
        settings: ServerSettings,
        tokens: ServedTokens,
        log: Path,
        players: Collection[str] = (),
    ) -> None:
        """Check the servers that are given by URL; a server of our own is started later. The newest
        weights of ``players`` are kept while other players are asked.

        Raises `RunError` if there is no environment, or if a server does not answer or is not
        suitable.
        """
        self.settings = settings
        self.tokens = tokens
        self.players = players
        self.supervisors = [
            ServerSupervisor(settings, url, log) for url in settings.urls or (None,)
        ]
        self.versions: list[str] = []
        self.loadings: list[LoadingCheck] = []
        """Comparisons so far, in order."""
        self.lengths = ExpectedLengths()
        self._run = secrets.token_hex(4)
        self._directory: WeightsDirectory | None = None
        self._for_later: set[str] = set()
        """Names of weights that were written for use after other weights of their player."""
        self._in_use: list[Weights] = []
        """Weights in use: the full weights, then adapters."""
        self._compared: set[tuple[ServerSupervisor, str, int]] = set()
        """Loadings that were compared: server, name of the weights, number of the loading."""
        self._probes = Probes(tokens)
        for supervisor in self.supervisors if settings.urls else ():
            try:
                self._inspect(supervisor)
            except Unanswered as why:
                raise RunError(
                    f"{settings.urls_key}: {supervisor.name}: the server does not answer ({why}); "
                    "start it, or mend the URL"
                ) from None

    @property
    def gap(self) -> float | None:
        """Return the gap of the latest comparison; None before the first."""
        return self.loadings[-1].gap if self.loadings else None

    @property
    def player(self) -> str:
        """Return the player of the full weights. Raises `IndexError` if no weights are in use."""
        return self._in_use[0].player

    def use(self, full: Weights, adapters: Sequence[Weights] = ()) -> None:
        """Sample from these weights from now on. The player of ``full`` samples from ``full``
        alone, the player of each adapter from ``full`` with this adapter. Servers load the weights
        in `ready`, or when they are first needed."""
        if full.adapter or not all(a.adapter for a in adapters):
            raise ValueError("full weights must come first, then adapters")
        if len(adapters) > (self.settings.loras if self.settings.lora_rank else 0):
            raise ValueError(
                f"{len(adapters)} adapters are too many: the servers hold {self.settings.loras}"
            )
        self._in_use = [full, *adapters]

    def write(self, weights: Weights, later: bool = False) -> Path:
        """Write the weights, unless they are written already, and return their path. No server
        loads them yet. Weights for ``later`` are kept until they are used, even if newer weights
        are used before them. Raises `RunError`."""
        if self._directory is None:
            self._directory = WeightsDirectory(Path(self.settings.weights_dir).resolve())
        if later:
            self._for_later.add(weights.name)
        return self._directory.put(weights.name, weights.size, weights.save)

    def ready(self) -> None:
        """Make every server load the weights that it lacks, and compare log-probs on each server
        that has loaded some. Afterwards the trainer may change its weights. Raises `RunError`."""
        if not self._in_use:
            raise ValueError("no weights are in use; call `use` first")
        self._drop_old()
        full, *adapters = [ServedWeights(self._run, w.name, self.write(w)) for w in self._in_use]
        weight_set = WeightSet(full, adapters)
        self._on_each(lambda supervisor: supervisor.ready(weight_set), self.supervisors)
        if not self.versions:
            self._on_each(lambda supervisor: self._with_retries(supervisor, self._inspect))
        self._compare()

    def sample(
        self, requests: Sequence[SamplingRequest], arrived: Arrived = ignore_response
    ) -> list[list[Response]]:
        """Return the responses to each request, in the order of ``requests``.

        ``arrived`` is called on the calling thread with the index of a request and each response,
        as soon as the response is complete. Responses expected to be longest are requested first
        (`expected`). All requests of one call share the servers, also those of different players.
        Raises `RunError`.
        """
        by_player = {w.player: w for w in self._in_use}
        if unknown := {r.player for r in requests} - set(by_player):
            raise ValueError(f"no weights are in use for {sorted(unknown)}")
        if any(r.n < 1 for r in requests):
            raise ValueError("n must be at least 1")
        if not requests:
            return []
        self.ready()
        groups: list[list[Response]] = [[] for _ in requests]
        for part in self._parts(requests):

            def of_part(k: int, response: Response, part: list[int] = part) -> None:
                arrived(part[k], response)

            call = SamplingCall(self, [requests[i] for i in part], by_player, of_part)
            for i, responses in zip(part, call.all(), strict=True):
                groups[i] = responses
        self._compare()
        for supervisor in self.supervisors:
            if not supervisor.lost and supervisor.has_other_weights():
                raise RunError(
                    f"{supervisor.name}: the server had other weights during sampling: it was "
                    "started anew, or serves another run too; use a server for one run at a time"
                )
        return groups

    def rest(self) -> None:
        """Free GPUs that servers share with the trainer, until the next request."""
        self._on_each(lambda supervisor: self._with_retries(supervisor, ServerSupervisor.rest))

    def close(self) -> None:
        """End servers that Sparring has started, and remove the written weights."""
        for supervisor in self.supervisors:
            supervisor.close()
        if self._directory is not None:
            self._directory.close()
            self._directory = None

    def _parts(self, requests: Sequence[SamplingRequest]) -> list[list[int]]:
        """Return the indices of requests that are sent together: all, or, if a server cannot have
        both kinds at once, those for adapters and then those for the full weights."""
        if all(s.mixes_adapters for s in self.supervisors):
            return [[*range(len(requests))]]
        adapted = [r.player != self.player for r in requests]
        parts = ([i for i, a in enumerate(adapted) if a is kind] for kind in (True, False))
        return [part for part in parts if part]

    def _drop_old(self) -> None:
        """Remove written weights if newer weights of the same player exist, or if the player is no
        longer asked."""
        if self._directory is None:
            return
        steps = {w.player: w.step for w in self._in_use}
        self._for_later -= {w.name for w in self._in_use}

        def keep(name: str) -> bool:
            if name in self._for_later:
                return True
            player, _, step = name.rpartition("-")
            return int(step) >= steps[player] if player in steps else player in self.players

        self._directory.drop(keep)
        self._probes.forget(self._directory.names())

    def _inspect(self, supervisor: ServerSupervisor) -> None:
        """Check a server's identity and record its version."""
        w = self.tokens
        self.versions.append(check_identity(supervisor.client, w.encode, w.decode, w.count))
        supervisor.inspect()

    def _compare(self) -> None:
        """Compare log-probs on every server that has loaded weights since its last comparison.
        Raises `RunError` if the weights did not arrive."""
        for weights in self._in_use:
            self._compare_one(weights)

    def _compare_one(self, weights: Weights) -> None:
        loads = {s: (s, weights.name, s.loads[weights.name]) for s in self.supervisors}
        new = [s for s in self.supervisors if not s.lost and loads[s] not in self._compared]
        if not new or not self._probes.comparable(weights):
            return
        started = time.monotonic()
        answers: dict[ServerSupervisor, list[Completion]] = {}

        def sample_probes(supervisor: ServerSupervisor) -> None:
            answers[supervisor] = self._with_retries(supervisor, lambda s: self._probe(s, weights))

        self._on_each(sample_probes, new)
        for supervisor, gap in self._probes.gaps(weights, answers).items():
            seconds = time.monotonic() - started
            self.loadings.append(LoadingCheck(weights.name, supervisor.name, gap, seconds))
            _log.info("%s on %s: log-probs are %.3g apart", weights.name, supervisor.name, gap)
            if not gap <= self.settings.max_gap:
                raise RunError(
                    f"step {weights.step}: the log-probs of {supervisor.name} are {gap:.3g} away "
                    f"from the trainer's (vllm.max_gap {self.settings.max_gap:g}): its weights are "
                    f"not those of this step ({weights.name}), or it computes something else (look "
                    "at --logprobs-mode, vllm.dtype, and the server's log)"
                )
            self._compared.add(loads[supervisor])

    def _probe(self, supervisor: ServerSupervisor, weights: Weights) -> list[Completion]:
        """Return a server's responses to the probe prompts, from ``weights``."""
        model = supervisor.model(weights.name)
        connection = supervisor.connect(self.settings.stall_seconds)
        try:
            ends = self.tokens.end_ids
            return [connection.complete(model, p, p.seed, ends) for p in self._probes.prompts]
        finally:
            connection.close()

    def _on_each(
        self,
        do: Callable[[ServerSupervisor], None],
        among: Sequence[ServerSupervisor] | None = None,
    ) -> None:
        """Call ``do`` for every server (default: every server that is not lost), all at the same
        time. A server that gets lost is left out from then on. Raises `ServerLost` if all are
        lost."""
        failures: list[ServerLost] = []

        def attempt(supervisor: ServerSupervisor) -> None:
            try:
                do(supervisor)
            except ServerLost as error:
                failures.append(error)

        supervisors = among or [s for s in self.supervisors if not s.lost]
        with ThreadPoolExecutor(len(self.supervisors)) as each:
            list(each.map(attempt, supervisors))
        if failures and all(s.lost for s in self.supervisors):
            raise failures[0]

    def _with_retries(
        self, supervisor: ServerSupervisor, ask: Callable[[ServerSupervisor], T]
    ) -> T:
        """Return the value of ``ask``; after a failure bring the server back and try again."""
        for tries in range(TRIES):
            recoveries = supervisor.recoveries
            try:
                return ask(supervisor)
            except Unanswered as why:
                supervisor.recover(recoveries, why, tries)
                last = why
        raise RunError(f"{supervisor.name}: the server failed {TRIES} times in a row ({last})")
