"""Sampling by vLLM servers: weights brought to them, requests spread over them, none lost.

Every response is a request with a seed of its own (`response_seed`), so a
server that dies costs repetitions and nothing else: what it had not answered
is asked again, of itself when it is back or of another, and what was answered
is kept. Each server has ``concurrency`` requests at a time: what is more
waits here, where it can be asked of another.

The same prompts, seeds and weights give the same responses up to rounding,
which on a server depends on what is computed beside it. So a resumed run
equals an uninterrupted one in what is on record, which is not sampled again,
and not to the byte in what comes after.
"""

from __future__ import annotations

import queue
import secrets
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sparring.errors import RunError, SparringError
from sparring.sampling.base import Arrived, Prompt, unheeded
from sparring.sampling.vllm.check import Decode, Encode, Score, check_identity, logprob_gap, probes
from sparring.sampling.vllm.client import Completion, Unanswered, response_seed
from sparring.sampling.vllm.settings import VllmSettings
from sparring.sampling.vllm.station import Loaded, Station, StationLost
from sparring.sampling.vllm.weights import WeightsRoom
from sparring.schema import Response

T = TypeVar("T")
_TRIES = 6
"""Times that one response is asked for before its failure is the run's."""


@dataclass(frozen=True, slots=True)
class Words:
    """The trained model's tokens: texts to ids and back, how many there are, which end a
    response. ``text`` is a response's, without special tokens that are no marks of reasoning;
    ``decode`` leaves out nothing."""

    encode: Encode
    decode: Decode
    text: Decode
    count: int
    end_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights to sample from. ``player`` and ``step`` name them; ``step`` is the training step
    that made them, 0 the start. ``save`` writes a checkpoint of about ``size`` bytes."""

    player: str
    step: int
    size: int
    save: Callable[[Path], None]
    score: Score

    @property
    def name(self) -> str:
        return f"{self.player}-{self.step}"


@dataclass(slots=True)
class _Job:
    """One response that is wanted."""

    number: int
    index: int
    tries: int = 0


class VllmSampler:
    """A `Sampler` over one or several servers. Close it: a server of its own ends with it."""

    def __init__(
        self, settings: VllmSettings, words: Words, log: Path, players: Collection[str] = ()
    ) -> None:
        """Nothing is started yet, but servers that are given by URL are looked at. The newest
        weights of ``players`` are kept while others play, since they are asked again.

        Raises `RunError`: no environment, no answer, the wrong server.
        """
        self.settings = settings
        self.words = words
        self.players = players
        self.stations = [Station(settings, url, log) for url in settings.urls or (None,)]
        self.versions: list[str] = []
        self.gap: float | None = None
        """As last measured."""
        self._run = secrets.token_hex(4)
        self._room: WeightsRoom | None = None
        self._wanted: Weights | None = None
        self._checked: dict[Station, int] = {}
        """The loading of each server after which it was compared."""
        self._probes: list[Prompt] = []
        for station in self.stations if settings.urls else ():
            try:
                self._look(station)
            except Unanswered as why:
                raise RunError(
                    f"vllm.urls: {station.name}: does not answer ({why}); start the server, or "
                    "mend the URL"
                ) from None

    def use(self, weights: Weights) -> None:
        """Sample from these weights from now on. They travel when they are first needed."""
        self._wanted = weights

    def ready(self) -> None:
        """Bring the weights to every server, unless they are there. Raises `RunError`."""
        weights = self._wanted
        if weights is None:
            raise ValueError("no weights to sample from")
        if self._room is None:
            self._room = WeightsRoom(self.settings.weights_dir.resolve())
        path = self._room.put(weights.name, weights.size, weights.save)
        loaded = Loaded(f"{self._run}:{weights.name}", path)
        self._of_each(lambda station: station.ready(loaded), self.stations)
        if not self.versions:
            self._of_each(lambda station: self._repeating(station, self._look))
        others = set(self.players) - {weights.player}
        self._room.drop(lambda n: n == weights.name or n.rpartition("-")[0] in others)

    def sample(
        self, prompts: Sequence[Prompt], n: int, arrived: Arrived = unheeded
    ) -> list[list[Response]]:
        """See `Sampler.sample`. Raises `RunError`."""
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        if not prompts:
            return []
        self.ready()
        self._check(prompts)
        found = _Asking(self, prompts, n, arrived).all()
        self._check(prompts)
        for station in self.stations:
            if not station.lost and station.usurped():
                raise RunError(
                    f"{station.name}: other weights were in force there while we sampled: it was "
                    "started anew, or serves another run too; a server serves one run at a time"
                )
        return found

    def response(self, prompt: Prompt, index: int, found: Completion) -> Response:
        """A completion as a response, with the weights that it is of."""
        assert self._wanted is not None
        return Response(
            task_id=prompt.task_id,
            role=prompt.role,
            index=index,
            prompt_ids=prompt.token_ids,
            token_ids=found.token_ids,
            logprobs=found.logprobs,
            stop=found.stop,
            text=self.words.text(found.token_ids),
            weights=self._wanted.step,
        )

    def rest(self) -> None:
        """Free the GPUs for the trainer, where they are shared."""
        self._of_each(lambda station: self._repeating(station, Station.rest))

    def close(self) -> None:
        """End what is ours, and remove the weights."""
        for station in self.stations:
            station.close()
        if self._room is not None:
            self._room.close()
            self._room = None

    def _look(self, station: Station) -> None:
        w = self.words
        self.versions.append(check_identity(station.client, w.encode, w.decode, w.count))

    def _check(self, prompts: Sequence[Prompt]) -> None:
        """Stop the run when the weights did not arrive: on every server that has loaded some since
        it was last compared, also one that came back."""
        self._probes = self._probes or probes(prompts)
        new = [s for s in self.stations if not s.lost and self._checked.get(s) != s.loads]
        if new:
            self._of_each(lambda station: self._repeating(station, self._compare), new)

    def _compare(self, station: Station) -> None:
        weights, ends, loads = self._wanted, self.words.end_ids, station.loads
        assert weights is not None
        at_once = self.settings.concurrency
        self.gap = gap = logprob_gap(station.client, self._probes, ends, weights.score, at_once)
        if not gap <= self.settings.max_gap:
            raise RunError(
                f"step {weights.step}: the log-probs of {station.name} are {gap:.3g} away from the "
                f"trainer's (vllm.max_gap {self.settings.max_gap:g}): its weights are not those of "
                "this step, or it computes something else (look at --logprobs-mode, vllm.dtype, "
                "and the server's log)"
            )
        self._checked[station] = loads

    def _of_each(
        self, do: Callable[[Station], None], among: Sequence[Station] | None = None
    ) -> None:
        """Do something with every server (default: that is not lost), all at once. One that gets
        lost in it is left out from there on, unless it is the last."""
        failures: list[StationLost] = []

        def tried(station: Station) -> None:
            try:
                do(station)
            except StationLost as error:
                failures.append(error)

        stations = among or [s for s in self.stations if not s.lost]
        with ThreadPoolExecutor(len(self.stations)) as each:
            list(each.map(tried, stations))
        if failures and all(s.lost for s in self.stations):
            raise failures[0]

    def _repeating(self, station: Station, ask: Callable[[Station], T]) -> T:
        """An answer from a server that may fail on the way."""
        for tries in range(_TRIES):
            seen = station.rounds
            try:
                return ask(station)
            except Unanswered as why:
                station.recover(seen, why, tries)
                last = why
        raise RunError(f"{station.name}: fails again and again ({last})")


class _Asking:
    """One call of `VllmSampler.sample`: who is asked for what, and what has come."""

    def __init__(
        self, sampler: VllmSampler, prompts: Sequence[Prompt], n: int, arrived: Arrived
    ) -> None:
        self.sampler = sampler
        self.prompts = prompts
        self.arrived = arrived
        self.found: list[list[Response | None]] = [[None] * n for _ in prompts]
        self.left = len(prompts) * n
        stations = sampler.stations
        # All of a prompt's responses at one server: it computes the prompt once.
        self.waiting: list[deque[_Job]] = [deque() for _ in stations]
        for number in range(len(prompts)):
            self.waiting[number % len(stations)].extend(_Job(number, i) for i in range(n))
        self.stopped = False
        self.change = threading.Condition()
        self.news: queue.SimpleQueue[tuple[_Job, Completion] | SparringError | None] = (
            queue.SimpleQueue()
        )

    def all(self) -> list[list[Response]]:
        """Every response, each exactly once."""
        stations = self.sampler.stations
        each = min(self.sampler.settings.concurrency, self.left)
        for place in range(len(stations)):
            for _ in range(each):
                threading.Thread(target=self._work, args=(place,), daemon=True).start()
        try:
            while self.left:
                came = self.news.get()
                if came is None:
                    raise RuntimeError("a sampling thread ended early; what it said is above")
                if isinstance(came, SparringError):
                    others = any(not s.lost for s in stations)
                    if not (isinstance(came, StationLost) and others):
                        raise came
                else:
                    self._keep(*came)
        finally:
            with self.change:
                self.stopped = True
                self.change.notify_all()
        return [[r for r in group if r is not None] for group in self.found]

    def _keep(self, job: _Job, found: Completion) -> None:
        response = self.sampler.response(self.prompts[job.number], job.index, found)
        self.found[job.number][job.index] = response
        with self.change:
            self.left -= 1
            if not self.left:
                self.change.notify_all()
        self.arrived(job.number, response)

    def _take(self, place: int) -> _Job | None:
        """The next job for a server: its own, or one of the longest other line. Waits while there
        is none but a failure may still give one back; None at the end."""
        with self.change:
            while not self.stopped and self.left and not self.sampler.stations[place].lost:
                line = self.waiting[place] or max(self.waiting, key=len)
                if line:
                    return line.popleft()
                self.change.wait()
        return None

    def _give_back(self, place: int, job: _Job) -> None:
        with self.change:
            self.waiting[place].append(job)
            self.change.notify_all()

    def _work(self, place: int) -> None:
        """One thread of one server's. Ends with its server, or when all is done."""
        station, well = self.sampler.stations[place], False
        try:
            while (job := self._take(place)) is not None:
                prompt, seen = self.prompts[job.number], station.rounds
                seed = response_seed(prompt.seed, job.index)
                try:
                    found = station.client.complete(prompt, seed, self.sampler.words.end_ids)
                except Unanswered as why:
                    job.tries += 1
                    self._give_back(place, job)
                    if job.tries >= _TRIES:
                        raise RunError(
                            f"{station.name}: task {prompt.task_id}: no sound response in {_TRIES} "
                            f"tries ({why})"
                        ) from None
                    station.recover(seen, why, job.tries)
                    continue
                station.served()
                self.news.put((job, found))
            well = True
        except SparringError as error:
            well = True
            self.news.put(error)
        finally:
            if not well:
                self.news.put(None)
