"""What sampling by vLLM servers can be told: the recipe's [vllm] as this room takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Dtype(StrEnum):
    """What a server computes in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True)
class VllmSettings:
    """``urls`` are of servers that somebody else runs (``urls_key``: where a user has given them);
    without any, one of our own is started from ``environment``. Times are in seconds,
    ``cpu_cache`` in GiB.

    ``concurrency`` is of one engine: a server has ``data_parallel`` of them, one at ``urls`` as
    many as it says. ``max_gap`` is the largest mean distance, in nats, between the server's
    log-probs and the trainer's when weights have come. ``lora_rank`` is the largest rank of the
    adapters that are served, 0 without any; ``loras`` is how many of them are asked at once.
    """

    environment: Path
    urls: tuple[str, ...] = ()
    urls_key: str = "vllm.urls"
    dtype: Dtype = Dtype.FLOAT32
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    memory: float = 0.9
    cpu_cache: int = 4
    tensor_parallel: int = 1
    data_parallel: int = 1
    max_model_len: int | None = None
    weights_dir: Path = Path("/dev/shm")
    max_gap: float = 1e-3
    concurrency: int = 512
    start_seconds: float = 900.0
    stall_seconds: float = 300.0
    patience: float = 120.0
    share_gpu: bool = False
    lora_rank: int = 0
    loras: int = 1
