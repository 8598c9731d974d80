"""A served model over the fake endpoint, asked one thing at a time."""

from __future__ import annotations

from typing import Any

from sparring.policy.chat.base import Answer, Ask, ChatParams, Missing
from sparring.policy.chat.crew import ServedModel
from sparring.policy.chat.endpoint import Endpoint, Served
from sparring.policy.patience import Patience
from sparring.schema import Role
from tests.fake_openai import FakeOpenAI

QUICK = Patience(attempts=3, first=0.01, most=0.02)


def ask(index: int = 0, **params: Any) -> Ask:
    return Ask("t", Role.CODER, index, "Solve it", 11, ChatParams(**params))


def model(fake: FakeOpenAI, seconds: float = 5.0, **options: Any) -> ServedModel:
    served = options.pop("served", Served(fake.url, "m", False))
    options = {"patience": QUICK, "concurrency": 1, **options}
    return ServedModel(Endpoint(fake.url, options.pop("key", None), seconds), served, **options)


def answers(author: ServedModel, asks: list[Ask]) -> dict[int, Answer | Missing]:
    found: dict[int, Answer | Missing] = {}
    author.answer(asks, lambda a, said: found.update({a.index: said}), lambda: False)
    return found


def one(author: ServedModel, **params: Any) -> Answer | Missing:
    return answers(author, [ask(**params)])[0]
