"""Requests that are sent together: an error of one model costs the other nothing."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from sparring.errors import ModelError
from sparring.policy.chat.base import (
    ChatModel,
    ChatParams,
    ChatReply,
    ChatRequest,
    OnReply,
    StopAsking,
)
from sparring.schema import Role, StopReason
from sparring.solving.budget import Budget
from sparring.solving.spending import Spending
from sparring.solving.waves import Wave

CODER = ChatRequest("t", Role.CODER, 0, "write", 1, ChatParams(max_tokens=10))
TESTER = ChatRequest("t", Role.TESTER, 0, "test", 1, ChatParams(max_tokens=10))
REPLY = ChatReply("text", StopReason.END_TOKEN, 3, 4)


@dataclass
class Slow:
    """Model that answers once the other model's error is known, or after a moment."""

    failed: threading.Event
    remote: bool
    busy: int = 0
    identity: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, requests: Sequence[ChatRequest], on_reply: OnReply, stop: StopAsking) -> None:
        self.busy += 1
        self.failed.wait(10)
        threading.Event().wait(0.3)  # more than the wave's look at its threads
        for request in requests:
            on_reply(request, REPLY)
        self.busy -= 1

    def close(self) -> None:
        pass


@dataclass
class Refusing:
    """Model that refuses every request."""

    failed: threading.Event
    error: BaseException
    remote: bool = True
    identity: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, requests: Sequence[ChatRequest], on_reply: OnReply, stop: StopAsking) -> None:
        self.failed.set()
        raise self.error

    def close(self) -> None:
        pass


def wave_of(models: dict[Role, ChatModel], spending: Spending, over: StopAsking) -> Wave:
    requests = {r: r for r in (CODER, TESTER) if spending.reserve(r)}
    return Wave(requests, models, spending, lambda request, reply: None, over)


@pytest.mark.parametrize("remote", [True, False])
def test_what_one_model_has_begun_is_kept_when_the_other_refuses(remote: bool) -> None:
    failed = threading.Event()
    slow = Slow(failed, remote)
    models: dict[Role, ChatModel] = {
        Role.CODER: slow,
        Role.TESTER: Refusing(failed, ModelError("too long")),
    }
    spending = Spending(Budget())
    wave = wave_of(models, spending, lambda: False)
    wave.send()
    assert wave.replies == {CODER: REPLY}
    assert wave.refused == {TESTER: "too long"}
    assert not slow.busy  # so that the next wave may ask a local model again
    assert spending.costs.completion_tokens == 4 + 10


def test_the_end_of_the_session_waits_for_nobody() -> None:
    failed = threading.Event()
    models: dict[Role, ChatModel] = dict.fromkeys(Role, Slow(failed, remote=True))
    spending = Spending(Budget())
    wave = wave_of(models, spending, lambda: True)
    wave.send()
    failed.set()
    assert wave.replies == {}
    assert spending.costs.completion_tokens == 20


def test_a_defect_of_a_model_is_raised() -> None:
    failed = threading.Event()
    models: dict[Role, ChatModel] = {
        Role.CODER: Slow(failed, remote=True),
        Role.TESTER: Refusing(failed, ZeroDivisionError("defect")),
    }
    with pytest.raises(ZeroDivisionError):
        wave_of(models, Spending(Budget()), lambda: False).send()
