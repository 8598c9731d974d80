"""One call of a sampler: who is asked for what, and what has come.

A thread for each response that is asked for at a time, with a connection of
its own. What a server has not answered when it dies is asked again, of itself
when it is back or of another, and what was answered is kept. Each server has
as many requests at a time as its engines are to have: what is more waits here,
where it can be asked of another.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sparring.errors import RunError, SparringError
from sparring.policy.base import Arrived, response_seed
from sparring.policy.http import Unanswered
from sparring.policy.vllm.completion import Completion
from sparring.policy.vllm.expected import ExpectedLengths
from sparring.policy.vllm.line import Line
from sparring.policy.vllm.settings import ServerSettings
from sparring.policy.vllm.station import Station, StationLost
from sparring.policy.vllm.wanted import SamplingRequest, Weights, Words
from sparring.policy.vllm.watch import Watch
from sparring.schema import Response

TRIES = 6
"""Times that one response is asked for before its failure is the run's."""


class Servers(Protocol):
    """What a call needs of its sampler."""

    stations: list[Station]
    settings: ServerSettings
    lengths: ExpectedLengths
    words: Words


@dataclass(slots=True)
class _Job:
    """One response that is wanted."""

    number: int
    index: int
    tries: int = 0


class Asking:
    """The responses of some requests, from all servers of a sampler."""

    def __init__(
        self,
        sampler: Servers,
        requests: Sequence[SamplingRequest],
        weights: Mapping[str, Weights],
        arrived: Arrived,
    ) -> None:
        """``weights`` are those of each player."""
        self.sampler = sampler
        self.stations: Sequence[Station] = sampler.stations
        self.requests = requests
        self.weights = weights
        self.arrived = arrived
        self.found: list[list[Response | None]] = [[None] * r.n for r in requests]
        self.left = sum(len(r.missing) for r in requests)
        self.waiting = self._dealt()
        self.failing = [0] * len(self.stations)
        """How many threads of each server see to it that it comes back."""
        self.stopped = False
        self.change = threading.Condition()
        self.news: queue.SimpleQueue[tuple[_Job, Completion] | SparringError | None] = (
            queue.SimpleQueue()
        )

    def all(self) -> list[list[Response]]:
        """Every response, each exactly once."""
        watches = [Watch(s, self.sampler.settings.stall_seconds) for s in self.stations]
        for place, station in enumerate(self.stations):
            watches[place].start()
            for _ in range(min(station.capacity, self.left)):
                threading.Thread(
                    target=self._work, args=(place, watches[place]), daemon=True
                ).start()
        try:
            while self.left:
                came = self.news.get()
                if came is None:
                    raise RuntimeError("a sampling thread ended early; what it said is above")
                if isinstance(came, SparringError):
                    others = any(not s.lost for s in self.stations)
                    if not (isinstance(came, StationLost) and others):
                        raise came
                else:
                    self._keep(*came)
        finally:
            with self.change:
                self.stopped = True
                self.change.notify_all()
            for watch in watches:
                watch.stop()
        return [[r for r in group if r is not None] for group in self.found]

    def _dealt(self) -> list[deque[_Job]]:
        """The jobs of each server: the longest first, by what is expected, dealt so that all have
        as much to do. All of a prompt's responses are one server's: it computes the prompt once."""
        lengths = [self.sampler.lengths.of(r.prompt) for r in self.requests]
        dealt: list[deque[_Job]] = [deque() for _ in self.stations]
        loads = [0.0] * len(dealt)
        for number in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
            place = loads.index(min(loads))
            missing = self.requests[number].missing
            dealt[place].extend(_Job(number, i) for i in missing)
            loads[place] += len(missing) * lengths[number] / self.stations[place].capacity
        return dealt

    def _keep(self, job: _Job, found: Completion) -> None:
        request = self.requests[job.number]
        response = Response(
            task_id=request.prompt.task_id,
            role=request.prompt.role,
            index=job.index,
            prompt_ids=request.prompt.token_ids,
            token_ids=found.token_ids,
            logprobs=found.logprobs,
            stop=found.stop,
            text=self.sampler.words.text(found.token_ids),
            weights=self.weights[request.player].step,
        )
        self.found[job.number][job.index] = response
        self.sampler.lengths.seen(response)
        with self.change:
            self.left -= 1
            if not self.left:
                self.change.notify_all()
        self.arrived(job.number, response)

    def _take(self, place: int) -> _Job | None:
        """The next job for a server: its own, or one of the longest other line. Waits while the
        server fails, and while there is none but a failure may still give one back; None at the
        end."""
        with self.change:
            while not self.stopped and self.left and not self.stations[place].lost:
                line = self.waiting[place] or max(self.waiting, key=len)
                if line and not self.failing[place]:
                    return line.popleft()
                self.change.wait()
        return None

    def _work(self, place: int, watch: Watch) -> None:
        """One thread of one server's. Ends with its server, or when all is done."""
        well, line = False, None
        try:
            while (job := self._take(place)) is not None:
                seen = self.stations[place].rounds
                try:
                    line = watch.line(line)
                    self.news.put((job, self._asked(place, job, line)))
                except Unanswered as why:
                    self._failed(place, job, seen, why)
                else:
                    self.stations[place].served()
            well = True
        except SparringError as error:
            well = True
            self.news.put(error)
        finally:
            if line is not None:
                watch.leave(line)
            if not well:
                self.news.put(None)

    def _asked(self, place: int, job: _Job, line: Line) -> Completion:
        request = self.requests[job.number]
        model = self.stations[place].model(self.weights[request.player].name)
        seed = response_seed(request.prompt.seed, job.index)
        return line.complete(model, request.prompt, seed, self.sampler.words.end_ids)

    def _failed(self, place: int, job: _Job, seen: int, why: Unanswered) -> None:
        """Ask again: this server when it is back, or another."""
        job.tries += 1
        station, task = self.stations[place], self.requests[job.number].prompt.task_id
        with self.change:
            self.waiting[place].append(job)
            self.failing[place] += 1
            self.change.notify_all()
        try:
            if job.tries >= TRIES:
                raise RunError(
                    f"{station.name}: task {task}: no sound response in {TRIES} tries ({why})"
                ) from None
            station.recover(seen, why, job.tries)
        finally:
            with self.change:
                self.failing[place] -= 1
                self.change.notify_all()
