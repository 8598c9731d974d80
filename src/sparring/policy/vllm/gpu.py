"""Free memory of the GPUs that a server of our own takes, asked of `nvidia-smi` before it takes it.

vLLM refuses to start where less than ``--gpu-memory-utilization`` of a GPU is
free, and ends when it wakes up and finds its memory taken. Both are said here
before, with figures. Where `nvidia-smi` is missing or gives no figures (another
maker's GPU, a MIG slice) nothing is checked.
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
"""Seconds in which a process that has just ended gives its memory back."""
_MIB_IN_GIB = 1024.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """Memory of a GPU in GiB."""

    index: str
    free: float
    total: float


def visible_gpus(variables: Mapping[str, str], count: int) -> list[Gpu]:
    """The first ``count`` GPUs that a process with these environment variables sees; none where
    `nvidia-smi` does not know."""
    chosen = variables.get("CUDA_VISIBLE_DEVICES")
    command = ["nvidia-smi", *_QUERY, *([f"--id={chosen}"] if chosen else [])]
    if chosen == "":
        return []
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = []
    for line in done.stdout.splitlines() if done.returncode == 0 else ():
        try:
            index, free, total = (field.strip() for field in line.split(","))
            found.append(Gpu(index, float(free) / _MIB_IN_GIB, float(total) / _MIB_IN_GIB))
        except ValueError:
            return []
    return found[:count]


class GpuMemory:
    """What a server of our own needs of its GPUs, and what it gives back while it sleeps."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self._given_back: dict[str, float] = {}

    def check_start(self) -> None:
        """Raises `RunError` where the server would not start for want of memory."""
        share = self.settings.memory
        self._check(
            lambda gpu: share * gpu.total,
            f"the vLLM server is to take vllm.memory = {share:g} of it",
            "lower vllm.memory, or give it a GPU of its own by vllm.variables",
        )

    def sleep(self, sleep: Callable[[], None]) -> None:
        """Have the server sleep, and see what that frees."""
        before = {gpu.index: gpu.free for gpu in self._gpus()}
        sleep()
        self._given_back = {
            gpu.index: gpu.free - before[gpu.index] for gpu in self._gpus() if gpu.index in before
        }

    def check_waking(self) -> None:
        """Raises `RunError` where what it gave back when it fell asleep is taken."""
        self._check(
            lambda gpu: self._given_back.get(gpu.index, 0.0),
            "the vLLM server needs what it gave back when it fell asleep",
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
