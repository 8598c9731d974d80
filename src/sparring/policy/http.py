"""One exchange with a model server: sent, read to its end, and checked before it is believed.

What may pass if it is asked for again is `Unanswered`: 408, 409, 425, 429, 5xx, no connection, no
answer in time, half a body, a body that is no JSON. Any other status is an error of ours or of the
key, which whoever has asked puts into words. Nothing is repeated here (`patience`).

A body is read to its end before it is looked at, so its time and its size are bounded: a timeout
alone begins anew with every byte. Headers that trickle are not bounded in time, only in size: the
HTTP library reads them on its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from sparring.errors import ConfigError

CONNECT = 10.0
"""Seconds to be connected, of a busy machine."""
_AGAIN = (408, 409, 425, 429)
_MOST = 64 << 20
"""Bytes of a body, unpacked. A response of 100,000 tokens with all its log-probs is less."""

_LONGEST = 3600.0
"""Seconds that a server may ask us to wait; more is taken as this."""


class Unanswered(Exception):
    """No whole and sound answer came; another request may bring one. ``wait``: seconds that the
    server wants to be left alone, None if it did not say. ``hung``: it was silent for too long."""

    def __init__(self, why: str, wait: float | None = None, hung: bool = False) -> None:
        super().__init__(why)
        self.wait = wait
        self.hung = hung


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server sent, whole."""

    status: int
    reason: str
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def words(self, secret: str | None = None) -> str:
        """One short line: the message of the error where the body is made as OpenAI's or FastAPI's
        are, else the body, else the reason of the status. Some servers quote the ``secret`` that
        they were sent: it is left out."""
        text: object = self.content.decode("utf-8", "replace")
        try:
            found = json.loads(self.content)
            error = found.get("error", found.get("detail", found))
            text = error.get("message", error) if isinstance(error, Mapping) else error
        except (ValueError, RecursionError, AttributeError):
            pass
        words = str(text)
        if secret:
            words = words.replace(secret, "[the key]")
        return " ".join(words.split())[:300] or self.reason or "nothing else"

    def check_again(self, secret: str | None = None) -> None:
        """Raise `Unanswered` for a status that may pass."""
        if self.status in _AGAIN or self.status >= 500:
            wait = retry_after(self.headers.get("Retry-After"))
            raise Unanswered(f"HTTP {self.status}: {self.words(secret)}", wait)

    def json(self) -> dict[str, Any]:
        """The body's JSON object. Raises `Unanswered` where it has none."""
        try:
            found = json.loads(self.content)
        except (ValueError, RecursionError):
            raise Unanswered("a body that is no JSON") from None
        if not isinstance(found, dict):
            raise Unanswered("a body that is no JSON object")
        return found


class Connections:
    """Connections to the server at ``url``. Safe to use from several threads."""

    def __init__(
        self, url: str, seconds: float, headers: Mapping[str, str], proxies: bool = False
    ) -> None:
        """``seconds``: the longest wait for an answer; ``proxies``: those that the environment
        names are used. Raises `ConfigError` where they cannot be."""
        self.url, self._seconds = url, seconds
        try:
            self._http = httpx2.Client(
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=256),
                trust_env=proxies,
                headers=headers,
            )
        except (ValueError, ImportError, httpx2.InvalidURL):
            raise ConfigError(  # its address may hold a password
                f"{self.url}: the proxy that the environment names (HTTP_PROXY, HTTPS_PROXY, "
                "ALL_PROXY) cannot be used; NO_PROXY leaves it out"
            ) from None

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """The answer to one request, within ``seconds`` if it is given. Raises `Unanswered`, and
        `ConfigError` for an address that is none."""
        seconds = seconds or self._seconds
        limit = httpx2.Timeout(seconds, connect=min(CONNECT, seconds))
        end = time.monotonic() + seconds
        try:
            with self._http.stream(method, self.url + path, json=body, timeout=limit) as answer:
                content = bytearray()
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > _MOST:
                        raise Unanswered(f"a body of more than {_MOST >> 20} MiB")
                    if time.monotonic() > end:
                        raise Unanswered("no answer in time (the body had begun)", hung=True)
        except httpx2.ReadTimeout:
            raise Unanswered(f"no answer in {seconds:g} s", hung=True) from None
        except httpx2.UnsupportedProtocol:
            raise ConfigError(f"{self.url}: must begin with http:// or https://") from None
        except httpx2.HTTPError as error:
            raise Unanswered(str(error) or type(error).__name__) from None
        except httpx2.InvalidURL as error:
            raise ConfigError(f"{self.url}: {error}") from None
        return Reply(answer.status_code, answer.reason_phrase, bytes(content), answer.headers)

    def close(self) -> None:
        self._http.close()


def key_header(key: str | None) -> dict[str, str]:
    """A key as the header that servers ask for; none without one."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def retry_after(value: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date. None where it says nothing
    that makes sense."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now()
        except (ValueError, TypeError, OverflowError):
            return None
    if seconds != seconds:
        return None
    return min(max(seconds, 0.0), _LONGEST)
