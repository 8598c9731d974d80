"""One sampling call: distribution of its requests over the servers, and collection of responses.

Each pending request has a thread and a connection of its own. If a server dies, its unanswered
requests are sent again, to the same server once it is back or to another server. Received responses
are kept. A server gets only as many requests at a time as its engines can hold. Further requests
wait here, where any server can take them.
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
from sparring.policy.vllm.connection import ResponseConnection
from sparring.policy.vllm.expected import ExpectedLengths
from sparring.policy.vllm.requests import SamplingRequest, ServedTokens, Weights
from sparring.policy.vllm.settings import ServerSettings
from sparring.policy.vllm.stall_watch import StallWatch
from sparring.policy.vllm.supervisor import ServerLost, ServerSupervisor
from sparring.schema import Response

TRIES = 6
"""Attempts at one response; if all fail, the run fails."""


class Servers(Protocol):
    """Part of the sampler that a sampling call needs."""

    supervisors: list[ServerSupervisor]
    settings: ServerSettings
    lengths: ExpectedLengths
    tokens: ServedTokens


@dataclass(slots=True)
class _Job:
    """One response to sample: the index of its request, its own index, and the failed attempts."""

    number: int
    index: int
    tries: int = 0


class SamplingCall:
    """One call that samples the responses to some requests on all servers of a sampler."""

    def __init__(
        self,
        sampler: Servers,
        requests: Sequence[SamplingRequest],
        weights: Mapping[str, Weights],
        arrived: Arrived,
    ) -> None:
        """``weights`` are by player; ``arrived`` is called with each response."""
        self.sampler = sampler
        self.supervisors: Sequence[ServerSupervisor] = sampler.supervisors
        self.requests = requests
        self.weights = weights
        self.arrived = arrived
        self.responses: list[list[Response | None]] = [[None] * r.n for r in requests]
        """By request; None where a response is missing."""
        self.missing = sum(len(r.missing) for r in requests)
        """Number of responses still to come."""
        self.waiting = self._dealt()
        """Jobs that no thread has taken, by server."""
        self.failing = [0] * len(self.supervisors)
        """By server: number of threads that are bringing it back after a failure."""
        self.stopped = False
        self.changed = threading.Condition()
        """Guards all of the above; notified when one of them changes."""
        self.results: queue.SimpleQueue[tuple[_Job, Completion] | SparringError | None] = (
            queue.SimpleQueue()
        )
        """Results of the threads; None from a thread that an unexpected error has ended."""

    def all(self) -> list[list[Response]]:
        """Sample all missing responses, each exactly once, and return them by request. Raises
        `RunError` if a response fails in all attempts or no server is left."""
        watches = [StallWatch(s, self.sampler.settings.stall_seconds) for s in self.supervisors]
        for place, supervisor in enumerate(self.supervisors):
            watches[place].start()
            for _ in range(min(supervisor.capacity, self.missing)):
                threading.Thread(
                    target=self._work, args=(place, watches[place]), daemon=True
                ).start()
        try:
            while self.missing:
                item = self.results.get()
                if item is None:
                    raise RuntimeError("a sampling thread ended early: its error is printed above")
                if isinstance(item, SparringError):
                    others = any(not s.lost for s in self.supervisors)
                    if not (isinstance(item, ServerLost) and others):
                        raise item
                else:
                    self._keep(*item)
        finally:
            with self.changed:
                self.stopped = True
                self.changed.notify_all()
            for watch in watches:
                watch.stop()
        return [[r for r in group if r is not None] for group in self.responses]

    def _dealt(self) -> list[deque[_Job]]:
        """Return the jobs of each server, those expected to be longest first, so that all servers
        have about the same work. All responses to a prompt go to one server, which computes the
        prompt once."""
        lengths = [self.sampler.lengths.of(r.prompt) for r in self.requests]
        dealt: list[deque[_Job]] = [deque() for _ in self.supervisors]
        loads = [0.0] * len(dealt)
        for number in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
            place = loads.index(min(loads))
            missing = self.requests[number].missing
            dealt[place].extend(_Job(number, i) for i in missing)
            loads[place] += len(missing) * lengths[number] / self.supervisors[place].capacity
        return dealt

    def _keep(self, job: _Job, completion: Completion) -> None:
        """Store a completion as a response and report it."""
        request = self.requests[job.number]
        response = Response(
            task_id=request.prompt.task_id,
            role=request.prompt.role,
            index=job.index,
            prompt_ids=request.prompt.token_ids,
            token_ids=completion.token_ids,
            logprobs=completion.logprobs,
            stop=completion.stop,
            text=self.sampler.tokens.text(completion.token_ids),
            weights=self.weights[request.player].step,
        )
        self.responses[job.number][job.index] = response
        self.sampler.lengths.seen(response)
        with self.changed:
            self.missing -= 1
            if not self.missing:
                self.changed.notify_all()
        self.arrived(job.number, response)

    def _take(self, place: int) -> _Job | None:
        """Return the next job for a server, from its own queue or from the longest queue.

        Waits while the server is failing. Without a job, waits as long as responses are missing,
        because a failed attempt elsewhere may return its job. Returns None at the end of the call,
        or if the server is lost.
        """
        with self.changed:
            while not self.stopped and self.missing and not self.supervisors[place].lost:
                jobs = self.waiting[place] or max(self.waiting, key=len)
                if jobs and not self.failing[place]:
                    return jobs.popleft()
                self.changed.wait()
        return None

    def _work(self, place: int, watch: StallWatch) -> None:
        """Send jobs to one server, one at a time, on a thread. Ends with the server or the call."""
        ended_well, connection = False, None
        try:
            while (job := self._take(place)) is not None:
                recoveries = self.supervisors[place].recoveries
                try:
                    connection = watch.connection(connection)
                    self.results.put((job, self._complete(place, job, connection)))
                except Unanswered as why:
                    self._recover(place, job, recoveries, why)
                else:
                    self.supervisors[place].count_response()
            ended_well = True
        except SparringError as error:
            ended_well = True
            self.results.put(error)
        finally:
            if connection is not None:
                watch.close(connection)
            if not ended_well:
                self.results.put(None)

    def _complete(self, place: int, job: _Job, connection: ResponseConnection) -> Completion:
        """Request the response of a job."""
        request = self.requests[job.number]
        model = self.supervisors[place].model(self.weights[request.player].name)
        seed = response_seed(request.prompt.seed, job.index)
        return connection.complete(model, request.prompt, seed, self.sampler.tokens.end_ids)

    def _recover(self, place: int, job: _Job, recoveries: int, why: Unanswered) -> None:
        """Return a failed job to the queue and bring the server back. ``recoveries`` is the
        server's count from when the job was sent."""
        job.tries += 1
        supervisor, task = self.supervisors[place], self.requests[job.number].prompt.task_id
        with self.changed:
            self.waiting[place].append(job)
            self.failing[place] += 1
            self.changed.notify_all()
        try:
            if job.tries >= TRIES:
                raise RunError(
                    f"{supervisor.name}: task {task}: no valid response in {TRIES} attempts ({why})"
                ) from None
            supervisor.recover(recoveries, why, job.tries)
        finally:
            with self.changed:
                self.failing[place] -= 1
                self.changed.notify_all()
