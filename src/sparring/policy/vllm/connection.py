"""Connection for one response at a time, which another thread can break off.

Hundreds of threads wait for responses at the same time. With `http.client` each thread has its own
connection. A shared pool searches all of its connections for every request. With 1,024 connections
this search takes twice the time of everything else (`benchmarks/serving.py`). Connections go
directly to the server, without a proxy.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from sparring.policy.base import Prompt
from sparring.policy.http import CONNECT, Reply, Unanswered, key_header
from sparring.policy.vllm.completion import KEY, PATH, Completion, asked, read


class ResponseConnection:
    """Connection to the server at ``url``. One thread uses it; other threads may call `cut`."""

    def __init__(self, url: str, seconds: float | None) -> None:
        """``seconds`` is the longest time for a response; None: no limit but `cut`."""
        parts = urlsplit(url)
        host, self._prefix = parts.hostname or "", parts.path.rstrip("/")
        self.url = url
        self._seconds = seconds
        self._http: http.client.HTTPConnection = (
            http.client.HTTPSConnection(host, parts.port, timeout=CONNECT, context=_tls())
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, parts.port, timeout=CONNECT)
        )
        self._headers = {"Content-Type": "application/json", **key_header(os.environ.get(KEY))}
        self._lock = threading.Lock()
        self.busy = False
        """Whether a response is pending."""
        self._why: str | None = None
        """Reason of a `cut`."""

    def complete(self, model: str, prompt: Prompt, seed: int, end_ids: Sequence[int]) -> Completion:
        """Return one response of ``model``. Raises `Unanswered`, or `RunError` if the server
        refuses the request."""
        reply = self._post(PATH, asked(model, prompt, seed, end_ids))
        return read(self.url, reply, prompt, end_ids)

    def cut(self, why: str) -> None:
        """Break off a pending response: `complete` then raises `Unanswered` with ``why``."""
        with self._lock:
            if self.busy and self._http.sock is not None:
                self._why = why
                with contextlib.suppress(OSError):
                    self._http.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _post(self, path: str, body: Mapping[str, Any]) -> Reply:
        data = json.dumps(body).encode()
        self._why, self.busy = None, True
        try:
            reply = self._asked(path, data)
            content = reply.read()
        except TimeoutError:
            self._http.close()
            raise Unanswered(f"no answer in {self._seconds or CONNECT:g} s", hung=True) from None
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            if self._why:
                raise Unanswered(self._why, hung=True) from None
            raise Unanswered(str(error) or type(error).__name__) from None
        finally:
            with self._lock:
                self.busy = False
        return Reply(reply.status, reply.reason, content)

    def _asked(self, path: str, data: bytes) -> http.client.HTTPResponse:
        sock = self._http.sock
        if sock is not None and _readable(sock):
            # Data on an idle connection can only be the server's close: servers close connections
            # that have been idle for some seconds.
            self._http.close()
            sock = None
        if sock is None:
            self._http.connect()
            self._http.sock.settimeout(self._seconds)
        self._http.request("POST", self._prefix + path, data, self._headers)
        return self._http.getresponse()


def _readable(sock: socket.socket) -> bool:
    poll = select.poll()  # select() takes no file descriptor above 1,023
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
