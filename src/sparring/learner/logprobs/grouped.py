"""Masked attention over grouped keys and values without repeating them, in bfloat16 on CPUs.

With a mask, `transformers` repeats keys and values for every query head, because CUDA's kernels do
not accept grouped heads together with a mask. The CPU's kernels accept them. In float32 keys and
values are still repeated: otherwise the backward pass would round the sums over a group's heads
differently, and runs on a CPU must stay equal to the bit.
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
"""Arguments that some model families pass beside a mask; `transformers`' function handles them."""


def grouped_forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Return the attention's output [rows, positions, heads, size] for ``query`` [rows, heads,
    positions, size] and for ``key`` and ``value``, which have fewer heads."""
    grouped = key.shape[1] < query.shape[1] and attention_mask is not None
    if not grouped or any(kwargs.get(name) is not None for name in _OTHER):
        usual: tuple[torch.Tensor, None] = ALL_ATTENTION_FUNCTIONS[SDPA](
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
        return usual
    out = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, scale=scaling, enable_gqa=True
    )
    return out.transpose(1, 2).contiguous(), None


AttentionInterface.register(GROUPED, grouped_forward)
AttentionMaskInterface.register(GROUPED, sdpa_mask)
