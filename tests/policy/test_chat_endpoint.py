"""What comes of each thing that a server may do."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sparring.errors import ConfigError, ModelError
from sparring.policy.chat.base import ChatReply, FailedRequest
from sparring.policy.chat.endpoint import Endpoint, ServedModelIdentity
from sparring.policy.chat.request_pool import ServedModel
from sparring.policy.http import Unanswered
from sparring.schema import StopReason
from tests.fake_openai import FakeOpenAI, whole
from tests.policy.served import QUICK, answers, ask, model, one

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
    assert isinstance(found, ChatReply)
    assert found.text.startswith("Thus")
    assert len(fake.bodies) == 3
    assert fake.bodies[0] == fake.bodies[2]


@pytest.mark.parametrize("fault", MENDED.values(), ids=MENDED)
def test_a_response_that_never_comes_is_missing_and_not_empty(fake: FakeOpenAI, fault: Any) -> None:
    fake.always = fault
    found = one(model(fake))
    assert isinstance(found, FailedRequest)
    assert found.why
    assert len(fake.bodies) == QUICK.attempts


def test_a_server_that_says_nothing_is_asked_again_after_the_timeout(fake: FakeOpenAI) -> None:
    fake.faults = ["hang"]
    assert isinstance(one(model(fake, seconds=0.3)), ChatReply)
    assert len(fake.bodies) == 2


def test_no_time_left_is_no_time_limit(fake: FakeOpenAI) -> None:
    fake.always = "hang"
    served = ServedModelIdentity(fake.url, "m", False)
    endpoint = Endpoint(fake.url, None, 30.0)
    with pytest.raises(Unanswered, match=r"no answer in 0\.01 s|timed out"):
        endpoint.complete(served, ask(), 1, most_seconds=0.0)
    endpoint.close()


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
    assert one(model(fake)) == ChatReply(text, stop, 7, 5)
    assert len(fake.bodies) == 1


def test_token_counts_that_are_none_are_unknown(fake: FakeOpenAI) -> None:
    fake.writes = lambda body: whole("x", tokens=None)
    assert one(model(fake)) == ChatReply("x", StopReason.END_TOKEN, None, None)
    fake.writes = lambda body: whole("x", tokens=-3, prompt=True)  # type: ignore[arg-type]
    assert one(model(fake)) == ChatReply("x", StopReason.END_TOKEN, None, None)
    fake.writes = lambda body: whole("x", tokens=10**400)
    assert one(model(fake)) == ChatReply("x", StopReason.END_TOKEN, 7, None)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ((200, {}, b'{"error": {"message": "no credit"}}'), "an error in a 200: no credit"),
        ((500, {}, b'{"error": "no \x00 room"}'), 'HTTP 500: {"error": "no \\x00 room"}'),
        ((429, {"Content-Type": "text/plain; charset=hex"}, b"slow \xff"), "HTTP 429: slow \ufffd"),
    ],
)
def test_the_servers_own_words_are_told(fake: FakeOpenAI, fault: Any, said: str) -> None:
    fake.always = fault
    assert one(model(fake)) == FailedRequest(said)


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
    served = ServedModelIdentity(fake.url.removesuffix("/v1"), "m", False)
    chat_model = ServedModel(Endpoint(served.url, None, 5.0), served, patience=QUICK)
    with pytest.raises(ModelError, match=r"HTTP 404: .*end in /v1"):
        one(chat_model)


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
    with listening, pytest.raises(Unanswered, match="no answer in time"):
        Endpoint(url, None, 0.5).complete(ServedModelIdentity(url, "m", False), ask(), 1)


def test_a_body_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.policy.http._MOST", 1 << 20)

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * (1 << 16)

    url, listening = _raw(endless())
    with listening, pytest.raises(Unanswered, match="larger than 1 MiB"):
        Endpoint(url, None, 30.0).complete(ServedModelIdentity(url, "m", False), ask(), 1)


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
