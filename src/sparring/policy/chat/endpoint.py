"""One request to an OpenAI-compatible server: a message in, a text out.

`POST /chat/completions` with the fields that every such server knows. Others,
``top_k`` among them, are refused by some (400), so they are sent to servers
that are known to take them (by what ``/models`` says of its owner) and where
the user adds them. A field added with the value null is left out: that is how
a server is served that wants ``max_completion_tokens``.

What comes back is checked before it is believed. `Unsound` may be mended by
asking again: 408, 409, 425, 429, 5xx, no connection, no answer in time, half a
body, no JSON, another form, an error in a 200, a response that broke off. Any
other status is an error of ours or of the key, and ends the evaluation in one
line. Not a fault of the server but what the model gave: an empty content, or
none (a refusal, a tool call, reasoning that filled the limit). That is an
answer with no text, and parsing names it.

A body is read to its end before it is looked at, so its time and its size are
bounded: a timeout alone begins anew with every byte. Headers that trickle are
not bounded in time, only in size: the HTTP library reads them on its own.

Keys are sent and kept nowhere; what a server says is quoted without them.
Nothing is repeated here (`crew`).
"""

from __future__ import annotations

import ipaddress
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2

from sparring.errors import ConfigError, ModelError
from sparring.policy.chat.base import Answer, Ask, has_reasoning
from sparring.policy.chat.patience import retry_after
from sparring.policy.said import said
from sparring.schema import StopReason

TAKE_TOP_K = ("vllm", "sglang", "llamacpp", "me")
"""``owned_by`` of servers that take ``top_k``; llama-cpp-python calls itself "me"."""
_AGAIN = (408, 409, 425, 429)
_CONNECT = 10.0
_LENGTH = ("length", "max_tokens")
_BROKEN = ("error", "abort")
"""``finish_reason`` of a response that the server, not the model, has ended."""
_MOST = 64 << 20
"""Bytes of a body, unpacked. A response of 100,000 tokens with all its log-probs is less."""
_MOST_TOKENS = 1 << 53
"""More is no count."""


class Unsound(Exception):
    """No whole and sound answer came; another request may bring one. ``wait``: seconds that the
    server wants to be left alone, None if it did not say."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Served:
    """A model at a server, as responses depend on it. ``takes_top_k``: whether that is sent.
    ``extra``: further fields of each request."""

    url: str
    model: str
    takes_top_k: bool
    extra: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As JSON-able data: the model's identity. It holds no key."""
        return {
            "kind": "endpoint",
            "url": self.url,
            "model": self.model,
            "takes_top_k": self.takes_top_k,
            "extra": dict(self.extra),
        }


def checked_url(text: str) -> str:
    """The address that requests go under. Raises `ConfigError`, for one that holds a password
    too: addresses are written to disk."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        sound = False
    if not sound:
        raise ConfigError(
            f"{_shown(text)}: is no address of a server, such as http://127.0.0.1:8000/v1"
        )
    if parts.username or parts.password:
        raise ConfigError(
            f"{parts.hostname}: leave name and password out of the address; give the key in an "
            "environment variable (--coder-key, --tester-key)"
        )
    if parts.query or parts.fragment:
        raise ConfigError(f"{_shown(text)}: leave out what follows the path")
    return parts.geturl().rstrip("/").removesuffix("/chat/completions")


class Endpoint:
    """Speaks with the server at ``url``. Safe to use from several threads."""

    def __init__(self, url: str, key: str | None, seconds: float, key_hint: str = "") -> None:
        """``seconds``: the longest wait for a response. ``key_hint``: where the key came from, for
        people whose key is refused."""
        self.url = checked_url(url)
        self._key_hint = key_hint
        self._key, self._seconds = key, seconds
        if key and not (key.isascii() and key.isprintable() and key == key.strip()):
            raise ConfigError(
                "the key has blanks around it, or characters that no header can carry"
            )
        try:
            self._http = httpx2.Client(
                timeout=httpx2.Timeout(seconds, connect=min(_CONNECT, seconds)),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=256),
                trust_env=not _loopback(self.url),
                headers={"Authorization": f"Bearer {key}"} if key else {},
            )
        except (ValueError, ImportError, httpx2.InvalidURL):
            raise ConfigError(  # its address may hold a password
                f"{self.url}: the proxy that the environment names (HTTP_PROXY, HTTPS_PROXY, "
                "ALL_PROXY) cannot be used; NO_PROXY leaves it out"
            ) from None

    def models(self) -> list[tuple[str, str]] | None:
        """(name, owner) of each model served; None from a server that has no such list."""
        answer = self._sent("GET", "/models", None)
        if answer.status in (404, 405, 501):
            return None
        found = self._checked(answer)
        data = found.get("data")
        if not isinstance(data, list):
            raise Unsound("a list of models of another form")
        return [
            (m["id"], str(m.get("owned_by", "")))
            for m in data
            if isinstance(m, dict) and isinstance(m.get("id"), str)
        ]

    def complete(self, served: Served, ask: Ask, seed: int) -> Answer:
        """One response. Raises `Unsound`, or `ModelError` where the request is refused."""
        params = ask.params
        body: dict[str, Any] = {
            "model": served.model,
            "messages": [{"role": "user", "content": ask.message}],
            "temperature": params.temperature,
            "top_p": params.top_p,
            "max_tokens": params.max_tokens,
            "seed": seed,
        }
        if params.stop:
            body["stop"] = list(params.stop)
        if served.takes_top_k and params.top_k:
            body["top_k"] = params.top_k
        body = {k: v for k, v in {**body, **served.extra}.items() if v is not None}
        return answer_of(self._checked(self._sent("POST", "/chat/completions", body)))

    def close(self) -> None:
        self._http.close()

    def _sent(self, method: str, path: str, body: Mapping[str, Any] | None) -> _Sent:
        end = time.monotonic() + self._seconds
        try:
            with self._http.stream(method, f"{self.url}{path}", json=body) as answer:
                content = bytearray()
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > _MOST:
                        raise Unsound(f"a body of more than {_MOST >> 20} MiB")
                    if time.monotonic() > end:
                        raise Unsound("no answer in time (the body had begun)")
        except httpx2.TimeoutException as error:
            raise Unsound(f"no answer in time ({type(error).__name__})") from None
        except httpx2.HTTPError as error:
            raise Unsound(f"no whole answer ({type(error).__name__}: {error})") from None
        except httpx2.InvalidURL as error:
            raise ConfigError(f"{self.url}: {error}") from None
        return _Sent(answer.status_code, answer.reason_phrase, answer.headers, bytes(content))

    def _checked(self, answer: _Sent) -> dict[str, Any]:
        code = answer.status
        if code in _AGAIN or code >= 500:
            wait = retry_after(answer.headers.get("Retry-After"))
            raise Unsound(f"HTTP {code}: {self._said(answer)}", wait)
        if code != 200:
            more = ""
            if to := answer.headers.get("Location"):
                more = f"; it sends on to {_shown(to)[:200]}, which is to be named instead"
            elif code == 404 and not self.url.endswith("/v1"):
                more = "; the addresses of most servers end in /v1"
            elif code in (401, 403) and self._key_hint:
                more = f"; {self._key_hint}"
            raise ModelError(f"{self.url}: HTTP {code}: {self._said(answer)}{more}")
        try:
            found = json.loads(answer.content)
        except (ValueError, RecursionError):
            raise Unsound("a body that is no JSON") from None
        if not isinstance(found, dict):
            raise Unsound("a body that is no JSON object")
        if found.get("error") and not found.get("choices"):
            raise Unsound(f"an error in a 200: {self._said(answer)}")
        return found

    def _said(self, answer: _Sent) -> str:
        return said(answer.content, answer.reason, self._key)


@dataclass(frozen=True, slots=True)
class _Sent:
    """What a server sent, whole."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes


def answer_of(found: Mapping[str, Any]) -> Answer:
    """The response in a body. Raises `Unsound` for one that holds none."""
    try:
        choice = found["choices"][0]
        message, why = choice["message"], choice["finish_reason"]
        content = message.get("content")
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise Unsound(f"a body of another form ({type(error).__name__}: {error})") from None
    if not isinstance(content, str | None):
        raise Unsound(f"a content that is no text ({type(content).__name__})")
    if not isinstance(why, str):
        raise Unsound("a response that had not ended (no finish_reason)")
    if why in _BROKEN:
        raise Unsound(f"a response that broke off (finish_reason {why})")
    used = found.get("usage")
    counts = used if isinstance(used, Mapping) else {}
    return Answer(
        text=(content or "").encode("utf-8", "replace").decode(),
        stop=StopReason.LENGTH if why in _LENGTH else StopReason.END_TOKEN,
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
        reasoned=has_reasoning(message),
    )


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _MOST_TOKENS else None


def _shown(address: str) -> str:
    """An address without what may be a secret: name and password, and all behind the path."""
    return re.split(r"[?#]", re.sub(r"//.*@", "//…@", address, flags=re.DOTALL))[0]


def _loopback(url: str) -> bool:
    """Servers of this machine are never spoken to through a proxy."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
