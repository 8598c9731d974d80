"""A server of /v1/chat/completions in a thread, that answers by a plan and counts what it is asked.

What it writes is a function of the message and the seed, so that a response
asked for twice would be the same; ``served`` says how often each was.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""
PROGRAM = "Thus:\n```python\nprint(int(input()) + 1)\n```"
WRONG = "Thus:\n```python\nprint(int(input()) + 2)\n```"
TEST = "So:\n\n**Test Input:**\n```\n4\n```\n**Test Output:**\n```\n5\n```"


def whole(
    content: Any, finish: Any = "stop", prompt: int | None = 7, tokens: int | None = 5
) -> dict[str, Any]:
    """The body of a sound answer."""
    usage = (
        {} if tokens is None else {"usage": {"prompt_tokens": prompt, "completion_tokens": tokens}}
    )
    message = {"role": "assistant", "content": content}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], **usage}


def usual(body: dict[str, Any]) -> dict[str, Any]:
    """A program, right for two seeds of three, or a right test."""
    message = body["messages"][0]["content"]
    if "Write one test" in message:
        return whole(TEST)
    return whole(PROGRAM if body["seed"] % 3 else WRONG)


class FakeOpenAI:
    """Answers with `usual`, unless ``faults`` holds something for the next requests.

    A fault is a `Reply`; "half": half of what the headers announce; "drop": the connection is
    closed; "hang": nothing for longer than anybody waits.
    """

    def __init__(self, port: int = 0, models: Any = None, owner: str = "somebody") -> None:
        self.faults: list[Reply | str] = []
        self.always: Reply | str | None = None
        self.writes: Callable[[dict[str, Any]], dict[str, Any]] = usual
        self.models = [{"id": "m", "owned_by": owner}] if models is None else models
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.served: Counter[tuple[str, int]] = Counter()
        self.delay = 0.0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> FakeOpenAI:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeOpenAI
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.fake.closing.is_set():
            self.close_connection = True
        elif self.fake.models == "none":
            self._send((404, {}, b"{}"))
        else:
            self._send((200, {}, json.dumps({"data": self.fake.models}).encode()))

    def do_POST(self) -> None:
        fake = self.fake
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if fake.closing.is_set():  # connections that are still open die with the server
            self.close_connection = True
            return
        with fake.lock:
            fake.bodies.append(body)
            fake.headers.append(dict(self.headers))
            fake.times.append(time.monotonic())
            fault = fake.faults.pop(0) if fake.faults else fake.always
        if fault == "drop":
            self.close_connection = True
        elif fault == "hang":
            fake.closing.wait(5)
            self.close_connection = True
        elif fault == "half":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [')
            self.close_connection = True
        elif isinstance(fault, tuple):
            self._send(fault)
        else:
            fake.closing.wait(fake.delay)
            with fake.lock:
                fake.served[body["messages"][0]["content"], body.get("seed", 0)] += 1
            self._send((200, {}, json.dumps(fake.writes(body)).encode()))

    def _send(self, reply: Reply) -> None:
        status, headers, data = reply
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True
