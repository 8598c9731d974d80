"""What is asked of a model as text, and what comes back.

Training needs token ids and log-probs (`policy.base`); evaluation needs the
text alone, from models of which nothing else can be had. So the distribution
may be cut here (top-p, top-k), which training refuses.

An `ChatModel` answers one by one, in any order: each answer can be kept as soon
as it is there. What cannot be had is `FailedRequest`, which is no answer: nobody may
count it as a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from sparring.errors import ConfigError
from sparring.files import digest
from sparring.schema import Role, StopReason

_REASONING = ("reasoning_content", "reasoning", "thinking")
"""Names under which servers give a message's reasoning apart from its content."""


@dataclass(frozen=True, slots=True)
class ChatParams:
    """How a response is sampled.

    ``temperature`` divides the logits, 0 takes the likeliest token. Of that distribution the
    ``top_k`` likeliest tokens are kept (0: all) and, of these, the fewest that together have
    ``top_p``. ``max_tokens`` counts the end token. A response ends before any of the ``stop``
    strings. Raises `ConfigError` for values that make no sense.
    """

    temperature: float = 0.8
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 1024
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 100:
            raise ConfigError(f"--temperature {self.temperature:g}: must be from 0 to 100")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"--top-p {self.top_p:g}: must be above 0 and at most 1")
        if self.top_k < 0:
            raise ConfigError(f"--top-k {self.top_k}: must be at least 1, or 0 to keep all")
        if self.max_tokens < 1:
            raise ConfigError(f"--max-tokens {self.max_tokens}: must be at least 1")
        if "" in self.stop:
            raise ConfigError("--stop: an empty text would end every response at once")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A message to be answered. ``seed`` is that of the prompt; ``index`` numbers its responses."""

    task_id: str
    role: Role
    index: int
    message: str
    seed: int
    params: ChatParams


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A whole response. Token counts are the model's own; None where a server does not say.
    ``reasoned``: the server gave the reasoning apart, so that ``text`` is the answer alone."""

    text: str
    stop: StopReason
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoned: bool = False


def has_reasoning(message: Mapping[str, Any]) -> bool:
    """Whether a message of a model holds its reasoning apart from its content."""
    return any(message.get(name) for name in _REASONING)


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """There is no response: what was tried last, for people."""

    why: str


Heard = Callable[[ChatRequest, ChatReply | FailedRequest], None]
"""Told of each answer as soon as it is whole. Calls come one at a time."""
StopAsking = Callable[[], bool]
"""Whether nothing more should be asked; looked at before each request or batch."""


class ChatModel(Protocol):
    """A model that writes responses."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What makes two models the same for the purpose of a response, as JSON-able data."""
        ...

    @property
    def remote(self) -> bool:
        """Whether it computes elsewhere, so that others may be asked at the same time."""
        ...

    def answer(self, asks: Sequence[ChatRequest], heard: Heard, stop: StopAsking) -> None:
        """Answer all ``asks``, or as many as there is a wish for. Raises `SparringError` where
        asking on makes no sense; what was heard by then stands."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


def response_key(identity: Mapping[str, Any], ask: ChatRequest) -> str:
    """The name of a response: a hash of all that it follows from. The task is in it by way of the
    prompt's seed, the run's seed too."""
    held = {
        "model": dict(identity),
        "message": ask.message,
        "params": asdict(ask.params),
        "seed": ask.seed,
        "index": ask.index,
    }
    return digest(held)
