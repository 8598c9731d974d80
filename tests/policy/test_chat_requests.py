"""How a server is found and asked, and what a response's key follows from."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from sparring.errors import ConfigError, ModelError, SparringError
from sparring.policy.chat.base import ChatReply, response_key
from sparring.policy.chat.endpoint import Endpoint, ServedModelIdentity, checked_url
from sparring.policy.chat.request_pool import find_served
from tests.fake_openai import PROGRAM, FakeOpenAI, whole
from tests.policy.served import QUICK, answers, ask, model, one


def test_each_response_has_a_seed_and_the_usual_fields(fake: FakeOpenAI) -> None:
    chat_model = model(fake, key="secret")
    answers(
        chat_model, [ask(i, temperature=0.5, top_p=0.9, top_k=40, max_tokens=9) for i in (0, 1)]
    )
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
    assert "secret" not in json.dumps(dict(chat_model.identity))


def test_other_fields_go_where_they_are_known_or_asked_for(fake: FakeOpenAI) -> None:
    asked = {"top_k": 40, "stop": ("END",)}
    one(model(fake, served=ServedModelIdentity(fake.url, "m", True)), **asked)
    assert fake.bodies[-1]["top_k"] == 40
    assert fake.bodies[-1]["stop"] == ["END"]
    extra = {"max_tokens": None, "max_completion_tokens": 50}
    one(model(fake, served=ServedModelIdentity(fake.url, "m", False, extra)), **asked)
    assert "top_k" not in fake.bodies[-1]
    assert "max_tokens" not in fake.bodies[-1]
    assert fake.bodies[-1]["max_completion_tokens"] == 50


@pytest.mark.parametrize(
    ("owner", "takes"), [("vllm", True), ("llamacpp", True), ("me", True), ("openai", False)]
)
def test_the_only_model_is_found_and_what_it_takes(owner: str, takes: bool) -> None:
    with FakeOpenAI(owner=owner) as fake:
        found = find_served(Endpoint(fake.url, None, 5), None, {}, QUICK)
    assert found == ServedModelIdentity(fake.url, "m", takes, {})


def test_a_model_that_is_not_clear_is_a_user_error() -> None:
    two = [{"id": "a"}, {"id": "b"}]
    with FakeOpenAI(models=two) as fake:
        endpoint = Endpoint(fake.url, None, 5)
        with pytest.raises(ConfigError, match=r"which model\? the server has a, b; name one"):
            find_served(endpoint, None, {}, QUICK)
        with pytest.raises(ConfigError, match="has no model c; it has a, b"):
            find_served(endpoint, "c", {}, QUICK)
        assert find_served(endpoint, "b", {}, QUICK).model == "b"
    with FakeOpenAI(models="none") as fake:
        assert find_served(Endpoint(fake.url, None, 5), "b", {}, QUICK).model == "b"
        with pytest.raises(ConfigError, match="which model"):
            find_served(Endpoint(fake.url, None, 5), None, {}, QUICK)
        bare = Endpoint(fake.url.removesuffix("/v1"), None, 5)
        with pytest.raises(ConfigError, match=r"which model.*addresses of most servers end in /v1"):
            find_served(bare, None, {}, QUICK)
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

    model(fake).answer([ask(i) for i in range(3)], lambda _, reply: found.append(reply), stop)
    assert found == []
    assert len(fake.bodies) == 1


def test_the_text_keeps_what_models_write(fake: FakeOpenAI) -> None:
    fake.writes = lambda body: whole(PROGRAM + " ☃\r\n\x00")
    found = one(model(fake))
    assert isinstance(found, ChatReply)
    assert found.text == PROGRAM + " ☃\r\n\x00"
