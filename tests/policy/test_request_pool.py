"""When a server is asked again, and when it is left alone."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from sparring.errors import Stopped
from sparring.policy.chat.base import ChatReply, ChatRequest, FailedRequest
from sparring.policy.chat.endpoint import Endpoint
from sparring.policy.chat.request_pool import find_served
from sparring.policy.http import retry_after
from sparring.policy.retry import RequestPacer, RetryPolicy
from tests.fake_openai import FakeOpenAI, whole
from tests.policy.served import QUICK, answers, ask, model, one


class _Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("sparring.policy.retry.time.monotonic", lambda: self.now)
        monkeypatch.setattr("sparring.policy.retry.time.sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_requests_per_minute_are_spaced(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock(monkeypatch)
    pace = RequestPacer(per_minute=30)
    went = []
    for _ in range(4):
        assert pace.wait(lambda: False)
        went.append(clock.now - 100)
    assert went == pytest.approx([0, 2, 4, 6])


def test_nothing_goes_while_a_server_wants_to_be_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = _Clock(monkeypatch)
    pace = RequestPacer()
    pace.hold(7.5)
    pace.hold(1.0)  # a shorter wish of another request changes nothing
    assert pace.wait(lambda: False)
    assert clock.now - 100 == pytest.approx(7.5)
    pace.hold(60)
    assert not pace.wait(lambda: clock.now > 120)


def test_retry_after_holds_back_every_request(fake: FakeOpenAI) -> None:
    held: list[float] = []

    class Noted(RequestPacer):
        def hold(self, seconds: float) -> bool:
            held.append(seconds)
            return True

    fake.faults = [(429, {"Retry-After": "17"}, b""), (503, {}, b"")]
    answers(model(fake, pace=Noted()), [ask(0), ask(1)])
    assert held == [17.0]
    assert len(fake.bodies) == 4


@pytest.mark.parametrize("wish", ["0", "-5", "Thu, 01 Jan 1970 00:00:10 GMT"])
def test_a_server_that_wants_to_be_asked_at_once_is_given_a_pause(
    fake: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    """All attempts would be spent before it had recovered."""
    rested: list[float] = []
    monkeypatch.setattr(
        "sparring.policy.retry.wait_unless_stopped", lambda s, stop: rested.append(s)
    )
    fake.always = (429, {"Retry-After": wish}, b"")
    one(model(fake))
    assert len(rested) == QUICK.attempts - 1
    assert all(s > 0 for s in rested)


def test_waiting_for_a_server_ends_when_that_is_wished(fake: FakeOpenAI) -> None:
    fake.models = "busy"
    with pytest.raises(Stopped, match="had not answered so far"):
        find_served(
            Endpoint(fake.url, None, 5), None, {}, RetryPolicy(first=99.0, most=99.0), lambda: True
        )


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0.25", 0.25),
        ("Thu, 01 Jan 1970 00:01:10 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("-1", 0.0),
        ("1e9", 3600.0),
        ("nan", None),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, now=lambda: 60.0) == seconds


def test_pauses_grow_are_jittered_and_bounded() -> None:
    patience = RetryPolicy(first=1.0, most=10.0)
    drawn = {k: [patience.pause(k) for _ in range(200)] for k in (1, 2, 3, 20, 5000)}
    for k, whole_pause in ((1, 1.0), (2, 2.0), (3, 4.0), (20, 10.0), (5000, 10.0)):
        assert all(whole_pause / 2 <= x <= whole_pause for x in drawn[k])
        assert len(set(drawn[k])) > 100


def test_no_more_requests_at_once_than_allowed(fake: FakeOpenAI) -> None:
    most, now, lock = 0, 0, threading.Lock()

    def writes(body: dict[str, Any]) -> dict[str, Any]:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return whole("x")

    fake.writes = writes
    answers(model(fake, concurrency=3), [ask(i) for i in range(12)])
    assert 2 <= most <= 3


def test_a_server_that_is_gone_is_not_asked_for_every_response(fake: FakeOpenAI) -> None:
    fake.always = (503, {}, b"")
    found = answers(model(fake), [replace(ask(i), task_id=f"t{i}") for i in range(50)])
    assert all(isinstance(x, FailedRequest) for x in found.values())
    assert 1 <= len(found) < 10


def test_a_prompt_that_a_server_fails_on_does_not_end_the_asking(fake: FakeOpenAI) -> None:
    usual = fake.writes
    fake.writes = lambda body: {} if "Poison" in body["messages"][0]["content"] else usual(body)
    bad = [replace(ask(i), task_id="bad", message="Poison") for i in range(16)]
    found = answers(model(fake), [*bad, *(ask(i) for i in range(16, 20))])
    assert [isinstance(found[i], FailedRequest) for i in range(20)] == [True] * 16 + [False] * 4


def test_a_server_that_comes_back_is_used_again(fake: FakeOpenAI) -> None:
    port = fake.port
    chat_model = model(fake, patience=RetryPolicy(attempts=30, first=0.05, most=0.1))
    found: dict[int, ChatReply | FailedRequest] = {}
    back: list[FakeOpenAI] = []

    def on_reply(a: ChatRequest, reply: ChatReply | FailedRequest) -> None:
        found[a.index] = reply
        if a.index == 3:
            fake.close()
            timer = threading.Timer(0.4, lambda: back.append(FakeOpenAI(port)))
            timer.daemon = True
            timer.start()

    chat_model.answer([ask(i) for i in range(8)], on_reply, lambda: False)
    try:
        assert sorted(found) == list(range(8))
        assert all(isinstance(x, ChatReply) for x in found.values())
        served = fake.served + back[0].served
        assert set(served.values()) == {1}
        assert len(served) == 8
    finally:
        back[0].close()
