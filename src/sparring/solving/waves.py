"""Wave: requests of a session that are sent together, and whose costs are reserved.

Models at servers are asked at the same time, each in a thread; local models one after the other, in
a thread together. When the session is over, nobody waits for requests in flight any more, nor for a
model that is being loaded. They are settled by their bound, and a reply that comes later is
dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from sparring.errors import ConfigError, ModelError
from sparring.policy.chat.base import (
    BoundedModel,
    ChatModel,
    ChatReply,
    ChatRequest,
    FailedRequest,
    StopAsking,
)
from sparring.prompts.render import PromptTooLong
from sparring.schema import Role
from sparring.solving.spending import Spending

_LOOK_SECONDS = 0.05
"""Seconds between two looks at whether the session is over."""


class Wave:
    """Requests that are sent together.

    ``requests``: each request to send, with the one that was wanted. The results are by the wanted
    request: ``replies``; ``failures``, with the reason of the last attempt; ``refused``, requests
    without a reply to a model that refused one of them.
    """

    def __init__(
        self,
        requests: Mapping[ChatRequest, ChatRequest],
        models: Mapping[Role, ChatModel],
        spending: Spending,
        keep: Callable[[ChatRequest, ChatReply], None],
        over: StopAsking,
    ) -> None:
        """``keep`` puts a reply on record before it counts."""
        self.requests = requests
        self.replies: dict[ChatRequest, ChatReply] = {}
        self.failures: dict[ChatRequest, str] = {}
        self.refused: dict[ChatRequest, str] = {}
        self.too_long = False  # a local model has found a prompt to be too long
        self._models, self._spending, self._keep = models, spending, keep
        self._session_over = over
        self._lock = threading.Lock()
        self._closed = False
        self._errors: list[tuple[BaseException, list[ChatRequest]]] = []

    def send(self) -> None:
        """Send the requests, and wait for the replies or the end of the session. Raises what a
        model raises, unless it refuses a request.

        An error of one model ends the others before their next request. What they have begun is
        waited for: it is paid for, and a local model may not be asked twice at the same time.
        """
        parts: dict[int, tuple[ChatModel, list[ChatRequest]]] = {}
        for request in self.requests:
            model = self._models[request.role]
            parts.setdefault(id(model), (model, []))[1].append(request)
            if not isinstance(model, BoundedModel):
                self._spending.attempt(request)  # such a model counts none itself
        local = [part for part in parts.values() if not part[0].remote]
        threads = [
            threading.Thread(target=self._work, args=(together,), daemon=True)
            for together in ([part] for part in parts.values() if part[0].remote)
        ]
        if local:
            threads.append(threading.Thread(target=self._work, args=(local,), daemon=True))
        try:
            for thread in threads:
                thread.start()
            while (alive := [t for t in threads if t.is_alive()]) and not self._session_over():
                alive[0].join(_LOOK_SECONDS)
        finally:
            self._close()
        for error, part in self._errors:
            if not isinstance(error, ModelError | ConfigError):
                raise error
            self.too_long |= isinstance(error, PromptTooLong)
            unanswered = {self.requests[r] for r in part} - {*self.replies, *self.failures}
            self.refused |= dict.fromkeys(unanswered, str(error))

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            for request in self.requests:
                self._spending.settle(request, None)

    def _over(self) -> bool:
        return bool(self._errors) or self._session_over()

    def _work(self, parts: Sequence[tuple[ChatModel, list[ChatRequest]]]) -> None:
        """Ask models one after the other."""
        for model, part in parts:
            try:
                model.answer(part, self._on_reply, self._over)
            except PromptTooLong as error:  # found before anything was computed
                for request in part:
                    self._spending.withdraw(request)
                self._errors.append((error, part))
            except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
                self._errors.append((error, part))

    def _on_reply(self, request: ChatRequest, reply: ChatReply | FailedRequest) -> None:
        with self._lock:
            if self._closed:
                return
            if isinstance(reply, ChatReply):
                self._keep(request, reply)
                self.replies[self.requests[request]] = reply
            else:
                self.failures[self.requests[request]] = reply.why
            self._spending.settle(request, reply)
