"""Speed of matrix products in bfloat16 and in float32 on this CPU.

Not every CPU with bfloat16 products is faster with them: an Intel Xeon with ``avx512_bf16`` and
without ``amx_bf16`` multiplied bfloat16 matrices half as fast as float32 ones (docs/log.md).
"""

from __future__ import annotations

import time

import torch
from transformers import PreTrainedModel

from sparring.policy.shape import PACKED_FROM

_ROWS, _INPUTS, _OUTPUTS = 512, 1024, 2048
_ROUNDS = 5
_WORTH = 1.25
"""Ratio of float32's speed to bfloat16's from which a change of the precision is recommended."""


def slow_bfloat16(model: PreTrainedModel) -> str | None:
    """Return a note if ``model`` is large, in bfloat16 and on a CPU that multiplies float32
    matrices faster; else None. Takes a fraction of a second."""
    if (
        model.device.type != "cpu"
        or model.dtype is not torch.bfloat16
        or model.num_parameters() < PACKED_FROM
    ):
        return None
    ratio = product_seconds(torch.bfloat16) / product_seconds(torch.float32)
    if ratio < _WORTH:
        return None
    return (
        f"bfloat16 products take {ratio:.1f} times as long as float32 products on this CPU; set "
        "model.precision = float32 if main memory is enough for it"
    )


def product_seconds(dtype: torch.dtype) -> float:
    """Return the seconds of one matrix product of 2.1 · 10⁹ operations: the best of some rounds."""
    with torch.no_grad():
        x = torch.ones(_ROWS, _INPUTS, dtype=dtype)
        weight = torch.ones(_OUTPUTS, _INPUTS, dtype=dtype)
        seconds = []
        for _ in range(1 + _ROUNDS):  # the first round prepares the kernel
            start = time.perf_counter()
            torch.nn.functional.linear(x, weight)
            seconds.append(time.perf_counter() - start)
    return min(seconds[1:])
