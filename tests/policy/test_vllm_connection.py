"""A connection for responses: kept, made again where the server closed it, and cut from outside."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sparring.policy.http import Unanswered
from sparring.policy.vllm.completion import Completion
from sparring.policy.vllm.connection import ResponseConnection
from tests.policy.test_vllm import prompts

PROMPT = prompts()[0]
CHOICE = {
    "token_ids": [5, 6],
    "prompt_token_ids": PROMPT.token_ids,
    "logprobs": {"token_logprobs": [-0.5, -0.25]},
    "finish_reason": "length",
}


@contextmanager
def served(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does ``answer`` with each connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                one = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=answer, args=(one,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def complete(line: ResponseConnection) -> Completion:
    return line.complete("m", PROMPT, 1, ())


def request(connection: socket.socket) -> None:
    """Read one."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(1 << 16)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(1 << 16)


def answered(connection: socket.socket) -> None:
    body = json.dumps({"choices": [CHOICE]}).encode()
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def test_a_connection_that_a_server_closed_while_it_was_idle_is_made_again() -> None:
    """As uvicorn does after five seconds, without a word."""
    connections = 0

    def answer(connection: socket.socket) -> None:
        nonlocal connections
        connections += 1
        for _ in range(2):
            request(connection)
            answered(connection)
        connection.close()

    with served(answer) as url:
        line = ResponseConnection(url, 10.0)
        for _ in range(4):
            assert complete(line).token_ids == (5, 6)
            time.sleep(0.1)
        assert connections == 2
        line.close()


def test_what_is_waited_for_can_be_cut_and_the_line_used_again() -> None:
    first = True

    def answer(connection: socket.socket) -> None:
        nonlocal first
        request(connection)
        if first:
            first = False
            time.sleep(60)
        answered(connection)

    with served(answer) as url:
        line = ResponseConnection(url, None)
        line.cut("nothing is waited for: nothing happens")
        threading.Timer(0.3, line.cut, ["no new token"]).start()
        with pytest.raises(Unanswered, match="no new token") as caught:
            complete(line)
        assert caught.value.hung
        assert complete(line).token_ids == (5, 6)
        line.close()


def test_a_limit_is_of_the_whole_wait() -> None:
    with served(lambda connection: time.sleep(60)) as url:
        with pytest.raises(Unanswered, match=r"no answer in 0.2 s") as caught:
            complete(ResponseConnection(url, 0.2))
        assert caught.value.hung
    with pytest.raises(Unanswered, match="Connection refused"):
        complete(ResponseConnection("http://127.0.0.1:9", 1.0))
