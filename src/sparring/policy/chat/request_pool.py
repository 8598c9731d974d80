"""Served model as a `ChatModel`: a pool of threads sends requests and repeats failed ones.

A request without a response in `RetryPolicy.attempts` attempts becomes a `FailedRequest`. If
requests for several prompts in a row fail, without a response between them, the server counts as
gone and nothing more is sent. Otherwise an evaluation of thousands of responses would wait for each
response. Many failures of a single prompt do not count, because the prompt itself may be at fault.

Each response has a seed of its own, so it can be requested alone. Whether the seed has any effect
depends on the server.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sparring.errors import ConfigError, ModelError, Stopped
from sparring.policy.base import response_seed
from sparring.policy.chat.base import (
    AttemptMeter,
    ChatReply,
    ChatRequest,
    FailedRequest,
    OnReply,
    StopAsking,
)
from sparring.policy.chat.endpoint import NO_V1, TAKE_TOP_K, Endpoint, ServedModelIdentity
from sparring.policy.http import Unanswered
from sparring.policy.retry import RequestAbandoned, RequestPacer, RetryPolicy, ask_until_answered

_GONE = 4
"""Number of prompts in a row without a response after which a server counts as gone."""
_SEED_BITS = 31
"""Number of bits of a seed that is sent; every server accepts seeds of this size."""


class ServedModel:
    """`ChatModel` behind HTTP."""

    remote = True

    def __init__(
        self,
        endpoint: Endpoint,
        served: ServedModelIdentity,
        concurrency: int = 16,
        patience: RetryPolicy | None = None,
        pace: RequestPacer | None = None,
        meter: AttemptMeter | None = None,
    ) -> None:
        self.served = served
        self._meter = meter
        self._endpoint = endpoint
        self._concurrency = concurrency
        self._patience = patience or RetryPolicy()
        self._pace = pace or RequestPacer()

    @property
    def identity(self) -> Mapping[str, Any]:
        """Return everything that responses depend on, as JSON data."""
        return self.served.record()

    def bounded(self, meter: AttemptMeter, over: StopAsking) -> ServedModel:
        """Return the same model within the bounds of a session, with the same connections; see
        `BoundedModel.bounded`. ``over`` has no effect: no attempt is longer than the meter allows.
        """
        return ServedModel(
            self._endpoint, self.served, self._concurrency, self._patience, self._pace, meter
        )

    def answer(self, requests: Sequence[ChatRequest], on_reply: OnReply, stop: StopAsking) -> None:
        """Answer the requests; see `ChatModel.answer`. An error in one thread ends the other
        threads before their next request."""
        pool = _RequestPool(self, requests, on_reply, stop)
        threads = [
            threading.Thread(target=pool.work, name=f"asking-{i}", daemon=True)
            for i in range(min(self._concurrency, len(requests)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)  # short waits, so that Ctrl-C takes effect between them
        if pool.errors:
            raise pool.errors[0]

    def reply_to(
        self, request: ChatRequest, stop: Callable[[], bool]
    ) -> ChatReply | FailedRequest | None:
        """Send one request, again after failures, and return the reply; None if ``stop`` returned
        true first."""
        seed = response_seed(request.seed, request.index) >> (63 - _SEED_BITS)

        def attempt() -> ChatReply:
            if self._meter is None:
                return self._endpoint.complete(self.served, request, seed)
            if not self._meter.attempt(request):
                raise RequestAbandoned("the budget holds no further attempt")
            seconds = self._meter.seconds_left()
            try:
                return self._endpoint.complete(self.served, request, seed, seconds)
            except Unanswered as why:
                if why.refused:
                    self._meter.refused(request)
                raise

        try:
            return ask_until_answered(
                attempt,
                self.served.url,
                self._patience,
                self._pace,
                stop,
            )
        except RequestAbandoned:
            return None
        except Unanswered as why:
            return FailedRequest(str(why))

    def close(self) -> None:
        """Close all connections."""
        self._endpoint.close()


class _RequestPool:
    """Requests of one `ServedModel.answer`, shared by its threads."""

    def __init__(
        self,
        model: ServedModel,
        requests: Sequence[ChatRequest],
        on_reply: OnReply,
        stop: StopAsking,
    ) -> None:
        self.errors: list[BaseException] = []
        """Errors that have ended a thread."""
        self._model = model
        self._on_reply = on_reply
        self._stop = stop
        self._waiting: queue.SimpleQueue[ChatRequest] = queue.SimpleQueue()
        for request in requests:
            self._waiting.put(request)
        self._lock = threading.Lock()
        self._failed_prompts: set[tuple[str, str]] = set()
        """Task and role of the prompts with failed requests since the last response."""

    def work(self) -> None:
        """Send requests until none is left; runs on each thread."""
        try:
            while not self._over():
                try:
                    request = self._waiting.get_nowait()
                except queue.Empty:
                    return
                reply = self._model.reply_to(request, self._over)
                if reply is None:
                    return
                with self._lock:
                    if isinstance(reply, FailedRequest):
                        self._failed_prompts.add((request.task_id, request.role))
                    else:
                        self._failed_prompts.clear()
                    self._on_reply(request, reply)
        except BaseException as error:  # noqa: BLE001  # raised again in `ServedModel.answer`
            self.errors.append(error)

    def _over(self) -> bool:
        return bool(self.errors) or len(self._failed_prompts) >= _GONE or self._stop()


def find_served(
    endpoint: Endpoint,
    name: str | None,
    extra: Mapping[str, Any],
    patience: RetryPolicy,
    stop: StopAsking = lambda: False,
) -> ServedModelIdentity:
    """Return the identity of the model ``name``; without a name, the identity of the server's only
    model.

    Raises `ConfigError` if the server does not have exactly one such model, `ModelError` if the
    server does not answer, and `Stopped` if ``stop`` returned true first.
    """
    try:
        models = ask_until_answered(endpoint.models, endpoint.url, patience, RequestPacer(), stop)
    except RequestAbandoned as why:
        raise Stopped(f"{endpoint.url}: the server had not answered so far ({why})") from None
    except Unanswered as why:
        raise ModelError(
            f"{endpoint.url}: the server does not answer ({why}), asked {patience.attempts} times; "
            "is it running, and reachable from here?"
        ) from None
    owners = dict(models or ())
    if name is None:
        if len(owners) != 1:
            names = ", ".join(sorted(owners)[:8]) if owners else "no list of its models"
            place = "" if owners or endpoint.url.endswith("/v1") else NO_V1
            raise ConfigError(
                f"{endpoint.url}: which model? the server has {names}; name one "
                f"(--coder-model, --tester-model){place}"
            )
        name = next(iter(owners))
    elif owners and name not in owners:
        raise ConfigError(
            f"{endpoint.url}: the server has no model {name}; it has "
            f"{', '.join(sorted(owners)[:8])}"
        )
    return ServedModelIdentity(endpoint.url, name, owners.get(name, "") in TAKE_TOP_K, dict(extra))
