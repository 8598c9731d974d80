"""A local model within the bounds of a session: attempts counted, decoding interrupted."""

from __future__ import annotations

from sparring.policy.chat.base import ChatParams, ChatReply, ChatRequest, FailedRequest
from sparring.policy.local.chat import LoadedModel, LocalModel
from sparring.schema import Role
from tests.nano import TinyTokenizer, tiny_model

REQUESTS = [
    ChatRequest("t", Role.CODER, i, "m", 5, ChatParams(temperature=1.0, max_tokens=16))
    for i in range(3)
]


class Meter:
    """Meter that counts attempts, and lets ``most`` of them through."""

    def __init__(self, most: int = 100) -> None:
        self.attempts: list[int] = []
        self.most = most

    def attempt(self, request: ChatRequest) -> bool:
        if len(self.attempts) == self.most:
            return False
        self.attempts.append(request.index)
        return True

    def refused(self, request: ChatRequest) -> None:
        raise AssertionError

    def seconds_left(self) -> float | None:
        return None


def replies(meter: Meter, tokens: int, rows: int = 64) -> dict[int, str]:
    """The replies, if the session is over after so many looks: one before each token."""
    loaded = LoadedModel(tiny_model(), TinyTokenizer(), lambda m, t: [(3, 4, 5) for _ in m])
    found: dict[int, str] = {}
    looks = iter(range(10**6))

    def on_reply(request: ChatRequest, reply: ChatReply | FailedRequest) -> None:
        assert isinstance(reply, ChatReply)
        found[request.index] = reply.text

    model = LocalModel("tiny", {}, lambda: loaded, rows)
    bounded = model.bounded(meter, lambda: next(looks) >= tokens)
    bounded.answer(REQUESTS, on_reply, lambda: False)
    return found


def test_each_response_is_one_attempt() -> None:
    meter = Meter()
    assert sorted(replies(meter, 10**6)) == [0, 1, 2]
    assert meter.attempts == [0, 1, 2]


def test_a_response_that_has_not_ended_is_dropped() -> None:
    whole = replies(Meter(), 10**6)
    for tokens in (0, 1, 5, 15):
        some = replies(Meter(), tokens)
        assert some.items() <= whole.items()
        assert len(some) < 3
    assert replies(Meter(), 0) == {}


def test_nothing_is_sampled_without_an_attempt() -> None:
    meter = Meter(most=2)
    assert len(replies(meter, 10**6, rows=1)) == 2
