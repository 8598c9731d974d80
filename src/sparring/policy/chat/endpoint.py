"""One request to an OpenAI-compatible server: a message goes out, a text comes back.

The request is `POST /chat/completions` with the fields that every such server knows. Some servers
refuse other fields, such as ``top_k``, with status 400. So ``top_k`` is sent only to servers that
are known to take it. The owner that ``/models`` names tells which servers these are. Further fields
are sent only if the user adds them. A field that the user sets to null is left out: some servers
want ``max_completion_tokens`` in place of ``max_tokens``.

Invalid replies raise `Unanswered` (`policy.http`): an error with status 200, a body of another
form, a response that broke off. An empty or missing content is not invalid: a refusal, a tool call,
or reasoning that filled the limit is the model's own answer without text, and parsing reports it.

Keys are sent and never stored. An error quotes a server's message without the key. This module
repeats no request (see `request_pool`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from sparring.errors import ConfigError, ModelError
from sparring.policy.chat.base import ChatReply, ChatRequest, has_reasoning
from sparring.policy.http import Connections, Reply, Unanswered, key_header
from sparring.schema import StopReason

TAKE_TOP_K = ("vllm", "sglang", "llamacpp", "me")
"""``owned_by`` of servers that take ``top_k``; llama-cpp-python calls itself "me"."""
NO_V1 = "; the addresses of most servers end in /v1"
"""Advice on an address without /v1 that answers with 404 or without models."""
_LENGTH = ("length", "max_tokens")
_BROKEN = ("error", "abort")
"""Values of ``finish_reason`` for a response that the server, not the model, has ended."""
LIMITS = ("max_tokens", "max_completion_tokens")
"""Fields of a request that limit the response."""
_CHARACTERS, _LEAST_CHARACTERS = 32, 1 << 18
"""Most characters for each token of the limit, and length that every response may have."""
_LEAST = 0.01
"""Shortest time limit of a request, in seconds; 0 would be none."""
_MOST_TOKENS = 1 << 53
"""Bound of valid token counts."""


@dataclass(frozen=True, slots=True)
class ServedModelIdentity:
    """Model on a server, with everything that its responses depend on. ``takes_top_k``: requests
    carry ``top_k``. ``extra``: further fields of each request."""

    url: str
    model: str
    takes_top_k: bool
    extra: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return the identity as JSON data, without any key."""
        return {
            "kind": "endpoint",
            "url": self.url,
            "model": self.model,
            "takes_top_k": self.takes_top_k,
            "extra": dict(self.extra),
        }


def checked_url(text: str) -> str:
    """Return the address to which the paths of requests are appended. Raises `ConfigError` for an
    invalid address, and for one with a password, because addresses are written to disk."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        sound = False
    if not sound:
        raise ConfigError(
            f"{_shown(text)}: is no address of a server; give one such as http://127.0.0.1:8000/v1"
        )
    if parts.username or parts.password:
        raise ConfigError(
            f"{parts.hostname}: the address holds a name or password; leave name and password out, "
            "and give the key in an environment variable (--coder-key, --tester-key)"
        )
    if parts.query or parts.fragment:
        raise ConfigError(
            f"{_shown(text)}: the address has a query or fragment; leave out what follows the path"
        )
    return parts.geturl().rstrip("/").removesuffix("/chat/completions")


class Endpoint:
    """Client of the server at ``url``. Safe to use from several threads."""

    def __init__(self, url: str, key: str | None, seconds: float, key_hint: str = "") -> None:
        """``seconds`` is the longest wait for a response. ``key_hint`` names the source of the key,
        for the error if the server refuses the key."""
        self.url = checked_url(url)
        self._key_hint = key_hint
        self._key, self._seconds = key, seconds
        if key and not (key.isascii() and key.isprintable() and key == key.strip()):
            raise ConfigError(
                "the key has blanks around it, or characters that no header can carry; mend the key"
            )
        local = _loopback(self.url)
        self._http = Connections(self.url, seconds, key_header(key), proxies=not local)

    def models(self) -> list[tuple[str, str]] | None:
        """Return name and owner of each served model; None if the server has no such list."""
        reply = self._http.send("GET", "/models")
        if reply.status in (404, 405, 501):
            return None
        data = self._checked(reply).get("data")
        if not isinstance(data, list):
            raise Unanswered("the list of models has an unexpected form")
        return [
            (m["id"], str(m.get("owned_by", "")))
            for m in data
            if isinstance(m, dict) and isinstance(m.get("id"), str)
        ]

    def complete(
        self,
        served: ServedModelIdentity,
        request: ChatRequest,
        seed: int,
        most_seconds: float | None = None,
    ) -> ChatReply:
        """Return one response. ``most_seconds`` cuts the longest wait. Raises `Unanswered`, or
        `ModelError` if the server refuses the request."""
        params = request.params
        body: dict[str, Any] = {
            "model": served.model,
            "messages": [{"role": "user", "content": request.message}],
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
        seconds = None if most_seconds is None else min(max(most_seconds, _LEAST), self._seconds)
        reply = reply_of(self._checked(self._http.send("POST", "/chat/completions", body, seconds)))
        return _cut(reply, [body[name] for name in LIMITS if name in body])

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _checked(self, reply: Reply) -> dict[str, Any]:
        """Return the JSON object of a reply with status 200. Raises `Unanswered` for an invalid
        reply, and `ModelError` for any other status."""
        reply.check_again(self._key)
        code = reply.status
        if code != 200:
            advice = ""
            if target := reply.headers.get("Location"):
                advice = (
                    f"; the server sends on to {_shown(target)[:200]}, name that address instead"
                )
            elif code == 404 and not self.url.endswith("/v1"):
                advice = NO_V1
            elif code in (401, 403) and self._key_hint:
                advice = f"; {self._key_hint}"
            raise ModelError(f"{self.url}: HTTP {code}: {reply.words(self._key)}{advice}")
        body = reply.json()
        if body.get("error") and not body.get("choices"):
            raise Unanswered(f"an error in a 200: {reply.words(self._key)}")
        return body


def reply_of(body: Mapping[str, Any]) -> ChatReply:
    """Return the response in the body of a reply. Raises `Unanswered` if the body holds none."""
    try:
        choice = body["choices"][0]
        message, why = choice["message"], choice["finish_reason"]
        content = message.get("content")
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        kind = type(error).__name__
        raise Unanswered(f"the body has an unexpected form ({kind}: {error})") from None
    if not isinstance(content, str | None):
        raise Unanswered(f"the content is no text ({type(content).__name__})")
    if not isinstance(why, str):
        raise Unanswered("the response had not ended (no finish_reason)")
    if why in _BROKEN:
        raise Unanswered(f"the response broke off (finish_reason {why})")
    usage = body.get("usage")
    counts = usage if isinstance(usage, Mapping) else {}
    return ChatReply(
        text=(content or "").encode("utf-8", "replace").decode(),
        stop=StopReason.LENGTH if why in _LENGTH else StopReason.END_TOKEN,
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
        reasoned=has_reasoning(message),
    )


def _cut(reply: ChatReply, limits: Sequence[object]) -> ChatReply:
    """Return a response without what no model can have written within the ``limits`` of tokens. A
    server that ignores them would else hold up the reading for minutes."""
    numbers = [n for n in limits if isinstance(n, int)]
    if not numbers or min(numbers) <= 0:
        return reply  # the user wants no limit
    most = max(_LEAST_CHARACTERS, _CHARACTERS * max(numbers))
    if len(reply.text) <= most:
        return reply
    return replace(reply, text=reply.text[:most], stop=StopReason.LENGTH)


def _count(value: object) -> int | None:
    """Return a server's token count; None if ``value`` is no valid count."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _MOST_TOKENS else None


def _shown(address: str) -> str:
    """Return an address without its possible secrets: user name, password and everything behind the
    path."""
    return re.split(r"[?#]", re.sub(r"//.*@", "//…@", address, flags=re.DOTALL))[0]


def _loopback(url: str) -> bool:
    """Return whether the server is on this machine; no proxy is used for such a server."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
