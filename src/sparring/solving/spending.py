"""What a session spends: every cost is reserved before it arises, and settled afterwards.

No budget is ever exceeded, also by requests in flight at the same time: a request is sent only if
the budget holds the most that it can cost. The most is the bound of its prompt, one token for each
byte of the message and an allowance for the chat template, and its ``max_tokens``. A tokenizer that
works on bytes needs no more than a token for a byte.

If a server reports more tokens than the bound, the excess is counted, and the allowance for the
template, or for responses, grows by it. Each attempt at a request is a request of the budget. An
attempt that broke off is counted by its bound, because nobody knows what the server has computed;
it costs no tokens where the server refused it with status 429, or could not be reached.

The last part of the seconds is kept for executions, so that what was sampled is also run: models
have `asking_seconds_left`, executions `seconds_left`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from sparring.policy.chat.base import ChatReply, ChatRequest, FailedRequest
from sparring.solving.attempts import Attempts
from sparring.solving.budget import Budget, Costs, Spent

TEMPLATE_TOKENS = 256
"""Allowance for the tokens that a chat template adds to a message."""
LEAST_TOKENS = 32
"""Shortest response, in tokens, that is worth a request where little of the budget is left."""
RUN_SHARE, RUN_SECONDS = 0.1, 5.0
"""Share of the budget's seconds, and most seconds, that are kept for executions."""


@dataclass(slots=True)
class _Held:
    """Reservation of one request: the bounds of its ``prompt`` and ``completion``, allowances
    included. ``message``: the bound of the message alone; ``limit``: the limit of the response.
    ``attempts``: how often it was sent so far; ``refused``: the server has computed nothing in the
    last attempt."""

    prompt: int
    completion: int
    message: int
    limit: int
    attempts: int = 0
    refused: bool = False


class Spending:
    """Costs of one session, settled and reserved. Safe to use from several threads."""

    def __init__(
        self,
        budget: Budget,
        fixed_response: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The seconds begin now. ``fixed_response``: the longest response in tokens, whatever a
        request's ``max_tokens``."""
        self.budget = budget
        self._settled, self._fixed = Costs(), fixed_response
        self._attempts: Attempts | None = None
        self._clock, self._start = clock, clock()
        self._lock = threading.Lock()
        self._held: dict[ChatRequest, _Held] = {}
        self._template, self._overlong = TEMPLATE_TOKENS, 0
        self._refused: Spent | None = None

    def attach(self, attempts: Attempts, earlier: Costs) -> None:
        """Record further attempts in ``attempts``, each before it is sent, and add the costs of
        ``earlier`` ones: those of a session that is continued, seconds excepted."""
        self._attempts, self._settled = attempts, replace(earlier, seconds=0.0)

    @property
    def costs(self) -> Costs:
        """What the session has cost so far. Open reservations are no part of it."""
        with self._lock:
            return replace(self._settled, seconds=self._clock() - self._start)

    def seconds_left(self) -> float | None:
        """Return the seconds that are left, at least 0; None without a bound."""
        if self.budget.seconds is None:
            return None
        return max(0.0, self.budget.seconds - (self._clock() - self._start))

    def asking_seconds_left(self) -> float | None:
        """Return the seconds that are left for requests, at least 0; None without a bound."""
        total, left = self.budget.seconds, self.seconds_left()
        if total is None or left is None:
            return None
        return max(0.0, left - min(RUN_SHARE * total, RUN_SECONDS))

    def spent(self) -> Spent | None:
        """Return the part of the budget that is spent, None if none is.

        Seconds are spent where no further request may be sent; executions may still be made.
        Tokens are spent where the rest did not hold a request, however short its response.
        """
        if self.asking_seconds_left() == 0:
            return Spent.SECONDS
        with self._lock:
            if self._refused is not None:
                return self._refused
            left = self._tokens_left()
            if left is not None and left <= 0 and not self._held:
                return Spent.TOKENS
            if self._executions_left() == 0:
                return Spent.EXECUTIONS
            if self._requests_left() == 0 and not self._held:
                return Spent.REQUESTS
        return None

    def reserve(self, request: ChatRequest) -> ChatRequest | None:
        """Reserve the most that a request can cost, and return the request to send.

        Where the budget holds less, and no other reservation is open, the request comes back with a
        lower ``max_tokens``. None means that the budget does not hold the request: now, if others
        are in flight, or at all.
        """
        if self.asking_seconds_left() == 0:
            return None
        with self._lock:
            if self._requests_left() == 0:
                return None
            prompt = self._bounds(request, 0).prompt
            most = wanted = self._fixed or request.params.max_tokens
            left = self._tokens_left()
            if left is not None and prompt + wanted + self._overlong > left:
                if self._held:
                    return None
                most = left - prompt - self._overlong
                if most < (self._fixed or min(LEAST_TOKENS, wanted)):
                    self._refused = Spent.TOKENS
                    return None
            if most < wanted:
                request = replace(request, params=replace(request.params, max_tokens=most))
            self._held[request] = self._bounds(request, most)
            return request

    def attempt(self, request: ChatRequest) -> bool:
        """Count an attempt at a reserved request, before it is sent. False if the request must not
        be sent: it is settled already, or the budget holds no further attempt."""
        if self.asking_seconds_left() == 0:
            return False
        with self._lock:
            held = self._held.get(request)
            if held is None:
                return False
            if held.attempts:  # the attempt before it broke off
                if self._requests_left() == 0:
                    return False
                left = self._tokens_left()
                most = 0 if held.refused else held.prompt + held.completion
                if left is not None and most > left:
                    return False
                self._by_bound(held)
            if self._attempts is not None:
                self._attempts.begin(request, held.prompt, held.completion)
            held.attempts += 1
            held.refused = False
            return True

    def refused(self, request: ChatRequest) -> None:
        """Note that the server has computed nothing in the last attempt at a request."""
        with self._lock:
            held = self._held.get(request)
            if held is not None and not held.refused:
                held.refused = True
                if self._attempts is not None:
                    self._attempts.refuse(request, held.prompt, held.completion)

    def settle(self, request: ChatRequest, reply: ChatReply | FailedRequest | None) -> None:
        """Replace a reservation by what the request has cost. None: nobody waits for its reply any
        more. A request that was never attempted costs nothing."""
        with self._lock:
            held = self._held.pop(request, None)
            if held is None or (not held.attempts and not isinstance(reply, ChatReply)):
                return
            if not isinstance(reply, ChatReply):
                self._by_bound(held)
                return
            self._add(held, reply)

    def charge(self, request: ChatRequest, reply: ChatReply) -> None:
        """Add the costs of a reply that is on record. It may exceed the budget, which it has cost
        before."""
        with self._lock:
            self._add(self._bounds(request, self._fixed or request.params.max_tokens), reply)

    def withdraw(self, request: ChatRequest) -> None:
        """Drop the reservation of a request that was refused before anything was computed."""
        with self._lock:
            self._held.pop(request, None)

    def executions(self, count: int) -> int:
        """Reserve up to ``count`` executions; return how many the budget still holds."""
        with self._lock:
            left = self._executions_left()
            granted = count if left is None else min(count, left)
            self._settled.executions += granted
            return granted

    def charge_executions(self, count: int) -> None:
        """Add executions whose outcomes are on record."""
        with self._lock:
            self._settled.executions += count

    def _bounds(self, request: ChatRequest, limit: int) -> _Held:
        message = len(request.message.encode("utf-8", "replace"))
        return _Held(message + self._template, limit + self._overlong, message, limit)

    def _add(self, held: _Held, reply: ChatReply) -> None:
        prompt, completion = reply.prompt_tokens, reply.completion_tokens
        costs = self._settled
        costs.requests += 1
        costs.bounded += prompt is None or completion is None
        costs.prompt_tokens += held.prompt if prompt is None else prompt
        costs.completion_tokens += held.completion if completion is None else completion
        if prompt is not None:
            self._template = max(self._template, prompt - held.message)
        if completion is not None:
            self._overlong = max(self._overlong, completion - held.limit)

    def _by_bound(self, held: _Held) -> None:
        self._settled.requests += 1
        if held.refused:
            return
        self._settled.bounded += 1
        self._settled.prompt_tokens += held.prompt
        self._settled.completion_tokens += held.completion

    def _requests_left(self) -> int | None:
        if self.budget.requests is None:
            return None
        return max(0, self.budget.requests - self._settled.requests - len(self._held))

    def _tokens_left(self) -> int | None:
        if self.budget.tokens is None:
            return None
        held = sum(h.prompt + h.completion for h in self._held.values())
        return self.budget.tokens - self._settled.tokens - held

    def _executions_left(self) -> int | None:
        if self.budget.executions is None:
            return None
        return max(0, self.budget.executions - self._settled.executions)
