"""The device, models with random weights by their configuration, and groups to learn from."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, Qwen2Config

import gpu
from sparring.learner.samples import Sample, SampleGroup
from sparring.schema import Role

GIB = 1 << 30
SHAPES: dict[str, dict[str, int | bool]] = {
    "0.5b": {
        "vocab_size": 151936, "hidden_size": 896, "intermediate_size": 4864,
        "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    },
    "1.5b": {
        "vocab_size": 151936, "hidden_size": 1536, "intermediate_size": 8960,
        "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    },
    "7b": {
        "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944,
        "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
        "tie_word_embeddings": False,
    },
}  # fmt: skip
"""Sizes of Qwen2.5, from the config.json of each model."""
_TINY = {
    "vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2,
}  # fmt: skip


class Refused(Exception):
    """Raised where this machine cannot make a check, for a reason that is not the project's."""


@dataclass(frozen=True)
class Setting:
    """Where a check is made: on ``device``, with the named shapes or ``tiny`` ones."""

    device: torch.device
    tiny: bool

    @classmethod
    def of(cls, check: str, device: str, tiny: bool) -> Setting:
        """The setting of a check. Raises `Refused` without CUDA or with too little memory."""
        if device == "cuda":
            if not torch.cuda.is_available():
                raise Refused("torch sees no CUDA device; --cpu rehearses without one")
            have = torch.cuda.get_device_properties(0).total_memory / GIB
            need = next(c.gib for c in gpu.CHECKS if c.name == check)
            if have < need and not tiny:
                raise Refused(f"needs a GPU of {need} GiB, this one has {have:.0f}")
        elif tiny:
            torch.set_num_threads(1)  # more only wait for each other
        return cls(torch.device(device), tiny)

    @property
    def cuda(self) -> bool:
        return self.device.type == "cuda"

    def config(self, shape: str, layers: int | None = None) -> Qwen2Config:
        """A shape's configuration, with fewer ``layers`` if wanted."""
        sizes = dict(SHAPES[shape])
        if self.tiny:
            sizes |= _TINY
        elif layers:
            sizes["num_hidden_layers"] = layers
        return Qwen2Config(
            **sizes, max_position_embeddings=32768, bos_token_id=1, eos_token_id=2, pad_token_id=0
        )

    def model(self, shape: str, dtype: torch.dtype, layers: int | None = None) -> PreTrainedModel:
        """A model of a shape with random weights, made on the device."""
        torch.manual_seed(0)
        with self.device:
            model = AutoModelForCausalLM.from_config(self.config(shape, layers), dtype=dtype)
        found: PreTrainedModel = model.eval()
        return found

    def seconds(self, do: Callable[[], object], times: int = 1) -> float:
        """Seconds that a call takes on the device, on average over ``times``."""
        self.wait()
        started = time.perf_counter()
        for _ in range(times):
            do()
        self.wait()
        return (time.perf_counter() - started) / times

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.cuda:
            torch.cuda.synchronize()

    def peak(self) -> float:
        """GiB that torch has held at most since `fresh_peak`; 0 on a CPU."""
        return torch.cuda.max_memory_allocated() / GIB if self.cuda else 0.0

    def fresh_peak(self) -> None:
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()


def groups_of(
    vocabulary: int, prompt: int, lengths: list[int], count: int, role: Role = Role.CODER
) -> list[SampleGroup]:
    """``count`` groups: a random prompt of so many tokens, a response for each of ``lengths``."""
    rng = random.Random(f"{prompt} {lengths} {count}")

    def ids(size: int) -> tuple[int, ...]:
        return tuple(rng.randrange(3, vocabulary) for _ in range(size))

    return [
        SampleGroup(
            role,
            ids(prompt),
            1.0,
            tuple(Sample(ids(n), (-7.0,) * n, (-1.0) ** i) for i, n in enumerate(lengths)),
        )
        for _ in range(count)
    ]


def part(**found: Any) -> dict[str, Any]:
    """Print what is found so far, so that a check that is cut off keeps it; give it back."""
    print(json.dumps({"part": found}), flush=True)
    return found
