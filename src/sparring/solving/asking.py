"""Asking: requests to the models of a session, within the budget and with records of the replies.

Requests go in waves. A wave holds as many requests as the budget is sure to hold; the next wave
begins when the costs of the last one are known. Both models are asked at the same time if they are
at servers. A local model samples in the caller's thread.

When the session is over, nobody waits for requests in flight any more. They are settled by their
bound, and a reply that comes later is dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from sparring.errors import ConfigError, ModelError, SparringError
from sparring.evaluation.chat_models import RoleModel
from sparring.evaluation.response_store import StoredResponse
from sparring.policy.chat.base import (
    ChatModel,
    ChatReply,
    ChatRequest,
    FailedRequest,
    StopAsking,
)
from sparring.policy.chat.request_pool import ServedModel
from sparring.schema import Role, StopReason
from sparring.solving.records import SessionRecords
from sparring.solving.spending import Spending

MODEL_GONE = "the model is gone"
_LOOK_SECONDS = 0.05
"""Seconds between two looks at whether the session is over."""


class Asking:
    """Requests of one session. ``gone`` says why the models can give nothing more, or is None.

    In a replay all replies come from the record. A reply that is not on record ends the session,
    unless its request failed then too.
    """

    def __init__(
        self,
        models: Mapping[Role, RoleModel],
        spending: Spending,
        records: SessionRecords,
        stop: StopAsking,
    ) -> None:
        self.gone: str | None = None
        self._spending, self._stop = spending, stop
        self._store, self._attempts = records.responses, records.attempts
        self._replayed = records.replayed
        self._names = {role: m.name for role, m in models.items()}
        metered = {
            id(m.chat_model): m.chat_model.metered(spending)
            if isinstance(m.chat_model, ServedModel)
            else m.chat_model
            for m in models.values()
        }
        self._models: dict[Role, ChatModel] = {
            role: metered[id(m.chat_model)] for role, m in models.items()
        }

    def replies(self, requests: Sequence[ChatRequest]) -> list[ChatReply | None]:
        """Return the reply to each request, from the record or from a model; None for a request
        without a reply."""
        replies: dict[ChatRequest, ChatReply] = {}
        waiting: list[ChatRequest] = []
        for request in requests:
            if (entry := self._on_record(request)) is not None:
                replies[request] = entry.answer
                self._spending.charge(request, entry.answer)
            else:
                waiting.append(request)
        if self._replayed is not None:
            if any(self._attempts.key(r) not in self._attempts.failed for r in waiting):
                self.gone = self._replayed
            return [replies.get(r) for r in requests]
        while waiting and not self._over():
            wave = _Wave(self, self._reserved(waiting))
            if not wave.requests:
                break
            wave.ask()
            replies |= wave.replies
            tried = {*wave.replies, *wave.failures}
            waiting = [r for r in waiting if r not in tried]
            if wave.failures:
                for request, why in wave.failures.items():
                    self._attempts.fail(request, why)
                if not wave.replies and self.gone is None:
                    self.gone = f"{MODEL_GONE}: {why}"
            if not tried:
                break
        return [replies.get(r) for r in requests]

    def model(self, role: Role) -> ChatModel:
        """Return the model that is asked for a role."""
        return self._models[role]

    def _over(self) -> bool:
        return self.gone is not None or self._stop() or self._spending.seconds_left() == 0

    def _reserved(self, requests: Sequence[ChatRequest]) -> dict[ChatRequest, ChatRequest]:
        """Reserve as many requests as the budget is sure to hold, from the first on; return each
        request to send with the request that was wanted."""
        wave = {}
        for request in requests:
            granted = self._spending.reserve(request)
            if granted is None:
                break
            wave[granted] = request
            if granted is not request:
                self._attempts.shorten(request, granted)
                break  # nothing is left for another one
        return wave

    def _on_record(self, request: ChatRequest) -> StoredResponse | None:
        """Return the recorded response to a request. A response that the budget has cut short
        counts if it ended by itself; else a larger budget may bring a better one."""
        if self._store is None:
            return None
        key = self._attempts.key(request)
        if (entry := self._store.get(key)) is not None:
            return entry
        entry = self._store.get(self._attempts.shortened.get(key, ""))
        if entry is not None and entry.stop is StopReason.LENGTH and self._replayed is None:
            return None
        return entry

    def _keep(self, request: ChatRequest, reply: ChatReply) -> None:
        if self._store is None:
            return
        self._store.put(
            StoredResponse(
                task=request.task_id,
                role=request.role,
                index=request.index,
                model=self._names[request.role],
                key=self._attempts.key(request),
                text=reply.text,
                stop=reply.stop,
                prompt_tokens=reply.prompt_tokens,
                completion_tokens=reply.completion_tokens,
                reasoned=reply.reasoned,
            )
        )


class _Wave:
    """Requests that are sent together. ``requests``: each request to send, with the one wanted."""

    def __init__(self, asking: Asking, requests: dict[ChatRequest, ChatRequest]) -> None:
        self.requests = requests
        self.replies: dict[ChatRequest, ChatReply] = {}
        self.failures: dict[ChatRequest, str] = {}
        self._asking = asking
        self._lock = threading.Lock()
        self._closed = False
        self._errors: list[BaseException] = []

    def ask(self) -> None:
        """Send the requests, and wait for the replies or the end of the session."""
        parts: dict[int, tuple[ChatModel, list[ChatRequest]]] = {}
        for request in self.requests:
            model = self._asking.model(request.role)
            parts.setdefault(id(model), (model, []))[1].append(request)
        threads = [
            threading.Thread(target=self._work, args=part, daemon=True)
            for part in parts.values()
            if part[0].remote
        ]
        for request in self.requests:
            if not isinstance(self._asking.model(request.role), ServedModel):
                self._asking._spending.attempt(request)  # such a model knows no meter
        try:
            for thread in threads:
                thread.start()
            for model, part in parts.values():
                if not model.remote:
                    self._work(model, part)
            while any(t.is_alive() for t in threads) and not self._over():
                threads[0].join(_LOOK_SECONDS)
                threads = [t for t in threads if t.is_alive()] or threads
        finally:
            with self._lock:
                self._closed = True
                for request in self.requests:
                    self._asking._spending.settle(request, None)
        for error in self._errors:
            if not isinstance(error, ModelError | ConfigError):
                raise error
            self._asking.gone = f"{MODEL_GONE}: {error}"

    def _over(self) -> bool:
        return bool(self._errors) or self._asking._over()

    def _work(self, model: ChatModel, part: list[ChatRequest]) -> None:
        try:
            model.answer(part, self._on_reply, self._over)
        except BaseException as error:  # raised again in the caller's thread
            self._errors.append(error)
            if not model.remote and not isinstance(error, SparringError):
                raise  # Ctrl-C ends at once

    def _on_reply(self, request: ChatRequest, reply: ChatReply | FailedRequest) -> None:
        with self._lock:
            if self._closed:
                return
            if isinstance(reply, ChatReply):
                self._asking._keep(request, reply)
                self.replies[self.requests[request]] = reply
            else:
                self.failures[self.requests[request]] = reply.why
            self._asking._spending.settle(request, reply)
