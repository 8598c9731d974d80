"""A served model as an `Author`: several requests at once, repeated until they are answered.

A response that does not come in `RetryPolicy.attempts` is `FailedRequest`. When those to
several prompts in a row are missing and none came between them, the server is
taken to be gone and nothing more is asked: an evaluation of thousands of
responses must not wait for each of them. One prompt that a server fails on is
no such sign, however many responses to it are wanted.

Each response has a seed of its own, so that it can be asked for alone. Whether
a server heeds it is the server's business.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sparring.errors import ConfigError, ModelError, Stopped
from sparring.policy.base import response_seed
from sparring.policy.chat.base import ChatReply, ChatRequest, FailedRequest, Heard, StopAsking
from sparring.policy.chat.endpoint import TAKE_TOP_K, Endpoint, ServedModelIdentity
from sparring.policy.http import Unanswered
from sparring.policy.retry import RequestAbandoned, RequestPacer, RetryPolicy, ask_until_answered

_GONE = 4
"""Prompts in a row without a response after which a server is not asked any more."""
_SEED_BITS = 31
"""Of a seed that is sent: what every server takes."""


class ServedModel:
    """An `Author` behind HTTP."""

    remote = True

    def __init__(
        self,
        endpoint: Endpoint,
        served: ServedModelIdentity,
        concurrency: int = 16,
        patience: RetryPolicy | None = None,
        pace: RequestPacer | None = None,
    ) -> None:
        self.served = served
        self._endpoint = endpoint
        self._concurrency = concurrency
        self._patience = patience or RetryPolicy()
        self._pace = pace or RequestPacer()

    @property
    def identity(self) -> Mapping[str, Any]:
        return self.served.record()

    def answer(self, asks: Sequence[ChatRequest], heard: Heard, stop: StopAsking) -> None:
        """See `Author.answer`. A failure in one thread ends the others before their next
        request."""
        shift = _Shift(self, asks, heard, stop)
        threads = [
            threading.Thread(target=shift.work, name=f"asking-{i}", daemon=True)
            for i in range(min(self._concurrency, len(asks)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)  # short waits: Ctrl-C is heard between them
        if shift.failed:
            raise shift.failed[0]

    def asked(self, ask: ChatRequest, stop: Callable[[], bool]) -> ChatReply | FailedRequest | None:
        """The answer to one ask, however often it takes; None if ``stop`` came first."""
        seed = response_seed(ask.seed, ask.index) >> (63 - _SEED_BITS)
        try:
            return ask_until_answered(
                lambda: self._endpoint.complete(self.served, ask, seed),
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
        self._endpoint.close()


class _Shift:
    """What the threads of one `ServedModel.answer` share."""

    def __init__(
        self, model: ServedModel, asks: Sequence[ChatRequest], heard: Heard, stop: StopAsking
    ) -> None:
        self.failed: list[BaseException] = []
        self._model = model
        self._heard = heard
        self._stop = stop
        self._waiting: queue.SimpleQueue[ChatRequest] = queue.SimpleQueue()
        for ask in asks:
            self._waiting.put(ask)
        self._lock = threading.Lock()
        self._in_vain: set[tuple[str, str]] = set()
        """Prompts with missing responses since the last answer."""

    def work(self) -> None:
        try:
            while not self._over():
                try:
                    ask = self._waiting.get_nowait()
                except queue.Empty:
                    return
                found = self._model.asked(ask, self._over)
                if found is None:
                    return
                with self._lock:
                    if isinstance(found, FailedRequest):
                        self._in_vain.add((ask.task_id, ask.role))
                    else:
                        self._in_vain.clear()
                    self._heard(ask, found)
        except BaseException as error:  # noqa: BLE001  # handed to the thread that waits for us
            self.failed.append(error)

    def _over(self) -> bool:
        return bool(self.failed) or len(self._in_vain) >= _GONE or self._stop()


def find_served(
    endpoint: Endpoint,
    name: str | None,
    extra: Mapping[str, Any],
    patience: RetryPolicy,
    stop: StopAsking = lambda: False,
) -> ServedModelIdentity:
    """The model that is meant: ``name``, or the only one that the server has. Raises
    `ConfigError` where that is not clear, `ModelError` where the server does not answer, `Stopped`
    where ``stop`` comes first."""
    try:
        models = ask_until_answered(endpoint.models, endpoint.url, patience, RequestPacer(), stop)
    except RequestAbandoned as why:
        raise Stopped(f"{endpoint.url}: had not answered so far ({why})") from None
    except Unanswered as why:
        raise ModelError(
            f"{endpoint.url}: does not answer ({why}), asked {patience.attempts} times; is it "
            "running, and reachable from here?"
        ) from None
    known = dict(models or ())
    if name is None:
        if len(known) != 1:
            there = ", ".join(sorted(known)[:8]) if known else "no list of its models"
            raise ConfigError(
                f"{endpoint.url}: which model? name it (--coder-model, --tester-model); "
                f"it has {there}"
            )
        name = next(iter(known))
    elif known and name not in known:
        raise ConfigError(
            f"{endpoint.url}: has no model {name}; it has {', '.join(sorted(known)[:8])}"
        )
    return ServedModelIdentity(endpoint.url, name, known.get(name, "") in TAKE_TOP_K, dict(extra))
