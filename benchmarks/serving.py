"""What asking a server for hundreds of responses at a time costs this process, in one run.

    python benchmarks/serving.py [--json] [--at-once 128 512 1024] [--rounds 3] [--quick]

A server in a process of its own answers each request after a second with 700 tokens, as vLLM does
(no model). A response takes a thread and a connection each: ours (`policy.vllm.line`), and the
baseline, one `httpx2.Client` for all threads, which is what was there before. Both send the same
body and read the same answer; they take turns, and of each the round counts in which it needed
least. What counts is CPU time per response: a trainer's process has other things to do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import httpx2

from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.http import Reply
from sparring.policy.vllm.completion import PATH, asked, read
from sparring.policy.vllm.connection import ResponseConnection
from sparring.schema import Role

TOKENS, PROMPT, DELAY = 700, 300, 1.0
MODEL = "m"
_PROMPT = Prompt("t", Role.CODER, tuple(range(PROMPT)), 0, SamplingParams(1.0, TOKENS))


def answer() -> bytes:
    """What vLLM's completions endpoint gives for ``logprobs = 0`` and ``return_token_ids``."""
    logprobs = {
        "text_offset": [*range(TOKENS)],
        "token_logprobs": [-0.123456789012345] * TOKENS,
        "tokens": ["abcd"] * TOKENS,
        "top_logprobs": [{"abcd": -0.123456789012345}] * TOKENS,
    }
    choice = {
        "finish_reason": "length",
        "logprobs": logprobs,
        "prompt_token_ids": [*range(PROMPT)],
        "text": "abcd" * TOKENS,
        "token_ids": [*range(1000, 1000 + TOKENS)],
    }
    return json.dumps({"choices": [choice]}).encode()


async def serve(seconds: float) -> None:
    """Answer everything after so many seconds; the port is printed."""
    body = answer()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
                [length] = [int(s.split(b":")[1]) for s in lines if s.startswith(b"content-length")]
                await reader.readexactly(length)
                await asyncio.sleep(seconds)
                writer.write(head % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one arm: responses per second, and milliseconds of CPU time for each."""

    at_once: int
    per_second: float
    cpu_ms: float


def ours(url: str) -> Callable[[], Callable[[], object]]:
    def connection() -> Callable[[], object]:
        line = ResponseConnection(url, None)
        return lambda: line.complete(MODEL, _PROMPT, 1, ())

    return connection


def pooled(url: str) -> Callable[[], Callable[[], object]]:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=256)
    client = httpx2.Client(timeout=60.0, limits=limits, trust_env=False)

    def ask() -> object:
        got = client.post(url + PATH, json=asked(MODEL, _PROMPT, 1, ()))
        return read(url, Reply(got.status_code, got.reason_phrase, got.content), _PROMPT, ())

    return lambda: ask


def measured(connection: Callable[[], Callable[[], object]], at_once: int, each: int) -> Figures:
    """``each`` responses, one after the other, in ``at_once`` threads."""

    def work() -> None:
        ask = connection()
        for _ in range(each):
            ask()

    threads = [threading.Thread(target=work) for _ in range(at_once)]
    began, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    count = at_once * each
    return Figures(at_once, count / seconds, 1000 * cpu / count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--at-once", type=int, nargs="+", default=[128, 512, 1024])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="8 at a time, once")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        asyncio.run(serve(given.serve))
    sizes, rounds, delay = given.at_once, given.rounds, DELAY
    if given.quick:
        sizes, rounds, delay = [8], 1, 0.05
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(delay)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        for at_once in sizes:
            found: dict[str, list[Figures]] = {"ours": [], "pooled": []}
            for _ in range(rounds):
                for name, arm in (("ours", ours), ("pooled", pooled)):
                    found[name].append(measured(arm(url), at_once, 4))
            for name, every in found.items():
                best = min(every, key=lambda f: f.cpu_ms)
                if given.json:
                    print(json.dumps({"arm": name, **asdict(best)}), flush=True)
                else:
                    print(
                        f"{name:7} {at_once:5} at once  {best.per_second:6.0f} responses/s  "
                        f"{best.cpu_ms:5.2f} ms of CPU each",
                        flush=True,
                    )
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
