"""Freed memory that a process keeps, for a large model on a CPU.

glibc gives each block above 32 MiB back to the kernel when it is freed. The tensors of a pass are
larger, and the next one touches new pages: on virtual machines that can take longer than computing
its values (docs/log.md). `keep_freed_memory` tells glibc to keep such blocks for the next tensors.
The process then stays as large as it once was.
"""

from __future__ import annotations

import ctypes

from transformers import PreTrainedModel

from sparring.policy.shape import PACKED_FROM

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Parameters of mallopt, from glibc's malloc.h."""


def keep_freed_memory(model: PreTrainedModel) -> bool:
    """Let this process keep freed memory if ``model`` is large and on a CPU. Returns whether it
    does; a C library without glibc's `mallopt` is left as it is."""
    if model.device.type != "cpu" or model.num_parameters() < PACKED_FROM:
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    # −1 becomes the largest size, so the end of the heap is not given back either.
    return mallopt is not None and all(
        mallopt(*setting) for setting in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1))
    )
