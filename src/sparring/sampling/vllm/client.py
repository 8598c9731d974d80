"""One server's HTTP interface: token ids in, token ids and log-probs out, weights exchanged.

Each response is a request of its own, with its own seed: so it can be
repeated alone, arrives as soon as it is whole, and does not depend on what is
asked for beside it; the server computes a shared prompt once by its prefix
cache. All that a checkpoint's generation config could change is sent along.

What comes back is checked before it is believed. A failure that a repetition
may mend is `Unanswered`; any other is a `RunError` that names the server.
Nothing is repeated here: that is the station's and the sampler's business.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from sparring.errors import RunError
from sparring.sampling.base import Prompt
from sparring.sampling.said import said
from sparring.schema import StopReason

MODEL = "sparring"
"""Name under which a server of our own serves the model."""
_CONNECT, _GLANCE = 10.0, 60.0
"""Seconds to be connected, and for a question that computes nothing, of a busy machine."""


class Unanswered(Exception):
    """No whole and sound answer came. ``hung``: the time for it ran out."""

    def __init__(self, why: str, hung: bool = False) -> None:
        super().__init__(why)
        self.hung = hung


@dataclass(frozen=True, slots=True)
class Completion:
    """What was sampled: ids with the end token, log-probs of the distribution that was sampled."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    stop: StopReason


def response_seed(prompt_seed: int, index: int) -> int:
    """The seed of a prompt's response ``index``: 63 bits, what the server takes at most."""
    digest = hashlib.sha256(f"{prompt_seed}\0{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Client:
    """Speaks with the server at ``url``. Safe to use from several threads."""

    def __init__(self, url: str, seconds: float, model: str | None = None, own: bool = False):
        """``seconds`` is the longest that a response may take; ``model`` the served name, asked
        for if it is not given. Our ``own`` server is never spoken to through a proxy. The key in
        VLLM_API_KEY, which vLLM itself reads, is sent along."""
        key = os.environ.get("VLLM_API_KEY")
        self.url = url.rstrip("/")
        self.seconds = seconds
        self._model = model
        self._http = httpx2.Client(
            timeout=self._limit(seconds),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=256),
            trust_env=not own,
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )

    def healthy(self) -> bool:
        """Whether the server says that it can serve."""
        try:
            return (
                self._http.get(f"{self.url}/health", timeout=self._limit(_GLANCE)).status_code
                == 200
            )
        except (httpx2.HTTPError, httpx2.InvalidURL):
            return False

    def version(self) -> str:
        return str(self._asked("GET", "/version")["version"])

    def models(self) -> list[Mapping[str, Any]]:
        """Name, origin and longest sequence of each model served."""
        return [dict(m) for m in self._asked("GET", "/v1/models")["data"]]

    def model(self) -> str:
        """The name of the model that is asked."""
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

    def weights(self) -> str:
        """What `label` has last called the weights in force; a restarted server has forgotten."""
        return str(self._asked("GET", "/weight_info", dev=True)["weight_version"])

    def label(self, name: str) -> None:
        self._asked("POST", "/update_weight_version", {"new_version": name}, dev=True)

    def load(self, path: str, seconds: float) -> None:
        """Put a checkpoint's weights in force and forget what was computed with others."""
        rpc = {"method": "reload_weights", "kwargs": {"weights_path": path}}
        self._asked("POST", "/collective_rpc", rpc, seconds=seconds, dev=True)
        self._asked("POST", "/reset_prefix_cache", dev=True)

    def sleep(self) -> None:
        """Move the weights to main memory and drop the cache (CUDA)."""
        self._asked("POST", "/sleep?level=1", dev=True, seconds=self.seconds)

    def wake(self) -> None:
        self._asked("POST", "/wake_up", dev=True, seconds=self.seconds)

    def complete(self, prompt: Prompt, seed: int, end_ids: Sequence[int]) -> Completion:
        """One response. Raises `Unanswered`, or `RunError` where the server refuses the request."""
        body = {
            "model": self.model(),
            "prompt": list(prompt.token_ids),
            "max_tokens": prompt.params.max_tokens,
            "temperature": prompt.params.temperature,
            "seed": seed,
            "top_p": 1.0,
            "top_k": -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "stop_token_ids": list(end_ids),
            "logprobs": 0,
            "return_token_ids": True,
        }
        found = self._asked("POST", "/v1/completions", body, seconds=self.seconds)
        return _completion(found, prompt, end_ids, self.url)

    def close(self) -> None:
        self._http.close()

    @staticmethod
    def _limit(seconds: float) -> httpx2.Timeout:
        return httpx2.Timeout(seconds, connect=_CONNECT)

    def _asked(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        seconds: float = _GLANCE,
        dev: bool = False,
    ) -> dict[str, Any]:
        """The answer's JSON object; {} for an empty one. ``dev``: a route of development mode."""
        try:
            got = self._http.request(
                method, self.url + path, json=body, timeout=self._limit(seconds)
            )
        except httpx2.InvalidURL as error:
            raise RunError(f"vllm.urls: {self.url}: {error}") from None
        except httpx2.UnsupportedProtocol:
            raise RunError(f"vllm.urls: {self.url}: must begin with http:// or https://") from None
        except httpx2.ReadTimeout:
            raise Unanswered(f"no answer in {seconds:g} s", hung=True) from None
        except httpx2.TransportError as error:
            raise Unanswered(str(error) or type(error).__name__) from None
        if got.status_code in (404, 405) and path != "/v1/completions":
            why = "start it with VLLM_SERVER_DEV_MODE=1" if dev else "is it a vLLM server?"
            raise RunError(f"{self.url}: has no {path.partition('?')[0]}; {why}")
        if got.status_code in (408, 429) or got.status_code >= 500:
            raise Unanswered(f"HTTP {got.status_code}: {said(got.content, got.reason_phrase)}")
        if got.status_code >= 400:
            raise RunError(f"{self.url}: refuses {path}: {said(got.content, got.reason_phrase)}")
        if not got.content:
            return {}
        try:
            found = got.json()
        except ValueError:
            raise Unanswered(f"{path} gave no JSON") from None
        if not isinstance(found, dict):
            raise Unanswered(f"{path} gave no JSON object")
        return found


def _completion(
    found: Mapping[str, Any], prompt: Prompt, end_ids: Sequence[int], url: str
) -> Completion:
    """The completion in an answer. Raises `Unanswered` for one that is not sound."""
    try:
        [choice] = found["choices"]
        ids = tuple(int(t) for t in choice["token_ids"])
        logprobs = tuple(float(x) for x in choice["logprobs"]["token_logprobs"])
        why, asked = choice["finish_reason"], choice["prompt_token_ids"]
    except (KeyError, TypeError, ValueError) as error:
        raise Unanswered(f"an answer of another form ({type(error).__name__}: {error})") from None
    if asked is not None and tuple(asked) != prompt.token_ids:
        raise RunError(f"{url}: changed the prompt's token ids")
    if not ids or len(ids) != len(logprobs) or len(ids) > prompt.params.max_tokens:
        raise Unanswered(f"{len(ids)} token ids with {len(logprobs)} log-probs")
    if any(math.isnan(x) or x > 1e-4 for x in logprobs):
        raise Unanswered("log-probs that are none")
    if why == "stop" and ids[-1] in end_ids:
        return Completion(ids, logprobs, StopReason.END_TOKEN)
    if why == "length":
        return Completion(ids, logprobs, StopReason.LENGTH)
    raise Unanswered(f"a response that ended by {why!r}")
