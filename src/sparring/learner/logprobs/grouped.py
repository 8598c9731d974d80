"""Attention with a mask over grouped keys and values that are not repeated, in bfloat16 on CPUs.

`transformers` repeats keys and values for every head of queries where there is
a mask, because CUDA's kernels then take no groups; those of a CPU do. In
float32 the repeated form stays: the sums over a group's heads, on the way
back, would be rounded otherwise, and runs on a CPU are equal to the bit.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

GROUPED = "sparring_grouped_sdpa"
SDPA = "sdpa"
_OTHER = ("position_bias", "softcap", "cache")
"""What some families give beside a mask; `transformers` sees to it."""


def grouped_forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The attention's output [rows, positions, heads, size] of ``query`` [rows, heads, positions,
    size] and of ``key`` and ``value``, which have fewer heads."""
    grouped = key.shape[1] < query.shape[1] and attention_mask is not None
    if not grouped or any(kwargs.get(name) is not None for name in _OTHER):
        found: tuple[torch.Tensor, None] = ALL_ATTENTION_FUNCTIONS[SDPA](
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
        return found
    out = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, scale=scaling, enable_gqa=True
    )
    return out.transpose(1, 2).contiguous(), None


AttentionInterface.register(GROUPED, grouped_forward)
AttentionMaskInterface.register(GROUPED, sdpa_mask)
