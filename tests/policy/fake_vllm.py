"""A server with vLLM's endpoints that samples with `transformers`, and fails when it is told to.

In a thread of the tests (`FakeVllm`), to which a program in the place of vLLM's
own may pass on what it is asked (`fake_environment`). Its log-probs are real:
those of the checkpoint that it was started with or told to load. As at the
real one, what a prompt was computed with stays in force until the prefix cache
is reset.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.local.sampler import LocalSampler
from sparring.schema import Response, Role, StopReason


class Fault(StrEnum):
    """What happens to a request for a response instead of an answer."""

    ERROR = "error"
    GARBAGE = "garbage"
    OTHER_FORM = "other form"
    NO_NUMBER = "no number"
    HALF = "half"
    DROP = "drop"
    HANG = "hang"
    RESTART = "restart"


_LOADING = threading.Lock()
"""Transformers patches its classes while it loads: two threads at once would leave them patched."""


def _load(path: str) -> Any:
    with _LOADING:
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    model.digest = _digest(Path(path))
    return model.eval()


def _digest(path: Path) -> str:
    files = sorted(p for p in path.iterdir() if p.suffix == ".safetensors")
    return hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message}}


_ANSWERS: dict[tuple[Any, ...], Response] = {}
"""By weights and request. The same is asked again and again, by each test anew."""


class FakeVllm:
    """One server on the loopback interface. Its attributes are how it behaves and what it saw."""

    def __init__(self, model: str | Path, port: int = 0) -> None:
        self.place = str(model)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(self.place)
        self.version = "0.32.0"
        self.dev_mode = True
        self.lora_rank = 0
        """Of the largest adapter that it takes; 0: it was started without --enable-lora."""
        self.lora_updating = True
        self.device = "cuda"
        self.has_metrics = True
        self.engines = 1
        self.tokens = 0
        """Made so far."""
        self.slow = 0.0
        """Seconds that a response takes, a token coming in each twentieth of them."""
        self.ignores_weights = False
        self.raw_logprobs = False
        self.faults: list[Fault] = []
        """Of the next requests for responses, one each."""
        self.after = 0
        """Responses that come before the faults."""
        self.dies_after: int | None = None
        self.hangs_after: int | None = None
        self.program: int | None = None
        """The process that passes on to this one, and that dies."""
        self.loads: list[str] = []
        self.asked: Counter[int] = Counter()
        """Seeds of the responses that were asked for, faulty ones included."""
        self.order: list[tuple[str, tuple[int, ...]]] = []
        """Model and prompt of the responses, as they were begun."""
        self.most_at_once = 0
        self.calls: list[str] = []
        self.closed = False
        self._at_once = 0
        self._lock = threading.Lock()
        self._forget()
        fake = self

        class Handler(_Handler):
            server_of = fake

        self._http = _Http(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def _forget(self) -> None:
        self.model = _load(self.place)
        self._loaded: Any = None
        self.label = "default"
        self.adapters: dict[str, Any] = {}
        """Whole models, by the adapter's name."""
        self.adapter_paths: dict[str, str] = {}

    def restarted(self) -> None:
        """As a new process would be: with the weights that it was started with."""
        with self._lock:
            self._forget()

    def close(self) -> None:
        self.closed = True
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> FakeVllm:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and JSON for everything but responses."""
        self.calls.append(path)
        route = path.partition("?")[0]
        dev = ("/weight_info", "/update_weight_version", "/collective_rpc", "/reset_prefix_cache")
        dev += ("/server_info",)
        if route in (*dev, "/sleep", "/wake_up") and not self.dev_mode:
            return 404, {"detail": "Not Found"}
        match route:
            case "/health" | "/sleep" | "/wake_up":
                return 200, {}
            case "/version":
                return 200, {"version": self.version}
            case "/v1/models":
                whole = {"id": "some-model", "root": self.place, "parent": None}
                adapted = [
                    {"id": name, "root": path, "parent": "some-model"}
                    for name, path in self.adapter_paths.items()
                ]
                return 200, {"data": [whole, *adapted]}
            case "/v1/load_lora_adapter" if self.lora_updating:
                return self._adapt(body["lora_name"], body["lora_path"])
            case "/v1/unload_lora_adapter" if self.lora_updating:
                return self._unadapt(body["lora_name"])
            case "/tokenize":
                ids = self.tokenizer.encode(body["prompt"], add_special_tokens=False)
                return 200, {"tokens": ids}
            case "/detokenize":
                return 200, {"prompt": self.tokenizer.decode(body["tokens"])}
            case "/server_info":
                return 200, {"vllm_config": {"device_config": {"device": self.device}}}
            case "/weight_info":
                return 200, {"weight_version": self.label}
            case "/update_weight_version":
                self.label = body["new_version"]
                return 200, {"success": True}
            case "/collective_rpc":
                return self._reload(body)
            case "/reset_prefix_cache":
                if self._loaded is not None:
                    self.model, self._loaded = self._loaded, None
                    self.adapters.clear()
                return 200, {}
        return 404, {"detail": "Not Found"}

    def _reload(self, body: dict[str, Any]) -> tuple[int, Any]:
        path = body["kwargs"]["weights_path"]
        if body["method"] != "reload_weights" or not Path(path, "config.json").exists():
            return 500, {"error": {"message": f"Worker failed with error: no {path}"}}
        self.loads.append(path)
        if not self.ignores_weights:
            self._loaded = _load(path)
        return 200, {"results": [None]}

    def _adapt(self, name: str, path: str) -> tuple[int, Any]:
        if not Path(path, "adapter_config.json").exists():
            return 404, _error(f"Loading lora {name} failed: No adapter found for {path}")
        if name in self.adapter_paths:
            return 400, _error(f"The lora adapter '{name}' has already been loaded.")
        rank = json.loads(Path(path, "adapter_config.json").read_text())["r"]
        if not self.lora_rank:
            return 500, _error("LoRA is not enabled. Use --enable-lora to enable LoRA.")
        if rank > self.lora_rank:
            return 500, _error(f"LoRA rank {rank} is greater than max_lora_rank {self.lora_rank}.")
        self.loads.append(path)
        self.adapter_paths[name] = path
        return 200, None

    def _unadapt(self, name: str) -> tuple[int, Any]:
        if self.adapter_paths.pop(name, None) is None:
            return 404, _error(f"The lora adapter '{name}' cannot be found.")
        self.adapters.pop(name, None)
        return 200, None

    def _named(self, name: str) -> Any:
        """The model that a request names. An adapter is put on the whole weights in force; the
        real one too reads it from its directory again after these were exchanged."""
        if name not in self.adapter_paths:
            return self.model
        if name not in self.adapters:
            path = self.adapter_paths[name]
            with _LOADING:
                adapted = PeftModel.from_pretrained(copy.deepcopy(self.model), path)
                merged = adapted.merge_and_unload()
            merged.digest = self.model.digest + _digest(Path(path))
            self.adapters[name] = merged.eval()
        return self.adapters[name]

    def metrics(self) -> str:
        """As Prometheus has them, of the first engine all, of others nothing."""
        lines = ["# TYPE vllm:generation_tokens counter"]
        for engine in range(self.engines):
            labels = f'{{engine="{engine}",model_name="some-model"}}'
            tokens, running = (0, 0) if engine else (self.tokens, self._at_once)
            lines += [
                f"vllm:generation_tokens_total{labels} {float(tokens)}",
                f"vllm:num_requests_running{labels} {float(running)}",
                f"vllm:num_requests_waiting{labels} 0.0",
            ]
        return "\n".join(lines) + "\n"

    def fault(self, seed: int) -> Fault | None:
        """What is to go wrong with this request."""
        with self._lock:
            self.asked[seed] += 1
            if self.dies_after is not None and self.asked.total() > self.dies_after:
                assert self.program is not None
                os.kill(self.program, signal.SIGKILL)
                return Fault.DROP
            if self.hangs_after is not None and self.asked.total() > self.hangs_after:
                return Fault.HANG
            if self.after:
                self.after -= 1
                return None
            return self.faults.pop(0) if self.faults else None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """A request more that is in work and makes no token."""
        with self._lock:
            self._at_once += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1

    def complete(self, body: dict[str, Any]) -> tuple[int, Any]:
        """One response, sampled from its seed alone."""
        assert body["top_k"] == -1
        assert body["top_p"] == 1.0
        assert body["logprobs"] == 0
        assert body["return_token_ids"] is True
        temperature = body["temperature"]
        params = SamplingParams(temperature, body["max_tokens"])
        if len(body["prompt"]) > 250:
            return 400, {"error": {"message": "maximum context length is 250 tokens"}}
        if (name := body["model"]) not in {"some-model", "sparring", *self.adapter_paths}:
            return 404, _error(f"The model `{name}` does not exist.")
        prompt = Prompt("t", Role.CODER, tuple(body["prompt"]), body["seed"], params)
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.order.append((name, prompt.token_ids))
            model = self._named(name)
        for _ in range(20 if self.slow else 1):
            time.sleep(self.slow / 20 or 0.01)  # so that others come beside it
            self.tokens += 1
        with self._lock:
            self._at_once -= 1
            sampler = LocalSampler(model, self.tokenizer)
            assert set(body["stop_token_ids"]) == set(sampler.end_ids)
            asked = (model.digest, self.place, prompt)
            if (found := _ANSWERS.get(asked)) is None:
                [[found]] = sampler.sample([prompt], 1)
                _ANSWERS[asked] = found
        logprobs = list(found.logprobs)
        if self.raw_logprobs:
            logprobs = [x * temperature for x in logprobs]
        ended = found.stop is StopReason.END_TOKEN
        return 200, {
            "choices": [
                {
                    "token_ids": found.token_ids,
                    "prompt_token_ids": prompt.token_ids,
                    "logprobs": {"token_logprobs": logprobs},
                    "finish_reason": "stop" if ended else "length",
                }
            ]
        }


class _Http(ThreadingHTTPServer):
    def handle_error(self, *given: Any) -> None:
        """Who asked may be gone."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*given)


class _Handler(BaseHTTPRequestHandler):
    server_of: FakeVllm
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.server_of.closed:
            self.close_connection = True
            return
        if self.path == "/metrics" and self.server_of.has_metrics:
            self._raw(200, self.server_of.metrics().encode())
            return
        self._send(*self.server_of.answer(self.path, {}))

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(data) if data else {}
        if self.server_of.closed:
            self.close_connection = True
            return
        if self.path != "/v1/completions":
            self._send(*self.server_of.answer(self.path, body))
            return
        match self.server_of.fault(body["seed"]):
            case None:
                self._send(*self.server_of.complete(body))
            case Fault.ERROR:
                self._send(500, {"error": {"message": "EngineCore encountered an issue"}})
            case Fault.GARBAGE:
                self._raw(200, b"<html>busy</html>")
            case Fault.OTHER_FORM:
                self._send(200, {"choices": []})
            case Fault.NO_NUMBER:
                _, found = self.server_of.complete(body)
                found["choices"][0]["logprobs"]["token_logprobs"][0] = float("nan")
                self._send(200, found)
            case Fault.HALF:
                self._raw(200, b'{"choices": [', length=400)
                self.close_connection = True
            case Fault.DROP:
                self.close_connection = True
            case Fault.RESTART:
                self.server_of.restarted()
                self.close_connection = True
            case Fault.HANG:
                with self.server_of.hanging():
                    time.sleep(600)

    def _send(self, status: int, found: Any) -> None:
        text = b"Success" if found is None else json.dumps(found).encode()
        self._raw(status, text)

    def _raw(self, status: int, data: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@functools.cache
def _hub() -> int:
    """Where programs ask for a server of their own: a port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)

    def serve(owner: socket.socket) -> None:
        with owner, owner.makefile("rw") as lines:
            told = json.loads(lines.readline())
            with FakeVllm(told["model"]) as server:
                server.program = told["pid"]
                server.dev_mode, server.dies_after = told["dev_mode"], told["dies_after"]
                server.hangs_after = told["hangs_after"]
                server.lora_rank, server.lora_updating = told["lora_rank"], told["lora_updating"]
                lines.write(f"{server.url.rpartition(':')[2]}\n")
                lines.flush()
                lines.read()  # until the program ends

    def accept() -> None:
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def fake_environment(place: Path) -> Path:
    """An environment whose interpreter runs `fake_program` in the place of vLLM's server."""
    (place / "bin").mkdir(parents=True)
    python = place / "bin" / "python"
    program = Path(__file__).with_name("fake_program.py")
    python.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = -I ]; then echo "version 0.32.0"; exit; fi\n'
        '[ "$2 $3" = "vllm.entrypoints.cli.main serve" ] || exit 2\n'
        "shift 3\n"
        f'exec "{sys.executable}" -I "{program}" {_hub()} "$@"\n'
    )
    python.chmod(0o755)
    return place
