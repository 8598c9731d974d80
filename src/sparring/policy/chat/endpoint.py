"""One request to an OpenAI-compatible server: a message in, a text out.

`POST /chat/completions` with the fields that every such server knows. Others,
``top_k`` among them, are refused by some (400), so they are sent to servers
that are known to take them (by what ``/models`` says of its owner) and where
the user adds them. A field added with the value null is left out: that is how
a server is served that wants ``max_completion_tokens``.

What is not sound is `Unanswered` (`policy.http`), and so are an error in a 200, a body of another
form and a response that broke off. Not a fault of the server but what the model gave: an empty
content, or none (a refusal, a tool call, reasoning that filled the limit). That is an answer with
no text, and parsing names it.

Keys are sent and kept nowhere; what a server says is quoted without them.
Nothing is repeated here (`crew`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sparring.errors import ConfigError, ModelError
from sparring.policy.chat.base import ChatReply, ChatRequest, has_reasoning
from sparring.policy.http import Connections, Reply, Unanswered, key_header
from sparring.schema import StopReason

TAKE_TOP_K = ("vllm", "sglang", "llamacpp", "me")
"""``owned_by`` of servers that take ``top_k``; llama-cpp-python calls itself "me"."""
_LENGTH = ("length", "max_tokens")
_BROKEN = ("error", "abort")
"""``finish_reason`` of a response that the server, not the model, has ended."""
_MOST_TOKENS = 1 << 53
"""More is no count."""


@dataclass(frozen=True, slots=True)
class ServedModelIdentity:
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
        self._key = key
        if key and not (key.isascii() and key.isprintable() and key == key.strip()):
            raise ConfigError(
                "the key has blanks around it, or characters that no header can carry"
            )
        local = _loopback(self.url)
        self._http = Connections(self.url, seconds, key_header(key), proxies=not local)

    def models(self) -> list[tuple[str, str]] | None:
        """(name, owner) of each model served; None from a server that has no such list."""
        answer = self._http.send("GET", "/models")
        if answer.status in (404, 405, 501):
            return None
        found = self._checked(answer)
        data = found.get("data")
        if not isinstance(data, list):
            raise Unanswered("a list of models of another form")
        return [
            (m["id"], str(m.get("owned_by", "")))
            for m in data
            if isinstance(m, dict) and isinstance(m.get("id"), str)
        ]

    def complete(self, served: ServedModelIdentity, ask: ChatRequest, seed: int) -> ChatReply:
        """One response. Raises `Unanswered`, or `ModelError` where the request is refused."""
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
        return reply_of(self._checked(self._http.send("POST", "/chat/completions", body)))

    def close(self) -> None:
        self._http.close()

    def _checked(self, reply: Reply) -> dict[str, Any]:
        reply.check_again(self._key)
        code = reply.status
        if code != 200:
            more = ""
            if to := reply.headers.get("Location"):
                more = f"; it sends on to {_shown(to)[:200]}, which is to be named instead"
            elif code == 404 and not self.url.endswith("/v1"):
                more = "; the addresses of most servers end in /v1"
            elif code in (401, 403) and self._key_hint:
                more = f"; {self._key_hint}"
            raise ModelError(f"{self.url}: HTTP {code}: {reply.words(self._key)}{more}")
        found = reply.json()
        if found.get("error") and not found.get("choices"):
            raise Unanswered(f"an error in a 200: {reply.words(self._key)}")
        return found


def reply_of(found: Mapping[str, Any]) -> ChatReply:
    """The response in a body. Raises `Unanswered` for one that holds none."""
    try:
        choice = found["choices"][0]
        message, why = choice["message"], choice["finish_reason"]
        content = message.get("content")
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise Unanswered(f"a body of another form ({type(error).__name__}: {error})") from None
    if not isinstance(content, str | None):
        raise Unanswered(f"a content that is no text ({type(content).__name__})")
    if not isinstance(why, str):
        raise Unanswered("a response that had not ended (no finish_reason)")
    if why in _BROKEN:
        raise Unanswered(f"a response that broke off (finish_reason {why})")
    used = found.get("usage")
    counts = used if isinstance(used, Mapping) else {}
    return ChatReply(
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
