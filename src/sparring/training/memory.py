"""Errors of a machine that runs out of memory, as one line that names the settings to lower.

torch has its own error class for a GPU and raises a plain RuntimeError on a CPU; NCCL
and cuBLAS, which allocate memory beside torch, raise other errors. ``--resume`` may
change all settings that help, so a run is not lost if its longest batch does not fit.
A process that the kernel kills for its memory cannot print anything; such a run is
resumed like a run after any kill.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sparring.errors import RunError

_MISSING = re.compile("can't allocate memory|out of memory|CUBLAS_STATUS_ALLOC_FAILED")


@contextmanager
def enough_memory(go_on: str = "") -> Iterator[None]:
    """Turn a failed allocation within the block into `RunError`. ``go_on`` is added to the message:
    the command that resumes the run."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        message = str(error)
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and not _MISSING.search(
            message
        ):
            raise
        first = (message.strip().splitlines() or ["an allocation failed"])[0]
        raise RunError(
            f"out of memory ({first}); lower sampling.max_batch_size (sampling) or "
            "learning.tokens_per_micro_batch (learning), or set model.gradient_checkpointing"
            f"{go_on}"
        ) from None
