"""HTTP interface of a vLLM server, except for sampling: its identity, its weights, its state.

A failure that another attempt may cure raises `Unanswered`; any other raises a `RunError` that
names the server. This module repeats nothing; `supervisor` and `sampler` do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from sparring.errors import ConfigError, RunError
from sparring.policy.http import Connections, Reply, Unanswered, key_header
from sparring.policy.vllm.completion import KEY, check_refusal
from sparring.policy.vllm.progress import EngineProgress, engines

MODEL = "sparring"
"""Name under which a server that Sparring starts serves the model."""
_QUICK = 60.0
"""Longest wait in seconds for a request that computes nothing; enough for a busy machine."""
_LORA = "start it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"


class Client:
    """Client of the server at ``url``. Safe to use from several threads."""

    def __init__(self, url: str, seconds: float, model: str | None = None):
        """``seconds`` is the longest time for loading weights, sleeping or waking. ``model`` is the
        name of the served model; without a name, the server is asked for it."""
        self.url = url.rstrip("/")
        self.seconds = seconds
        self._model = model
        self._http = Connections(self.url, _QUICK, key_header(os.environ.get(KEY)))

    def healthy(self) -> bool:
        """Return whether the server reports that it can serve."""
        try:
            return self._http.send("GET", "/health").status == 200
        except (Unanswered, ConfigError):
            return False

    def version(self) -> str:
        """Return vLLM's version."""
        return str(self._request_json("GET", "/version")["version"])

    def models(self) -> list[Mapping[str, Any]]:
        """Return name and origin of each served model: the full model first, then adapters."""
        return [dict(m) for m in self._request_json("GET", "/v1/models")["data"]]

    def model(self) -> str:
        """Return the name of the full model. Raises `RunError` if the server serves none."""
        if self._model is None:
            served = self.models()
            if not served:
                raise RunError(f"{self.url}: the server serves no model")
            self._model = str(served[0]["id"])
        return self._model

    def tokenize(self, text: str) -> list[int]:
        """Return the server's token ids of a text, without special tokens around it."""
        body = {"model": self.model(), "prompt": text, "add_special_tokens": False}
        return [int(t) for t in self._request_json("POST", "/tokenize", body)["tokens"]]

    def detokenize(self, ids: Sequence[int]) -> str:
        """Return the server's text of token ids."""
        body = {"model": self.model(), "tokens": list(ids)}
        return str(self._request_json("POST", "/detokenize", body)["prompt"])

    def engines(self) -> dict[str, EngineProgress]:
        """Return the progress of each of the server's engines; empty if the server has no
        metrics."""
        reply = self._http.send("GET", "/metrics")
        if reply.status >= 500:
            reply.check_again()
        return engines(reply.content.decode("utf-8", "replace")) if reply.status == 200 else {}

    def device(self) -> str:
        """Return the kind of device that the server computes on (cuda, cpu, …); empty if the server
        does not report one."""
        info = self._request_json("GET", "/server_info?config_format=json", dev=True).get(
            "vllm_config"
        )
        device = info.get("device_config") if isinstance(info, dict) else None
        return str(device.get("device", "")) if isinstance(device, dict) else ""

    def weights(self) -> str:
        """Return the label of the server's weights, as `label` set it. A restarted server has lost
        the label."""
        return str(self._request_json("GET", "/weight_info", dev=True)["weight_version"])

    def label(self, name: str) -> None:
        """Label the server's current weights."""
        self._request_json("POST", "/update_weight_version", {"new_version": name}, dev=True)

    def load(self, path: str) -> None:
        """Load a checkpoint's weights, and drop the prefix cache, which belongs to the old
        weights."""
        rpc = {"method": "reload_weights", "kwargs": {"weights_path": path}}
        self._request_json("POST", "/collective_rpc", rpc, seconds=self.seconds, dev=True)
        self._request_json("POST", "/reset_prefix_cache", dev=True)

    def adapters(self) -> set[str]:
        """Return the names of the adapters that the server serves."""
        return {str(m["id"]) for m in self.models() if m.get("parent")}

    def load_adapter(self, name: str, path: str) -> None:
        """Serve the adapter in the directory ``path`` as the model ``name``."""
        body = {"lora_name": name, "lora_path": path}
        self._request("POST", "/v1/load_lora_adapter", body, self.seconds, missing=_LORA)

    def unload_adapter(self, name: str) -> None:
        """Stop serving the adapter ``name``."""
        self._request("POST", "/v1/unload_lora_adapter", {"lora_name": name}, missing=_LORA)

    def sleep(self) -> None:
        """Move the server's weights to main memory and drop its key/value cache (CUDA)."""
        self._request_json("POST", "/sleep?level=1", dev=True, seconds=self.seconds)

    def wake(self) -> None:
        """Move the server's weights back to the GPU."""
        self._request_json("POST", "/wake_up", dev=True, seconds=self.seconds)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _request_json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        seconds: float = _QUICK,
        dev: bool = False,
    ) -> dict[str, Any]:
        """Return the JSON object of an answer, {} for an empty answer. ``dev``: the route exists in
        vLLM's development mode only."""
        missing = "start it with VLLM_SERVER_DEV_MODE=1" if dev else "is it a vLLM server?"
        reply = self._request(method, path, body, seconds, missing=missing)
        return reply.json() if reply.content else {}

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        seconds: float = _QUICK,
        *,
        missing: str,
    ) -> Reply:
        """Send a request and return its reply. Raises `RunError` for a refusal; ``missing`` is the
        advice to the user if the server has no such route."""
        reply = self._http.send(method, path, body, seconds)
        unknown = reply.status == 404 and b'"Not Found"' in reply.content
        if unknown or reply.status == 405:
            raise RunError(f"{self.url}: the server has no {path.partition('?')[0]}; {missing}")
        check_refusal(self.url, path, reply)
        return reply
