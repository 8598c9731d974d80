"""Collection of the responses that an evaluation needs; only unrecorded responses are asked for.

Served models are asked at the same time, local models one after the other. Requests go task by
task. Under a token budget they go in waves of a few tasks, so that both roles have answered the
same tasks when the budget ends.

A response that another evaluation with the same cache is asking for is left to that evaluation, and
taken from the cache once recorded there (`request_locks`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sparring.errors import ModelError
from sparring.evaluation.chat_models import RoleModel
from sparring.evaluation.request_locks import RequestLocks
from sparring.evaluation.response_store import ResponseStore, StoredResponse
from sparring.policy.chat.base import ChatModel, ChatReply, ChatRequest, FailedRequest, response_key
from sparring.policy.retry import wait_unless_stopped
from sparring.schema import Role

RESPONSES, LOCKS = "responses.jsonl", "claims"
"""Names of files in the directory of an evaluation and of a cache."""
_WAVE = 8
"""Tasks per wave under a token budget."""

_POLL_SECONDS = 0.5
"""Seconds between two looks at another evaluation's requests."""

Slot = tuple[str, Role, int]
"""Task, role and number of a response."""


class CollectionListener(Protocol):
    """Listener to the progress of a collection."""

    def start_counting(self, total: int, recorded: int) -> None:
        """Start to count to ``total`` responses; ``recorded`` of them are recorded already."""

    def record_reply(self, request: ChatRequest, reply: ChatReply | FailedRequest) -> None:
        """Count one answer or failure."""


@dataclass(slots=True)
class CollectedResponses:
    """Collected responses of an evaluation."""

    answers: dict[Slot, ChatReply] = field(default_factory=dict)
    missing: dict[Slot, str] = field(default_factory=dict)
    """Reason of each request that failed. A slot in neither table was not asked for."""
    spent: int = 0
    """Tokens of the responses that this evaluation asked for itself, prompts included."""
    exhausted: bool = False
    """True if requests ended because the token budget was spent."""
    requests: int = 0
    """Number of requests that were answered or failed."""


@dataclass(frozen=True, slots=True)
class SharedCache:
    """Cache that several evaluations share: its responses and the locks on its requests."""

    response_store: ResponseStore
    locks: RequestLocks


def collect_responses(
    requests: Sequence[ChatRequest],
    role_models: Mapping[Role, RoleModel],
    store: ResponseStore,
    shared: SharedCache | None,
    listener: CollectionListener,
    budget: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> CollectedResponses:
    """Collect the responses to ``requests``, which are in the order of tasks.

    ``budget`` is a number of tokens after which nothing more is asked. Raises what
    `ChatModel.answer` raises.
    """
    collecting = _Collecting(requests, role_models, store, shared, listener, budget, stop)
    unrecorded = [a for a in requests if collecting.on_record(a) is None]
    listener.start_counting(len(requests), len(collecting.collected.answers))
    while unrecorded and not collecting.over():
        our_requests, other_requests = collecting.divided(unrecorded)
        waves = _waves(our_requests, budget)
        for number, wave in enumerate(waves, start=1):
            if collecting.over():
                return collecting.collected
            last = number == len(waves) and not other_requests
            chat_models = {role: one.chat_model for role, one in role_models.items()}
            _send(wave, chat_models, collecting.record_reply, collecting.over, last)
            if not all(map(collecting.settled, wave)):
                return (
                    collecting.collected
                )  # the budget is spent, the user stops, or a server is gone
        collecting.free_locks(our_requests)
        unrecorded = other_requests
        if unrecorded:
            wait_unless_stopped(_POLL_SECONDS, collecting.over)
    return collecting.collected


class _Collecting:
    """State of a collection: the responses so far, and the stores that keep them."""

    def __init__(
        self,
        requests: Sequence[ChatRequest],
        role_models: Mapping[Role, RoleModel],
        store: ResponseStore,
        shared: SharedCache | None,
        listener: CollectionListener,
        budget: int | None,
        stop: Callable[[], bool],
    ) -> None:
        self.collected = CollectedResponses()
        self._role_models, self._store, self._shared = role_models, store, shared
        self._listener, self._budget, self._stop = listener, budget, stop
        identities = {role: one.chat_model.identity for role, one in role_models.items()}
        self._keys = {_slot(a): response_key(identities[a.role], a) for a in requests}
        self._prompt_keys = {
            _slot(a): response_key(identities[a.role], replace(a, index=-1)) for a in requests
        }
        self._lock = threading.Lock()

    def on_record(self, request: ChatRequest) -> ChatReply | None:
        """Return the recorded answer from this evaluation's store or the cache, or None.

        A response that one of the two holds is then stored in both.
        """
        key = self._keys[_slot(request)]
        entry = self._store.get(key)
        if self._shared is not None:
            cache = self._shared.response_store
            if entry is None and (other := cache.get(key)) is not None:
                entry = replace(other, copied=True)
                self._store.put(entry)
            elif entry is not None and key not in cache:
                cache.put(replace(entry, copied=False))
        if entry is None:
            return None
        self.collected.answers[_slot(request)] = entry.answer
        if not entry.copied:
            self.collected.spent += _tokens(entry.answer, self._budget)
        return entry.answer

    def record_reply(self, request: ChatRequest, reply: ChatReply | FailedRequest) -> None:
        """Store an answer on disk, then count it; count a failure."""
        with self._lock:
            self.collected.requests += 1
            if isinstance(reply, FailedRequest):
                self.collected.missing[_slot(request)] = reply.why
            else:
                entry = StoredResponse(
                    task=request.task_id,
                    role=request.role,
                    index=request.index,
                    model=self._role_models[request.role].name,
                    key=self._keys[_slot(request)],
                    text=reply.text,
                    stop=reply.stop,
                    prompt_tokens=reply.prompt_tokens,
                    completion_tokens=reply.completion_tokens,
                    reasoned=reply.reasoned,
                )
                self._store.put(entry)
                if self._shared is not None:
                    self._shared.response_store.put(entry)
                self.collected.answers[_slot(request)] = reply
                self.collected.spent += _tokens(reply, self._budget)
            self._listener.record_reply(request, reply)

    def over(self) -> bool:
        """Return whether to ask no more: the budget is spent, or the user stops."""
        if self._budget is not None and self.collected.spent >= self._budget:
            self.collected.exhausted = True
        return self.collected.exhausted or self._stop()

    def settled(self, request: ChatRequest) -> bool:
        """Return whether the request was answered or has failed."""
        return _slot(request) in self.collected.answers or _slot(request) in self.collected.missing

    def divided(
        self, requests: Sequence[ChatRequest]
    ) -> tuple[list[ChatRequest], list[ChatRequest]]:
        """Divide requests into our own and those that another evaluation is making now.

        A request whose response has meanwhile reached the cache is in neither part.
        """
        if self._shared is None:
            return list(requests), []
        prompts = {self._prompt_keys[_slot(a)] for a in requests}
        locked = {p for p in prompts if self._shared.locks.take(p)}
        # Only now, with the locks taken: a response stored before that is not asked for again.
        self._shared.response_store.refresh()
        mine: list[ChatRequest] = []
        others: list[ChatRequest] = []
        for request in requests:
            if (answer := self.on_record(request)) is not None:
                self._listener.record_reply(request, answer)
            else:
                (mine if self._prompt_keys[_slot(request)] in locked else others).append(request)
        return mine, others

    def free_locks(self, requests: Sequence[ChatRequest]) -> None:
        """Free our locks on these requests."""
        if self._shared is not None:
            for prompt in {self._prompt_keys[_slot(a)] for a in requests}:
                self._shared.locks.free(prompt)


def _send(
    wave: Sequence[ChatRequest],
    chat_models: Mapping[Role, ChatModel],
    record_reply: Callable[[ChatRequest, ChatReply | FailedRequest], None],
    over: Callable[[], bool],
    last: bool,
) -> None:
    """Send every model its part of the wave.

    After the ``last`` wave a local model frees its memory for the next local model.
    """
    parts: list[tuple[ChatModel, list[ChatRequest]]] = []
    for chat_model in {id(a): a for a in chat_models.values()}.values():
        part = [a for a in wave if chat_models[a.role] is chat_model]
        if part:
            parts.append((chat_model, part))
    failed: list[BaseException] = []

    def stop() -> bool:
        return bool(failed) or over()

    def work(chat_model: ChatModel, part: list[ChatRequest]) -> None:
        try:
            chat_model.answer(part, record_reply, stop)
        except BaseException as error:  # noqa: BLE001  # raised below, in the caller's thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=p, daemon=True) for p in parts if p[0].remote]
    for thread in threads:
        thread.start()
    try:
        for chat_model, part in parts:
            if not chat_model.remote:
                chat_model.answer(part, record_reply, stop)
                if last:
                    chat_model.close()
    except BaseException as error:  # raised again: the threads end before their next request
        failed.append(error)
        raise
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)  # Python handles Ctrl-C only between two waits
    if failed:
        raise failed[0]


def _waves(requests: Sequence[ChatRequest], budget: int | None) -> list[list[ChatRequest]]:
    if budget is None:
        return [list(requests)] if requests else []
    tasks = list(dict.fromkeys(a.task_id for a in requests))
    wave_of = {task: i // _WAVE for i, task in enumerate(tasks)}
    waves: list[list[ChatRequest]] = [[] for _ in range((len(tasks) + _WAVE - 1) // _WAVE)]
    for request in requests:
        waves[wave_of[request.task_id]].append(request)
    return waves


def _slot(request: ChatRequest) -> Slot:
    return request.task_id, request.role, request.index


def _tokens(answer: ChatReply, budget: int | None) -> int:
    counts = (answer.prompt_tokens, answer.completion_tokens)
    if None in counts and budget is not None:
        raise ModelError(
            "the server does not report how many tokens a response took, so --token-budget cannot "
            "be kept; leave it out"
        )
    return sum(c or 0 for c in counts)
