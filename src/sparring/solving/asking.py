"""Asking: requests to the models of a session, within the budget and with records of the replies.

Requests go in waves. A wave holds as many requests as the budget is sure to hold; the next wave
begins when the costs of the last one are known. Both models are asked at the same time if they are
at servers. A local model samples in the caller's thread.

When the session is over, nobody waits for requests in flight any more. They are settled by their
bound, and a reply that comes later is dropped.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from sparring.evaluation.chat_models import RoleModel
from sparring.evaluation.response_store import StoredResponse
from sparring.policy.chat.base import (
    BoundedModel,
    ChatModel,
    ChatReply,
    ChatRequest,
    StopAsking,
)
from sparring.schema import Role, StopReason
from sparring.solving.records import SessionRecords
from sparring.solving.spending import Spending
from sparring.solving.waves import Wave

MODEL_GONE = "the model is gone"
TOO_LONG = "the problem is too long for the model"


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
        prompts: Container[str],
        stop: StopAsking,
    ) -> None:
        """``prompts``: the roles' own prompts."""
        self.gone: str | None = None
        self.refusal: str | None = None
        """Why a model refused a role's own prompt, such as a wrong key."""
        self.unanswered: list[str] = []
        """Why requests had no answer after all attempts; those that the model refused left out."""
        self._spending, self._stop = spending, stop
        self._store, self._attempts = records.responses, records.attempts
        self._replayed, self._prompts = records.replayed, prompts
        self._names = {role: m.name for role, m in models.items()}
        bounded = {
            id(m.chat_model): m.chat_model.bounded(spending, self._over)
            if isinstance(m.chat_model, BoundedModel)
            else m.chat_model
            for m in models.values()
        }
        self._models: dict[Role, ChatModel] = {
            role: bounded[id(m.chat_model)] for role, m in models.items()
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
        most = len(waiting)
        while waiting and not self._over():
            wave = Wave(
                self._reserved(waiting[:most]), self._models, self._spending, self._keep, self._over
            )
            wave.send()
            failures = dict(wave.failures)
            if wave.refused and len(wave.requests) == 1:
                failures |= wave.refused
            elif wave.refused:
                most = 1  # so that a message that the model refuses costs no other its reply
            self._note_failures(wave, failures)
            self.unanswered += wave.failures.values()
            replies |= wave.replies
            waiting = [r for r in waiting if r not in replies and r not in failures]
            if not (wave.replies or failures or wave.refused):
                break
        return [replies.get(r) for r in requests]

    def _note_failures(self, wave: Wave, failures: Mapping[ChatRequest, str]) -> None:
        """Record failed requests. A model that answers none of a wave's requests is gone, if one of
        them is a role's own prompt: a message of a strategy's may itself be at fault."""
        for request, why in failures.items():
            self._attempts.fail(request, why)
            model = self._models[request.role]
            answers = any(self._models[r.role] is model for r in wave.replies)
            if request.message in self._prompts and not answers:
                self.gone = f"{TOO_LONG if wave.too_long else MODEL_GONE}: {why}"
                self.refusal = why if request in wave.refused else self.refusal

    def _over(self) -> bool:
        return self.gone is not None or self._stop() or self._spending.asking_seconds_left() == 0

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
