"""One exchange with a model server: a request is sent, and its reply is read in full and checked.

Failures that a further request may cure raise `Unanswered`: status 408, 409, 425, 429 or 5xx, no
connection, no answer in time, a broken-off body, a body that is not JSON. Any other status means a
wrong request or key, and the caller reports it. This module repeats nothing (see `retry`).

A body is read to its end before it is parsed, within bounds on time and size. The HTTP library's
own timeout is no such bound, because it begins again with every byte. Headers have a bound on size
but none on time, because the HTTP library reads them by itself.
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
from sparring.text import in_line

CONNECT = 10.0
"""Longest time to establish a connection, in seconds; enough for a busy machine."""
_TOO_MANY = 429
_AGAIN = (408, 409, 425, _TOO_MANY)
_MOST = 64 << 20
"""Largest body in bytes, decompressed. A response of 100,000 tokens with all log-probs is
smaller."""

_LONGEST_ANSWER = 86_400.0
"""Longest wait for an answer, in seconds. The operating system takes no infinite one."""
_LONGEST = 3600.0
"""Longest wait in seconds that a server may ask for; a longer wait is cut to this."""


class Unanswered(Exception):
    """Raised if no complete and valid answer arrived and another request may bring one.

    ``wait``: seconds that the server asked the client to wait, None if it named none. ``hung``: the
    server was silent for too long. ``refused``: the server has computed nothing, because there was
    no connection, or because it answered with status 429.
    """

    def __init__(
        self, why: str, wait: float | None = None, hung: bool = False, refused: bool = False
    ) -> None:
        super().__init__(why)
        self.wait = wait
        self.hung = hung
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Reply:
    """Complete reply of a server."""

    status: int
    reason: str
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def words(self, secret: str | None = None) -> str:
        """Return the reply's error in one short line without control characters.

        This is the error message if the body has the form of OpenAI's or FastAPI's errors, else the
        body, else the reason phrase of the status. ``secret`` is the key of the request. It is left
        out, because some servers quote the key.
        """
        text: object = self.content.decode("utf-8", "replace")
        try:
            body = json.loads(self.content)
            error = body.get("error", body.get("detail", body))
            text = error.get("message", error) if isinstance(error, Mapping) else error
        except (ValueError, RecursionError, AttributeError):
            pass
        words = str(text)
        if secret:
            words = words.replace(secret, "[the key]")
        return in_line(" ".join(words.split()), 300) or self.reason or "no message"

    def check_again(self, secret: str | None = None) -> None:
        """Raise `Unanswered` for a status that another request may cure."""
        if self.status in _AGAIN or self.status >= 500:
            wait = retry_after(self.headers.get("Retry-After"))
            raise Unanswered(
                f"HTTP {self.status}: {self.words(secret)}", wait, refused=self.status == _TOO_MANY
            )

    def json(self) -> dict[str, Any]:
        """Return the body's JSON object. Raises `Unanswered` for any other body."""
        try:
            body = json.loads(self.content)
        except (ValueError, RecursionError):
            raise Unanswered("the body is not JSON") from None
        if not isinstance(body, dict):
            raise Unanswered("the body is not a JSON object")
        return body


class Connections:
    """Pool of connections to the server at ``url``. Safe to use from several threads."""

    def __init__(
        self, url: str, seconds: float, headers: Mapping[str, str], proxies: bool = False
    ) -> None:
        """``seconds`` is the longest wait for an answer. ``proxies``: use the proxies that the
        environment names. Raises `ConfigError` for a proxy address that cannot be used."""
        self.url, self._seconds = url, seconds
        try:
            self._http = httpx2.Client(
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=256),
                trust_env=proxies,
                headers=headers,
            )
        except (ValueError, ImportError, httpx2.InvalidURL):
            raise ConfigError(  # without the proxy's address, which may hold a password
                f"{self.url}: the proxy that the environment names (HTTP_PROXY, HTTPS_PROXY, "
                "ALL_PROXY) cannot be used; mend its address, or exempt this host by NO_PROXY"
            ) from None

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Send one request and return its reply. ``seconds`` replaces the longest wait. Raises
        `Unanswered`, and `ConfigError` for an invalid address."""
        seconds = min(seconds or self._seconds, _LONGEST_ANSWER)
        limit = httpx2.Timeout(seconds, connect=min(CONNECT, seconds))
        end = time.monotonic() + seconds
        try:
            with self._http.stream(method, self.url + path, json=body, timeout=limit) as answer:
                content = bytearray()
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > _MOST:
                        raise Unanswered(f"the body is larger than {_MOST >> 20} MiB")
                    if time.monotonic() > end:
                        raise Unanswered("no answer in time (the body had begun)", hung=True)
        except httpx2.ReadTimeout:
            raise Unanswered(f"no answer in {seconds:g} s", hung=True) from None
        except httpx2.UnsupportedProtocol:
            raise ConfigError(
                f"{self.url}: a server's address must begin with http:// or https://"
            ) from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise Unanswered(str(error) or type(error).__name__, refused=True) from None
        except httpx2.HTTPError as error:
            raise Unanswered(str(error) or type(error).__name__) from None
        except httpx2.InvalidURL as error:
            raise ConfigError(f"{self.url}: {error}") from None
        return Reply(answer.status_code, answer.reason_phrase, bytes(content), answer.headers)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()


def key_header(key: str | None) -> dict[str, str]:
    """Return the header that carries an API key; no header without a key."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def retry_after(value: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Return the seconds to wait by a Retry-After header, which holds a number or a date; None for
    a missing or invalid header."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now()
        except (ValueError, TypeError, OverflowError):
            return None
    if seconds != seconds:  # NaN
        return None
    return min(max(seconds, 0.0), _LONGEST)
