"""Interface of chat models: requests and replies as text, for evaluation.

Training needs token ids and log-probs (`policy.base`). Evaluation needs the text alone, and some
models give nothing else. So this interface has top-p and top-k, which training refuses.

A `ChatModel` passes on each reply as soon as the reply is complete, in any order. A request without
a reply becomes a `FailedRequest`, which must never count as a wrong answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

from sparring.errors import ConfigError
from sparring.files import digest
from sparring.schema import Role, StopReason

_REASONING = ("reasoning_content", "reasoning", "thinking")
"""Keys under which servers send a message's reasoning apart from its content."""


@dataclass(frozen=True, slots=True)
class ChatParams:
    """Sampling parameters of a response.

    ``temperature`` divides the logits; at 0 the likeliest token is taken. Then the ``top_k``
    likeliest tokens are kept (0: all). Of these, the smallest number of tokens whose probabilities
    sum to ``top_p`` is kept. ``max_tokens`` counts the end token. A response ends before the first
    of the ``stop`` strings. Raises `ConfigError` for values out of range.
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
    """Request for one response to a message. ``seed`` is the prompt's seed; ``index`` numbers the
    responses to the prompt."""

    task_id: str
    role: Role
    index: int
    message: str
    seed: int
    params: ChatParams


@dataclass(frozen=True, slots=True)
class ChatReply:
    """Complete response. Token counts are the model's own; None if the server reports none.
    ``reasoned``: the server sent the reasoning in a separate field, so ``text`` is the answer
    alone."""

    text: str
    stop: StopReason
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoned: bool = False


def has_reasoning(message: Mapping[str, Any]) -> bool:
    """Return whether a model's message holds its reasoning apart from its content."""
    return any(message.get(name) for name in _REASONING)


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """Request without a response. ``why`` is the reason of the last attempt, as text."""

    why: str


OnReply = Callable[[ChatRequest, ChatReply | FailedRequest], None]
"""Function called with each request and its reply, as soon as the reply is complete. Calls come one
at a time."""
StopAsking = Callable[[], bool]
"""Function that returns true once no further request shall be sent; called before each request or
batch."""


class AttemptMeter(Protocol):
    """Meter of the attempts at requests to a server. It may refuse an attempt."""

    def attempt(self, request: ChatRequest) -> bool:
        """Count an attempt before it is sent. False if it must not be sent."""
        ...

    def refused(self, request: ChatRequest) -> None:
        """Note that the server has computed nothing in the last attempt."""
        ...

    def seconds_left(self) -> float | None:
        """Return the longest that the attempt may take, in seconds; None without a bound."""
        ...


class ChatModel(Protocol):
    """Interface of every model that answers messages."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """Return everything about the model that its responses depend on, as JSON data."""
        ...

    @property
    def remote(self) -> bool:
        """Return whether the model computes elsewhere, so that other models may be asked at the
        same time."""
        ...

    def answer(self, requests: Sequence[ChatRequest], on_reply: OnReply, stop: StopAsking) -> None:
        """Answer all ``requests``, or only the requests sent before ``stop`` returned true. Raises
        `SparringError` if no further request can succeed; replies that were passed on before stay
        valid."""
        ...

    def close(self) -> None:
        """Free the model's memory and connections."""
        ...


@runtime_checkable
class BoundedModel(Protocol):
    """Chat model that counts its own attempts and can be interrupted."""

    def bounded(self, meter: AttemptMeter, over: StopAsking) -> ChatModel:
        """Return the model within the bounds of a session: ``meter`` counts each attempt, and a
        response in the making is dropped once ``over`` returns true."""
        ...


def response_key(identity: Mapping[str, Any], request: ChatRequest) -> str:
    """Return the key under which a response is stored: a hash of everything that the response
    depends on. The prompt's seed stands for the task and for the run's seed."""
    determinants = {
        "model": dict(identity),
        "message": request.message,
        "params": asdict(request.params),
        "seed": request.seed,
        "index": request.index,
    }
    return digest(determinants)
