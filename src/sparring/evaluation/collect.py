"""Collection of the responses that an evaluation needs; only unrecorded responses are asked for.

Served models are asked at the same time, local models one after the other. Requests go task by
task. Under a token budget they go in waves of a few tasks, so that both roles have answered the
same tasks when the budget ends.

A response that another evaluation with the same cache is asking for is left to that evaluation, and
taken from the cache once recorded there (`claims`).
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

RESPONSES, CLAIMS = "responses.jsonl", "claims"
"""Names of files in the directory of an evaluation and of a cache."""
_WAVE = 8
"""Tasks per wave under a token budget."""

_LOOK = 0.5
"""Seconds between two looks at the requests of another evaluation."""

Slot = tuple[str, Role, int]
"""Task, role and number of a response."""


class CollectionListener(Protocol):
    """Listener to the progress of a collection."""

    def begin(self, total: int, there: int) -> None:
        """Start: ``there`` of ``total`` responses are recorded already."""

    def heard(self, ask: ChatRequest, found: ChatReply | FailedRequest) -> None:
        """Take note of one answer or failure."""


@dataclass(slots=True)
class CollectedResponses:
    """Collected responses of an evaluation."""

    answers: dict[Slot, ChatReply] = field(default_factory=dict)
    missing: dict[Slot, str] = field(default_factory=dict)
    """Reason of each request that failed. Slots in neither table were not asked for."""
    spent: int = 0
    """Tokens of the responses that this evaluation asked for itself, prompts included."""
    exhausted: bool = False
    """True if the token budget ended the asking."""
    asked: int = 0
    """Number of requests that were answered or failed."""


@dataclass(frozen=True, slots=True)
class SharedCache:
    """Cache that several evaluations share: its responses and the locks on its requests."""

    response_store: ResponseStore
    claims: RequestLocks


def collect_responses(
    asks: Sequence[ChatRequest],
    asked: Mapping[Role, RoleModel],
    own: ResponseStore,
    shared: SharedCache | None,
    watch: CollectionListener,
    budget: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> CollectedResponses:
    """Collect the responses to ``asks``, which are in the order of tasks.

    ``budget`` is a number of tokens after which nothing more is asked. Raises what
    `ChatModel.answer` raises.
    """
    collecting = _Collecting(asks, asked, own, shared, watch, budget, stop)
    wanted = [a for a in asks if collecting.on_record(a) is None]
    watch.begin(len(asks), len(collecting.found.answers))
    while wanted and not collecting.over():
        mine, others = collecting.divided(wanted)
        waves = _waves(mine, budget)
        for number, wave in enumerate(waves, start=1):
            if collecting.over():
                return collecting.found
            last = number == len(waves) and not others
            chat_models = {role: one.chat_model for role, one in asked.items()}
            _ask(wave, chat_models, collecting.heard, collecting.over, last)
            if not all(map(collecting.settled, wave)):
                return collecting.found  # the budget is spent, the user stops, or a server is gone
        collecting.give_back(mine)
        wanted = others
        if wanted:
            wait_unless_stopped(_LOOK, collecting.over)
    return collecting.found


class _Collecting:
    """State of a collection: the responses so far, and the stores that keep them."""

    def __init__(
        self,
        asks: Sequence[ChatRequest],
        asked: Mapping[Role, RoleModel],
        own: ResponseStore,
        shared: SharedCache | None,
        watch: CollectionListener,
        budget: int | None,
        stop: Callable[[], bool],
    ) -> None:
        self.found = CollectedResponses()
        self._asked, self._own, self._shared = asked, own, shared
        self._watch, self._budget, self._stop = watch, budget, stop
        of = {role: one.chat_model.identity for role, one in asked.items()}
        self._keys = {_slot(a): response_key(of[a.role], a) for a in asks}
        self._prompts = {_slot(a): response_key(of[a.role], replace(a, index=-1)) for a in asks}
        self._lock = threading.Lock()

    def on_record(self, ask: ChatRequest) -> ChatReply | None:
        """Return the recorded answer from this evaluation's store or the cache, or None.

        A response that one of the two holds is then stored in both.
        """
        key = self._keys[_slot(ask)]
        entry = self._own.get(key)
        if self._shared is not None:
            cache = self._shared.response_store
            if entry is None and (other := cache.get(key)) is not None:
                entry = replace(other, copied=True)
                self._own.put(entry)
            elif entry is not None and key not in cache:
                cache.put(replace(entry, copied=False))
        if entry is None:
            return None
        self.found.answers[_slot(ask)] = entry.answer
        if not entry.copied:
            self.found.spent += _tokens(entry.answer, self._budget)
        return entry.answer

    def heard(self, ask: ChatRequest, reply: ChatReply | FailedRequest) -> None:
        """Store an answer on disk, then count it; count a failure."""
        with self._lock:
            self.found.asked += 1
            if isinstance(reply, FailedRequest):
                self.found.missing[_slot(ask)] = reply.why
            else:
                entry = StoredResponse(
                    task=ask.task_id,
                    role=ask.role,
                    index=ask.index,
                    model=self._asked[ask.role].name,
                    key=self._keys[_slot(ask)],
                    text=reply.text,
                    stop=reply.stop,
                    prompt_tokens=reply.prompt_tokens,
                    completion_tokens=reply.completion_tokens,
                    reasoned=reply.reasoned,
                )
                self._own.put(entry)
                if self._shared is not None:
                    self._shared.response_store.put(entry)
                self.found.answers[_slot(ask)] = reply
                self.found.spent += _tokens(reply, self._budget)
            self._watch.heard(ask, reply)

    def over(self) -> bool:
        """Return whether to ask no more: the budget is spent, or the user stops."""
        if self._budget is not None and self.found.spent >= self._budget:
            self.found.exhausted = True
        return self.found.exhausted or self._stop()

    def settled(self, ask: ChatRequest) -> bool:
        """Return whether the request was answered or has failed."""
        return _slot(ask) in self.found.answers or _slot(ask) in self.found.missing

    def divided(self, wanted: Sequence[ChatRequest]) -> tuple[list[ChatRequest], list[ChatRequest]]:
        """Divide requests into our own and those that another evaluation is making now.

        Responses that reached the cache in the meantime are in neither part.
        """
        if self._shared is None:
            return list(wanted), []
        prompts = {self._prompts[_slot(a)] for a in wanted}
        ours = {p for p in prompts if self._shared.claims.take(p)}
        # After the locks are taken: a response stored before that is not asked for again.
        self._shared.response_store.refresh()
        mine: list[ChatRequest] = []
        others: list[ChatRequest] = []
        for ask in wanted:
            if (answer := self.on_record(ask)) is not None:
                self._watch.heard(ask, answer)
            else:
                (mine if self._prompts[_slot(ask)] in ours else others).append(ask)
        return mine, others

    def give_back(self, asks: Sequence[ChatRequest]) -> None:
        """Free the locks on these requests."""
        if self._shared is not None:
            for prompt in {self._prompts[_slot(a)] for a in asks}:
                self._shared.claims.free(prompt)


def _ask(
    wave: Sequence[ChatRequest],
    chat_models: Mapping[Role, ChatModel],
    heard: Callable[[ChatRequest, ChatReply | FailedRequest], None],
    over: Callable[[], bool],
    last: bool,
) -> None:
    """Ask every model for its part of the wave.

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
            chat_model.answer(part, heard, stop)
        except BaseException as error:  # noqa: BLE001  # raised below, in the caller's thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=p, daemon=True) for p in parts if p[0].remote]
    for thread in threads:
        thread.start()
    try:
        for chat_model, part in parts:
            if not chat_model.remote:
                chat_model.answer(part, heard, stop)
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


def _waves(wanted: Sequence[ChatRequest], budget: int | None) -> list[list[ChatRequest]]:
    if budget is None:
        return [list(wanted)] if wanted else []
    tasks = list(dict.fromkeys(a.task_id for a in wanted))
    of = {task: i // _WAVE for i, task in enumerate(tasks)}
    waves: list[list[ChatRequest]] = [[] for _ in range((len(tasks) + _WAVE - 1) // _WAVE)]
    for ask in wanted:
        waves[of[ask.task_id]].append(ask)
    return waves


def _slot(ask: ChatRequest) -> Slot:
    return ask.task_id, ask.role, ask.index


def _tokens(answer: ChatReply, budget: int | None) -> int:
    counts = (answer.prompt_tokens, answer.completion_tokens)
    if None in counts and budget is not None:
        raise ModelError(
            "the server does not report how many tokens a response took, so --token-budget cannot "
            "be kept; leave it out"
        )
    return sum(c or 0 for c in counts)
