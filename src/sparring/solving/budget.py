"""Budget of a session, and the ledger that keeps what was spent below it.

Every cost is reserved before it arises and settled afterwards, so that no budget is ever exceeded,
also by requests that run at the same time.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import StrEnum

from sparring.policy.chat.base import ChatReply, ChatRequest, FailedRequest


class Spent(StrEnum):
    """Part of a budget that is spent."""

    SECONDS = "seconds"
    TOKENS = "tokens"
    REQUESTS = "requests"
    EXECUTIONS = "executions"


@dataclass(frozen=True, slots=True)
class Budget:
    """Upper bounds of a session; None is no bound.

    ``seconds`` of wall time; ``tokens`` of prompts and responses; ``requests`` sent, repeated ones
    included; ``executions`` of a program on an input.
    """

    seconds: float | None = None
    tokens: int | None = None
    requests: int | None = None
    executions: int | None = None


@dataclass(slots=True)
class Costs:
    """What a session has cost. Tokens of a server that reports none are counted by their bound."""

    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: int = 0
    executions: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of prompts and responses."""
        return self.prompt_tokens + self.completion_tokens


class Ledger:
    """Ledger of one session's costs. Safe to use from several threads."""

    def __init__(self, budget: Budget) -> None:
        self.budget, self.costs = budget, Costs()
        self._start, self._lock = time.monotonic(), threading.Lock()
        self._reserved_tokens = 0

    def spent(self) -> Spent | None:
        """Return the part of the budget that is spent, None if none is."""
        raise NotImplementedError

    def reserve(self, request: ChatRequest) -> bool:
        """Reserve the most that a request can cost; False if the budget does not hold as much."""
        raise NotImplementedError

    def settle(self, request: ChatRequest, reply: ChatReply | FailedRequest) -> None:
        """Replace a reservation by what the request has cost."""
        raise NotImplementedError

    def executions(self, count: int) -> int:
        """Reserve up to ``count`` executions; return how many the budget still holds."""
        raise NotImplementedError
