"""A served model over the fake endpoint, asked one thing at a time."""

from __future__ import annotations

from typing import Any

from sparring.policy.chat.base import ChatParams, ChatReply, ChatRequest, FailedRequest
from sparring.policy.chat.endpoint import Endpoint, ServedModelIdentity
from sparring.policy.chat.request_pool import ServedModel
from sparring.policy.retry import RetryPolicy
from sparring.schema import Role
from tests.fake_openai import FakeOpenAI

QUICK = RetryPolicy(attempts=3, first=0.01, most=0.02)


def ask(index: int = 0, **params: Any) -> ChatRequest:
    return ChatRequest("t", Role.CODER, index, "Solve it", 11, ChatParams(**params))


def model(fake: FakeOpenAI, seconds: float = 5.0, **options: Any) -> ServedModel:
    served = options.pop("served", ServedModelIdentity(fake.url, "m", False))
    options = {"patience": QUICK, "concurrency": 1, **options}
    return ServedModel(Endpoint(fake.url, options.pop("key", None), seconds), served, **options)


def answers(
    chat_model: ServedModel, asks: list[ChatRequest]
) -> dict[int, ChatReply | FailedRequest]:
    found: dict[int, ChatReply | FailedRequest] = {}
    chat_model.answer(asks, lambda a, reply: found.update({a.index: reply}), lambda: False)
    return found


def one(chat_model: ServedModel, **params: Any) -> ChatReply | FailedRequest:
    return answers(chat_model, [ask(**params)])[0]
