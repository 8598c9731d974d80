"""Budget of a session: its parts, its upper bounds, and what was spent of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sparring.errors import ConfigError


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
    included; ``executions`` of a program on an input. Raises `ConfigError` for a bound below 0.
    """

    seconds: float | None = None
    tokens: int | None = None
    requests: int | None = None
    executions: int | None = None

    def __post_init__(self) -> None:
        for part in Spent:
            bound = getattr(self, part)
            if bound is not None and not bound >= 0:
                raise ConfigError(f"--{part} {bound}: a budget cannot be below 0; give 0 or more")


@dataclass(slots=True)
class Costs:
    """What a session has cost. Tokens of a server that reports none are counted by their bound."""

    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    requests: int = 0
    executions: int = 0
    bounded: int = 0
    """Attempts at requests whose tokens are counted by their bound: the server reported none, or
    the attempt broke off."""

    @property
    def tokens(self) -> int:
        """Tokens of prompts and responses."""
        return self.prompt_tokens + self.completion_tokens
