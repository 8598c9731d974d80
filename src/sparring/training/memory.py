"""A machine that runs out of memory, told in one line with what to lower.

torch has an error of its own for a GPU and a plain RuntimeError for a CPU; NCCL and cuBLAS, which
take memory beside torch's own, have others.
The keys that help may all be changed by ``--resume``, so that a run does not
end for good where its longest batch does not fit. A process that the kernel
kills for its memory cannot say anything; such a run resumes as after any kill.
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
    """Turn an allocation that failed into `RunError`; ``go_on`` is how the run is taken up."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        told = str(error)
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and not _MISSING.search(
            told
        ):
            raise
        first = (told.strip().splitlines() or ["an allocation failed"])[0]
        raise RunError(
            f"out of memory ({first}); lower sampling.max_rows (sampling) or "
            "learning.tokens_per_micro_batch (learning), or set model.gradient_checkpointing"
            f"{go_on}"
        ) from None
