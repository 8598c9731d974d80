"""Server for `step.py`: prepared responses at the pace of a simulated GPU.

The initial weights sample the responses once, whatever weights the server receives later. Only time
is simulated: the seconds per token, independent of the load; the number of responses at once; and
the seconds to load weights. The server records when it was busy.
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

_PER_PROMPT = 16
"""Number of prepared responses to a prompt."""
_PREPARED: dict[tuple[Any, ...], list[Response]] = {}
_PREPARING = threading.Lock()


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
        prepared = self._prepared(prompt, body["temperature"], most)
        response = prepared[body["seed"] % _PER_PROMPT]
        with self.slots:
            start = time.monotonic()
            time.sleep(self.token_seconds * len(response.token_ids))
            self.tokens = getattr(self, "tokens", 0) + len(response.token_ids)
            self.work.append((start, time.monotonic()))
        ended = response.stop is StopReason.END_TOKEN
        choice = {
            "token_ids": response.token_ids,
            "prompt_token_ids": prompt,
            "logprobs": {"token_logprobs": list(response.logprobs)},
            "finish_reason": "stop" if ended else "length",
        }
        return 200, {"choices": [choice]}

    def _prepared(self, prompt: tuple[int, ...], temperature: float, most: int) -> list[Response]:
        key = (self.place, prompt, temperature, most)
        with _PREPARING:
            if key not in _PREPARED:
                sampled_prompt = Prompt(
                    "t", Role.CODER, prompt, 1, SamplingParams(temperature, most)
                )
                [_PREPARED[key]] = LocalSampler(self.initial_model, self.tokenizer).sample(
                    [sampled_prompt], _PER_PROMPT
                )
        return _PREPARED[key]
