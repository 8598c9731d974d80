"""A server's HTTP interface beside responses: what it is, what it has loaded, what it is to load.

A failure that a repetition may mend is `Unanswered`; any other is a `RunError`
that names the server. Nothing is repeated here: that is the station's and the
sampler's business.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from sparring.errors import ConfigError, RunError
from sparring.policy.http import Connections, Reply, Unanswered, key_header
from sparring.policy.vllm.completion import KEY, check_refusal
from sparring.policy.vllm.progress import Engine, engines

MODEL = "sparring"
"""Name under which a server of our own serves the model."""
_GLANCE = 60.0
"""Seconds for a question that computes nothing, of a busy machine."""
_LORA = "start it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True"


class Client:
    """Speaks with the server at ``url``. Safe to use from several threads."""

    def __init__(self, url: str, seconds: float, model: str | None = None):
        """``seconds`` is the longest that loading weights, sleeping or waking may take; ``model``
        the served name, asked for if it is not given."""
        self.url = url.rstrip("/")
        self.seconds = seconds
        self._model = model
        self._http = Connections(self.url, _GLANCE, key_header(os.environ.get(KEY)))

    def healthy(self) -> bool:
        """Whether the server says that it can serve."""
        try:
            return self._http.send("GET", "/health").status == 200
        except (Unanswered, ConfigError):
            return False

    def version(self) -> str:
        return str(self._asked("GET", "/version")["version"])

    def models(self) -> list[Mapping[str, Any]]:
        """Name and origin of each model served: the whole one first, then the adapters."""
        return [dict(m) for m in self._asked("GET", "/v1/models")["data"]]

    def model(self) -> str:
        """The name of the whole model."""
        if self._model is None:
            served = self.models()
            if not served:
                raise RunError(f"{self.url}: serves no model")
            self._model = str(served[0]["id"])
        return self._model

    def tokenize(self, text: str) -> list[int]:
        """The server's token ids of a text, without tokens added around it."""
        body = {"model": self.model(), "prompt": text, "add_special_tokens": False}
        return [int(t) for t in self._asked("POST", "/tokenize", body)["tokens"]]

    def detokenize(self, ids: Sequence[int]) -> str:
        body = {"model": self.model(), "tokens": list(ids)}
        return str(self._asked("POST", "/detokenize", body)["prompt"])

    def engines(self) -> dict[str, Engine]:
        """What each engine of the server has done so far; empty where it does not say."""
        got = self._http.send("GET", "/metrics")
        if got.status >= 500:
            got.check_again()
        return engines(got.content.decode("utf-8", "replace")) if got.status == 200 else {}

    def device(self) -> str:
        """What it computes on: cuda, cpu, …; empty where it does not say."""
        info = self._asked("GET", "/server_info?config_format=json", dev=True).get("vllm_config")
        device = info.get("device_config") if isinstance(info, dict) else None
        return str(device.get("device", "")) if isinstance(device, dict) else ""

    def weights(self) -> str:
        """What `label` has last called the weights in force; a restarted server has forgotten."""
        return str(self._asked("GET", "/weight_info", dev=True)["weight_version"])

    def label(self, name: str) -> None:
        self._asked("POST", "/update_weight_version", {"new_version": name}, dev=True)

    def load(self, path: str) -> None:
        """Put a checkpoint's weights in force and forget what was computed with others."""
        rpc = {"method": "reload_weights", "kwargs": {"weights_path": path}}
        self._asked("POST", "/collective_rpc", rpc, seconds=self.seconds, dev=True)
        self._asked("POST", "/reset_prefix_cache", dev=True)

    def adapters(self) -> set[str]:
        """Names of the adapters that can be asked."""
        return {str(m["id"]) for m in self.models() if m.get("parent")}

    def load_adapter(self, name: str, path: str) -> None:
        """Serve the adapter in the directory ``path`` as the model ``name``."""
        body = {"lora_name": name, "lora_path": path}
        self._got("POST", "/v1/load_lora_adapter", body, self.seconds, missing=_LORA)

    def unload_adapter(self, name: str) -> None:
        self._got("POST", "/v1/unload_lora_adapter", {"lora_name": name}, missing=_LORA)

    def sleep(self) -> None:
        """Move the weights to main memory and drop the cache (CUDA)."""
        self._asked("POST", "/sleep?level=1", dev=True, seconds=self.seconds)

    def wake(self) -> None:
        self._asked("POST", "/wake_up", dev=True, seconds=self.seconds)

    def close(self) -> None:
        self._http.close()

    def _asked(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        seconds: float = _GLANCE,
        dev: bool = False,
    ) -> dict[str, Any]:
        """The answer's JSON object; {} for an empty one. ``dev``: a route of development mode."""
        missing = "start it with VLLM_SERVER_DEV_MODE=1" if dev else "is it a vLLM server?"
        got = self._got(method, path, body, seconds, missing=missing)
        return got.json() if got.content else {}

    def _got(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        seconds: float = _GLANCE,
        *,
        missing: str,
    ) -> Reply:
        """An answer that is no refusal. ``missing``: what to do where there is no such route."""
        got = self._http.send(method, path, body, seconds)
        unknown = got.status == 404 and b'"Not Found"' in got.content
        if unknown or got.status == 405:
            raise RunError(f"{self.url}: has no {path.partition('?')[0]}; {missing}")
        check_refusal(self.url, path, got)
        return got
