"""A server for `step.py`: responses that are known before, at the pace of a GPU that is not there.

Answers are sampled once by the start weights, whatever weights are brought; what is modelled is
time: so many seconds for each token of a response, the same however many run beside it, at most so
many at once; and so many for taking over weights. When it was busy is on record.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from tests.policy.fake_vllm import FakeVllm

from sparring.policy.base import Prompt, SamplingParams
from sparring.policy.local.sampler import LocalSampler
from sparring.schema import Response, Role, StopReason

_EACH = 16
"""Responses that are known of a prompt."""
_KNOWN: dict[tuple[Any, ...], list[Response]] = {}
_MAKING = threading.Lock()


class PacedServer(FakeVllm):
    """``token_seconds`` for each token, ``slots`` at once, ``load_seconds`` for weights."""

    def __init__(self, model: str | Path, token_seconds: float, slots: int, load_seconds: float):
        super().__init__(model)
        self.token_seconds = token_seconds
        self.load_seconds = load_seconds
        self.slots = threading.Semaphore(slots)
        self.initial_model = self.model
        self.work: list[tuple[float, float]] = []
        """Beginning and end of every response, by the machine's clock."""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path.startswith(("/collective_rpc", "/v1/load_lora_adapter")):
            time.sleep(self.load_seconds)
        return super().answer(path, body)

    def complete(self, body: dict[str, Any]) -> tuple[int, Any]:
        prompt, most = tuple(body["prompt"]), int(body["max_tokens"])
        known = self._known(prompt, body["temperature"], most)
        found = known[body["seed"] % _EACH]
        with self.slots:
            begun = time.monotonic()
            time.sleep(self.token_seconds * len(found.token_ids))
            self.tokens = getattr(self, "tokens", 0) + len(found.token_ids)
            self.work.append((begun, time.monotonic()))
        ended = found.stop is StopReason.END_TOKEN
        choice = {
            "token_ids": found.token_ids,
            "prompt_token_ids": prompt,
            "logprobs": {"token_logprobs": list(found.logprobs)},
            "finish_reason": "stop" if ended else "length",
        }
        return 200, {"choices": [choice]}

    def _known(self, prompt: tuple[int, ...], heat: float, most: int) -> list[Response]:
        key = (self.place, prompt, heat, most)
        with _MAKING:
            if key not in _KNOWN:
                asked = Prompt("t", Role.CODER, prompt, 1, SamplingParams(heat, most))
                [_KNOWN[key]] = LocalSampler(self.initial_model, self.tokenizer).sample(
                    [asked], _EACH
                )
        return _KNOWN[key]
