"""Check of free GPU memory by `nvidia-smi`, before a vLLM server takes the memory.

vLLM refuses to start if less than ``--gpu-memory-utilization`` of a GPU is free, and ends if its
memory is taken when it wakes up. This module reports both in advance, with figures. Without
`nvidia-smi`, or without its figures (another maker's GPU, a MIG slice), nothing is checked.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sparring.errors import RunError
from sparring.policy.vllm.settings import ServerSettings

_QUERY = ("--query-gpu=index,memory.free,memory.total", "--format=csv,noheader,nounits")
_SETTLING = 20.0
"""Longest time in seconds until the memory of an ended process is free again."""
_MIB_IN_GIB = 1024.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """Free and total memory of a GPU in GiB."""

    index: str
    free: float
    total: float


def visible_gpus(variables: Mapping[str, str], count: int) -> list[Gpu]:
    """Return the first ``count`` GPUs that a process with the environment ``variables`` sees; none
    if `nvidia-smi` gives no figures."""
    chosen = variables.get("CUDA_VISIBLE_DEVICES")
    command = ["nvidia-smi", *_QUERY, *([f"--id={chosen}"] if chosen else [])]
    if chosen == "":
        return []
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    gpus = []
    for line in done.stdout.splitlines() if done.returncode == 0 else ():
        try:
            index, free, total = (field.strip() for field in line.split(","))
            gpus.append(Gpu(index, float(free) / _MIB_IN_GIB, float(total) / _MIB_IN_GIB))
        except ValueError:
            return []
    return gpus[:count]


class GpuMemory:
    """Memory that a server started by Sparring needs on its GPUs, and frees while it sleeps."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._given_back: dict[str, float] = {}

    def check_start(self) -> None:
        """Raise `RunError` if the server lacks the memory to start."""
        share = self.settings.memory
        self._check(
            lambda gpu: share * gpu.total,
            f"the vLLM server takes the share vllm.memory = {share:g} of the GPU",
            "lower vllm.memory, or give the server a GPU of its own by vllm.variables",
        )

    def sleep(self, sleep: Callable[[], None]) -> None:
        """Make the server sleep by calling ``sleep``, and measure the memory that this frees."""
        before = {gpu.index: gpu.free for gpu in self._gpus()}
        sleep()
        self._given_back = {
            gpu.index: gpu.free - before[gpu.index] for gpu in self._gpus() if gpu.index in before
        }

    def check_waking(self) -> None:
        """Raise `RunError` if memory that the server freed when it fell asleep is taken."""
        self._check(
            lambda gpu: self._given_back.get(gpu.index, 0.0),
            "the vLLM server needs the memory that it freed when it fell asleep",
            "lower vllm.memory, or learning.max_tokens",
        )

    def _check(self, needed: Callable[[Gpu], float], why: str, remedy: str) -> None:
        deadline = time.monotonic() + _SETTLING
        while short := [gpu for gpu in self._gpus() if gpu.free < needed(gpu)]:
            if time.monotonic() > deadline:
                gpu = short[0]
                raise RunError(
                    f"GPU {gpu.index}: {gpu.free:.1f} of {gpu.total:.1f} GiB are free and "
                    f"{needed(gpu):.1f} are needed: {why}; {remedy}"
                )
            time.sleep(1.0)

    def _gpus(self) -> list[Gpu]:
        s = self.settings
        return visible_gpus({**os.environ, **s.variables}, s.tensor_parallel * s.data_parallel)
