"""Sampling by vLLM servers: weights brought to them, requests spread over them, none lost.

Every response is a request with a seed of its own (`response_seed`), so a
server that dies costs repetitions and nothing else (`asking`). Players whose
weights are adapters on the same whole weights are asked in one call; whole
weights are exchanged.

The same prompts, seeds and weights give the same responses up to rounding,
which on a server depends on what is computed beside it. So a resumed run
equals an uninterrupted one in what is on record, which is not sampled again,
and not to the byte in what comes after.
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
    """Weights that came to a server, and how far apart its log-probs and the trainer's are then:
    the mean over the tokens of a few short responses, in nats. ``seconds``: of the comparison."""

    weights: str
    server: str
    gap: float
    seconds: float


class VllmSampler:
    """Responses from one or several servers. Close it: a server of its own ends with it."""

    def __init__(
        self,
        settings: ServerSettings,
        words: ServedTokens,
        log: Path,
        players: Collection[str] = (),
    ) -> None:
        """Nothing is started yet, but servers that are given by URL are looked at. The newest
        weights of ``players`` are kept while others play, since they are asked again.

        Raises `RunError`: no environment, no answer, the wrong server.
        """
        self.settings = settings
        self.words = words
        self.players = players
        self.supervisors = [
            ServerSupervisor(settings, url, log) for url in settings.urls or (None,)
        ]
        self.versions: list[str] = []
        self.loadings: list[LoadingCheck] = []
        """Of this sampler, in order."""
        self.lengths = ExpectedLengths()
        self._run = secrets.token_hex(4)
        self._room: WeightsDirectory | None = None
        self._later: set[str] = set()
        """Weights, by name, that were written to be asked for after others of their player."""
        self._wanted: list[Weights] = []
        """The whole weights, then adapters."""
        self._compared: set[tuple[ServerSupervisor, str, int]] = set()
        """What was compared: a loading of weights, by number, on a server."""
        self._probes = Probes(words)
        for supervisor in self.supervisors if settings.urls else ():
            try:
                self._look(supervisor)
            except Unanswered as why:
                raise RunError(
                    f"{settings.urls_key}: {supervisor.name}: does not answer ({why}); start the "
                    "server, or mend the URL"
                ) from None

    @property
    def gap(self) -> float | None:
        """Of the latest loading."""
        return self.loadings[-1].gap if self.loadings else None

    @property
    def player(self) -> str:
        """Whose the whole weights are. Raises `IndexError` where nothing is in use yet."""
        return self._wanted[0].player

    def use(self, whole: Weights, adapters: Sequence[Weights] = ()) -> None:
        """Sample from these weights from now on: of ``whole.player``, and of the players of
        ``adapters`` on top of it. They travel when they are first needed, or with `ready`."""
        if whole.adapter or not all(a.adapter for a in adapters):
            raise ValueError("whole weights first, then adapters")
        if len(adapters) > (self.settings.loras if self.settings.lora_rank else 0):
            raise ValueError(f"{len(adapters)} adapters, for servers of {self.settings.loras}")
        self._wanted = [whole, *adapters]

    def write(self, weights: Weights, later: bool = False) -> Path:
        """Where the weights lie, written now unless they are there: no server loads them yet. To be
        used ``later`` they are kept until then, also while newer ones play. Raises `RunError`."""
        if self._room is None:
            self._room = WeightsDirectory(Path(self.settings.weights_dir).resolve())
        if later:
            self._later.add(weights.name)
        return self._room.put(weights.name, weights.size, weights.save)

    def ready(self) -> None:
        """Bring the weights to every server, unless they are there, and compare log-probs on each
        server that they came to. From here on the trainer may change its own. Raises `RunError`."""
        if not self._wanted:
            raise ValueError("no weights to sample from")
        self._drop_old()
        whole, *adapters = [ServedWeights(self._run, w.name, self.write(w)) for w in self._wanted]
        wanted = WeightSet(whole, adapters)
        self._of_each(lambda supervisor: supervisor.ready(wanted), self.supervisors)
        if not self.versions:
            self._of_each(lambda supervisor: self._repeating(supervisor, self._look))
        self._compare()

    def sample(
        self, requests: Sequence[SamplingRequest], arrived: Arrived = ignore_response
    ) -> list[list[Response]]:
        """The responses of each request, in the order of ``requests``; ``arrived`` is told of each
        as soon as it is whole, with the number of its request, by the calling thread.

        What is expected to be longest is asked for first (`expected`). All requests of one call
        share servers, those of several players too. Raises `RunError`.
        """
        known = {w.player: w for w in self._wanted}
        if strangers := {r.player for r in requests} - set(known):
            raise ValueError(f"not in use: {sorted(strangers)}")
        if any(r.n < 1 for r in requests):
            raise ValueError("n must be at least 1")
        if not requests:
            return []
        self.ready()
        found: list[list[Response]] = [[] for _ in requests]
        for part in self._parts(requests):

            def told(k: int, response: Response, part: list[int] = part) -> None:
                arrived(part[k], response)

            every = SamplingCall(self, [requests[i] for i in part], known, told).all()
            for i, responses in zip(part, every, strict=True):
                found[i] = responses
        self._compare()
        for supervisor in self.supervisors:
            if not supervisor.lost and supervisor.usurped():
                raise RunError(
                    f"{supervisor.name}: other weights were in force there while we sampled: it "
                    "was started anew, or serves another run too; a server serves one run at a time"
                )
        return found

    def rest(self) -> None:
        """Free the GPUs for the trainer, where they are shared."""
        self._of_each(lambda supervisor: self._repeating(supervisor, ServerSupervisor.rest))

    def close(self) -> None:
        """End what is ours, and remove the weights."""
        for supervisor in self.supervisors:
            supervisor.close()
        if self._room is not None:
            self._room.close()
            self._room = None

    def _parts(self, requests: Sequence[SamplingRequest]) -> list[list[int]]:
        """The numbers of requests that are asked together: all, or where a server cannot have both
        at once those of adapters, then those of the whole weights."""
        if all(s.mixes for s in self.supervisors):
            return [[*range(len(requests))]]
        adapted = [r.player != self.player for r in requests]
        parts = ([i for i, a in enumerate(adapted) if a is kind] for kind in (True, False))
        return [part for part in parts if part]

    def _drop_old(self) -> None:
        """Remove what has been followed by newer weights of the same player, and what is of a
        player who is asked no more."""
        if self._room is None:
            return
        steps = {w.player: w.step for w in self._wanted}
        self._later -= {w.name for w in self._wanted}

        def kept(name: str) -> bool:
            if name in self._later:
                return True
            player, _, step = name.rpartition("-")
            return int(step) >= steps[player] if player in steps else player in self.players

        self._room.drop(kept)
        self._probes.forget(self._room.names())

    def _look(self, supervisor: ServerSupervisor) -> None:
        w = self.words
        self.versions.append(check_identity(supervisor.client, w.encode, w.decode, w.count))
        supervisor.look()

    def _compare(self) -> None:
        """Stop the run when weights did not arrive: on every server that has loaded some since it
        was last compared, also one that came back."""
        for weights in self._wanted:
            self._compare_one(weights)

    def _compare_one(self, weights: Weights) -> None:
        loads = {s: (s, weights.name, s.loads[weights.name]) for s in self.supervisors}
        new = [s for s in self.supervisors if not s.lost and loads[s] not in self._compared]
        if not new or not self._probes.comparable(weights):
            return
        began = time.monotonic()
        came: dict[ServerSupervisor, list[Completion]] = {}

        def sampled(supervisor: ServerSupervisor) -> None:
            came[supervisor] = self._repeating(supervisor, lambda s: self._probed(s, weights))

        self._of_each(sampled, new)
        for supervisor, gap in self._probes.gaps(weights, came).items():
            seconds = time.monotonic() - began
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

    def _probed(self, supervisor: ServerSupervisor, weights: Weights) -> list[Completion]:
        """Responses of ``weights`` to the probes."""
        model, line = supervisor.model(weights.name), supervisor.line(self.settings.stall_seconds)
        try:
            ends = self.words.end_ids
            return [line.complete(model, p, p.seed, ends) for p in self._probes.prompts]
        finally:
            line.close()

    def _of_each(
        self,
        do: Callable[[ServerSupervisor], None],
        among: Sequence[ServerSupervisor] | None = None,
    ) -> None:
        """Do something with every server (default: that is not lost), all at once. One that gets
        lost in it is left out from there on, unless it is the last."""
        failures: list[ServerLost] = []

        def tried(supervisor: ServerSupervisor) -> None:
            try:
                do(supervisor)
            except ServerLost as error:
                failures.append(error)

        supervisors = among or [s for s in self.supervisors if not s.lost]
        with ThreadPoolExecutor(len(self.supervisors)) as each:
            list(each.map(tried, supervisors))
        if failures and all(s.lost for s in self.supervisors):
            raise failures[0]

    def _repeating(self, supervisor: ServerSupervisor, ask: Callable[[ServerSupervisor], T]) -> T:
        """An answer from a server that may fail on the way."""
        for tries in range(TRIES):
            seen = supervisor.rounds
            try:
                return ask(supervisor)
            except Unanswered as why:
                supervisor.recover(seen, why, tries)
                last = why
        raise RunError(f"{supervisor.name}: fails again and again ({last})")
