"""What comes of each thing that a server may do, and how a server is asked."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.fake_openai import PROGRAM, FakeOpenAI, whole

from sparring.errors import ConfigError, ModelError, SparringError, Stopped
from sparring.sampling.chat.base import Answer, Ask, ChatParams, Missing, response_key
from sparring.sampling.chat.crew import ServedModel, find_served
from sparring.sampling.chat.endpoint import Endpoint, Served, Unsound, checked_url
from sparring.sampling.chat.patience import Pace, Patience, retry_after
from sparring.schema import Role, StopReason

QUICK = Patience(attempts=3, first=0.01, most=0.02)


@pytest.fixture
def fake() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


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


MENDED = {
    "429": (429, {}, b'{"error": {"message": "slow down"}}'),
    "408": (408, {}, b""),
    "409": (409, {}, b""),
    "500": (500, {}, b"oh"),
    "503": (503, {}, b""),
    "garbage": (200, {}, b"<html>gateway</html>"),
    "no object": (200, {}, b"[1]"),
    "other form": (200, {}, b'{"choices": [{}]}'),
    "no choice": (200, {}, b'{"choices": []}'),
    "error with status 200": (200, {}, b'{"error": {"message": "busy"}}'),
    "error with status 200 and no choices": (200, {}, b'{"error": "busy", "choices": []}'),
    "broken off by the server": (200, {}, json.dumps(whole("x", "error")).encode()),
    "nested too deep": (200, {}, b"[" * 100_000),
    "no such packing": (200, {"Content-Encoding": "gzip"}, b"hello"),
    "content is a number": (200, {}, json.dumps(whole(4)).encode()),
    "not ended": (200, {}, json.dumps(whole("x", None)).encode()),
    "half a body": "half",
    "connection dropped": "drop",
}


@pytest.mark.parametrize("fault", MENDED.values(), ids=MENDED)
def test_what_a_repetition_may_mend_is_asked_again(fake: FakeOpenAI, fault: Any) -> None:
    fake.faults = [fault, fault]
    found = one(model(fake))
    assert isinstance(found, Answer)
    assert found.text.startswith("Thus")
    assert len(fake.bodies) == 3
    assert fake.bodies[0] == fake.bodies[2]


@pytest.mark.parametrize("fault", MENDED.values(), ids=MENDED)
def test_a_response_that_never_comes_is_missing_and_not_empty(fake: FakeOpenAI, fault: Any) -> None:
    fake.always = fault
    found = one(model(fake))
    assert isinstance(found, Missing)
    assert found.why
    assert len(fake.bodies) == QUICK.attempts


def test_a_server_that_says_nothing_is_asked_again_after_the_timeout(fake: FakeOpenAI) -> None:
    fake.faults = ["hang"]
    assert isinstance(one(model(fake, seconds=0.3)), Answer)
    assert len(fake.bodies) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_request_that_is_refused_ends_at_once_in_one_line(fake: FakeOpenAI, status: int) -> None:
    fake.always = (status, {}, b'{"error": {"message": "no such\\n thing"}}')
    with pytest.raises(ModelError, match=f"HTTP {status}: no such thing") as caught:
        answers(model(fake, concurrency=2), [ask(i) for i in range(20)])
    assert "\n" not in str(caught.value)
    assert len(fake.bodies) <= 4


@pytest.mark.parametrize(
    ("content", "finish", "text", "stop"),
    [
        ("abc", "length", "abc", StopReason.LENGTH),
        ("", "stop", "", StopReason.END_TOKEN),
        (None, "tool_calls", "", StopReason.END_TOKEN),
        (None, "length", "", StopReason.LENGTH),
        ("I must not", "content_filter", "I must not", StopReason.END_TOKEN),
        ("a\ud800b", "stop", "a?b", StopReason.END_TOKEN),
    ],
)
def test_what_the_model_gave_is_an_answer_even_if_it_is_nothing(
    fake: FakeOpenAI, content: Any, finish: str, text: str, stop: StopReason
) -> None:
    fake.writes = lambda body: whole(content, finish)
    assert one(model(fake)) == Answer(text, stop, 7, 5)
    assert len(fake.bodies) == 1


def test_token_counts_that_are_none_are_unknown(fake: FakeOpenAI) -> None:
    fake.writes = lambda body: whole("x", tokens=None)
    assert one(model(fake)) == Answer("x", StopReason.END_TOKEN, None, None)
    fake.writes = lambda body: whole("x", tokens=-3, prompt=True)  # type: ignore[arg-type]
    assert one(model(fake)) == Answer("x", StopReason.END_TOKEN, None, None)
    fake.writes = lambda body: whole("x", tokens=10**400)
    assert one(model(fake)) == Answer("x", StopReason.END_TOKEN, 7, None)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ((200, {}, b'{"error": {"message": "no credit"}}'), "an error in a 200: no credit"),
        ((500, {}, b'{"error": "no \x00 room"}'), 'HTTP 500: {"error": "no \x00 room"}'),
        ((429, {"Content-Type": "text/plain; charset=hex"}, b"slow \xff"), "HTTP 429: slow \ufffd"),
    ],
)
def test_the_servers_own_words_are_told(fake: FakeOpenAI, fault: Any, said: str) -> None:
    fake.always = fault
    assert one(model(fake)) == Missing(said)


def test_words_that_quote_the_key_are_told_without_it(fake: FakeOpenAI) -> None:
    for status in (429, 401):
        fake.always = (status, {}, b'{"error": {"message": "Incorrect key: sk-secret."}}')
        try:
            said = str(one(model(fake, key="sk-secret")))
        except ModelError as error:
            said = str(error)
        assert "Incorrect key: [the key]." in said
        assert "secret" not in said


def test_a_redirect_names_where_to_without_its_secrets(fake: FakeOpenAI) -> None:
    fake.always = (308, {"Location": "https://me:secret@host/v1?token=secret"}, b"")
    with pytest.raises(ModelError, match=r"HTTP 308: .*sends on to https://…@host/v1,") as caught:
        one(model(fake))
    assert "secret" not in str(caught.value)


def test_a_path_that_is_not_there_gets_a_hint(fake: FakeOpenAI) -> None:
    fake.always = (404, {}, b"")
    served = Served(fake.url.removesuffix("/v1"), "m", False)
    author = ServedModel(Endpoint(served.url, None, 5.0), served, patience=QUICK)
    with pytest.raises(ModelError, match=r"HTTP 404: .*end in /v1"):
        one(author)


def _raw(pieces: Iterator[bytes]) -> tuple[str, socket.socket]:
    """A server that sends ``pieces`` to the first request, whatever it is."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for piece in pieces:
                connection.sendall(piece)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/v1", listening


def test_a_body_that_trickles_is_no_answer_in_time() -> None:
    """Each byte comes in time, the body never does."""

    def trickle() -> Iterator[bytes]:
        while True:
            yield b" "
            time.sleep(0.05)

    url, listening = _raw(trickle())
    with listening, pytest.raises(Unsound, match="no answer in time"):
        Endpoint(url, None, 0.5).complete(Served(url, "m", False), ask(), 1)


def test_a_body_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.sampling.chat.endpoint._MOST", 1 << 20)

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * (1 << 16)

    url, listening = _raw(endless())
    with listening, pytest.raises(Unsound, match="more than 1 MiB"):
        Endpoint(url, None, 30.0).complete(Served(url, "m", False), ask(), 1)


@pytest.mark.parametrize("key", ["sk-secret\nX: y", "sk-secret\r", " sk-secret", "sk-sécret"])
def test_a_key_that_no_header_can_carry_is_not_quoted(key: str) -> None:
    with pytest.raises(ConfigError, match="the key has") as caught:
        Endpoint("http://127.0.0.1:9/v1", key, 1.0)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["ftp://me:secret@x", "socks9://me:secret@x", "http://[::"])
def test_a_proxy_that_cannot_be_used_is_a_user_error(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ConfigError, match="the proxy that the environment names") as caught:
        Endpoint("http://192.0.2.1/v1", None, 1.0)
    assert "secret" not in str(caught.value)
    Endpoint("http://127.0.0.1:9/v1", None, 1.0).close()  # this machine's servers need none


class _Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("sparring.sampling.chat.patience.time.monotonic", lambda: self.now)
        monkeypatch.setattr("sparring.sampling.chat.patience.time.sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_requests_per_minute_are_spaced(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock(monkeypatch)
    pace = Pace(per_minute=30)
    went = []
    for _ in range(4):
        assert pace.wait(lambda: False)
        went.append(clock.now - 100)
    assert went == pytest.approx([0, 2, 4, 6])


def test_nothing_goes_while_a_server_wants_to_be_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = _Clock(monkeypatch)
    pace = Pace()
    pace.hold(7.5)
    pace.hold(1.0)  # a shorter wish of another request changes nothing
    assert pace.wait(lambda: False)
    assert clock.now - 100 == pytest.approx(7.5)
    pace.hold(60)
    assert not pace.wait(lambda: clock.now > 120)


def test_retry_after_holds_back_every_request(fake: FakeOpenAI) -> None:
    held: list[float] = []

    class Noted(Pace):
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
    monkeypatch.setattr("sparring.sampling.chat.crew.rest", lambda s, stop: rested.append(s))
    fake.always = (429, {"Retry-After": wish}, b"")
    one(model(fake))
    assert len(rested) == QUICK.attempts - 1
    assert all(s > 0 for s in rested)


def test_waiting_for_a_server_ends_when_that_is_wished(fake: FakeOpenAI) -> None:
    fake.models = "busy"
    with pytest.raises(Stopped, match="had not answered so far"):
        find_served(
            Endpoint(fake.url, None, 5), None, {}, Patience(first=99.0, most=99.0), lambda: True
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
    patience = Patience(first=1.0, most=10.0)
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
    assert all(isinstance(x, Missing) for x in found.values())
    assert 1 <= len(found) < 10


def test_a_prompt_that_a_server_fails_on_does_not_end_the_asking(fake: FakeOpenAI) -> None:
    usual = fake.writes
    fake.writes = lambda body: {} if "Poison" in body["messages"][0]["content"] else usual(body)
    bad = [replace(ask(i), task_id="bad", message="Poison") for i in range(16)]
    found = answers(model(fake), [*bad, *(ask(i) for i in range(16, 20))])
    assert [isinstance(found[i], Missing) for i in range(20)] == [True] * 16 + [False] * 4


def test_a_server_that_comes_back_is_used_again(fake: FakeOpenAI) -> None:
    port = fake.port
    author = model(fake, patience=Patience(attempts=30, first=0.05, most=0.1))
    found: dict[int, Answer | Missing] = {}
    back: list[FakeOpenAI] = []

    def heard(a: Ask, said: Answer | Missing) -> None:
        found[a.index] = said
        if a.index == 3:
            fake.close()
            timer = threading.Timer(0.4, lambda: back.append(FakeOpenAI(port)))
            timer.daemon = True
            timer.start()

    author.answer([ask(i) for i in range(8)], heard, lambda: False)
    try:
        assert sorted(found) == list(range(8))
        assert all(isinstance(x, Answer) for x in found.values())
        served = fake.served + back[0].served
        assert set(served.values()) == {1}
        assert len(served) == 8
    finally:
        back[0].close()


def test_each_response_has_a_seed_and_the_usual_fields(fake: FakeOpenAI) -> None:
    author = model(fake, key="secret")
    answers(author, [ask(i, temperature=0.5, top_p=0.9, top_k=40, max_tokens=9) for i in (0, 1)])
    first, second = sorted(fake.bodies, key=lambda b: b["seed"])
    assert first["seed"] != second["seed"]
    assert all(0 <= b["seed"] < 1 << 31 for b in fake.bodies)
    del first["seed"]
    assert first == {
        "model": "m",
        "messages": [{"role": "user", "content": "Solve it"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 9,
    }
    assert fake.headers[0]["Authorization"] == "Bearer secret"
    assert "secret" not in json.dumps(dict(author.identity))


def test_other_fields_go_where_they_are_known_or_asked_for(fake: FakeOpenAI) -> None:
    asked = {"top_k": 40, "stop": ("END",)}
    one(model(fake, served=Served(fake.url, "m", True)), **asked)
    assert fake.bodies[-1]["top_k"] == 40
    assert fake.bodies[-1]["stop"] == ["END"]
    extra = {"max_tokens": None, "max_completion_tokens": 50}
    one(model(fake, served=Served(fake.url, "m", False, extra)), **asked)
    assert "top_k" not in fake.bodies[-1]
    assert "max_tokens" not in fake.bodies[-1]
    assert fake.bodies[-1]["max_completion_tokens"] == 50


@pytest.mark.parametrize(
    ("owner", "takes"), [("vllm", True), ("llamacpp", True), ("me", True), ("openai", False)]
)
def test_the_only_model_is_found_and_what_it_takes(owner: str, takes: bool) -> None:
    with FakeOpenAI(owner=owner) as fake:
        found = find_served(Endpoint(fake.url, None, 5), None, {}, QUICK)
    assert found == Served(fake.url, "m", takes, {})


def test_a_model_that_is_not_clear_is_a_user_error() -> None:
    two = [{"id": "a"}, {"id": "b"}]
    with FakeOpenAI(models=two) as fake:
        endpoint = Endpoint(fake.url, None, 5)
        with pytest.raises(ConfigError, match=r"which model.*it has a, b"):
            find_served(endpoint, None, {}, QUICK)
        with pytest.raises(ConfigError, match="has no model c; it has a, b"):
            find_served(endpoint, "c", {}, QUICK)
        assert find_served(endpoint, "b", {}, QUICK).model == "b"
    with FakeOpenAI(models="none") as fake:
        assert find_served(Endpoint(fake.url, None, 5), "b", {}, QUICK).model == "b"
        with pytest.raises(ConfigError, match="which model"):
            find_served(Endpoint(fake.url, None, 5), None, {}, QUICK)
    with pytest.raises(ModelError, match=r"does not answer .* is it running"):
        find_served(endpoint, "b", {}, QUICK)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://", "is no address"),
        ("ftp://host/v1", "is no address"),
        ("http://host:nan/v1", "is no address"),
        ("http://me:pass@host/v1", "leave name and password out"),
        ("http://host/v1?key=pass", "leave out what follows"),
        ("http://me:pass@/v1", "//…@/v1: is no address"),
        ("http://me:pass/w@host:1/v1", "//…@host:1/v1: is no address"),
        ("https://me:pass@[::1/v1", "is no address"),
        ("http://host/v1#pass", "leave out what follows"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(text: str, why: str) -> None:
    with pytest.raises(SparringError, match=why) as caught:
        checked_url(text)
    assert "me:pass" not in str(caught.value)
    assert "#pass" not in str(caught.value)
    assert "=pass" not in str(caught.value)
    assert "pass@" not in str(caught.value)


def test_an_address_may_end_in_the_whole_path() -> None:
    assert checked_url("http://h:1/v1/") == "http://h:1/v1"
    assert checked_url("http://h:1/v1/chat/completions") == "http://h:1/v1"


def test_the_key_of_a_response_follows_all_that_it_follows_from() -> None:
    base = ask()
    others = [
        ask(1),
        ask(temperature=0.7),
        ask(top_k=5),
        ask(stop=("x",)),
        replace(base, message="other"),
        replace(base, seed=12),
    ]
    identity = {"model": "m"}
    keys = {response_key(identity, a) for a in (base, *others)}
    keys.add(response_key({"model": "n"}, base))
    assert len(keys) == len(others) + 2
    assert response_key(identity, replace(base, task_id="the seed tells tasks apart")) in keys


def test_a_wish_to_stop_ends_even_a_long_wait(fake: FakeOpenAI) -> None:
    fake.always = (503, {"Retry-After": "3000"}, b"")
    begun = threading.Event()
    found: list[Any] = []

    def stop() -> bool:
        begun.set()
        return len(fake.bodies) > 0

    model(fake).answer([ask(i) for i in range(3)], lambda a, said: found.append(said), stop)
    assert found == []
    assert len(fake.bodies) == 1


def test_the_text_keeps_what_models_write(fake: FakeOpenAI) -> None:
    fake.writes = lambda body: whole(PROGRAM + " ☃\r\n\x00")
    found = one(model(fake))
    assert isinstance(found, Answer)
    assert found.text == PROGRAM + " ☃\r\n\x00"
