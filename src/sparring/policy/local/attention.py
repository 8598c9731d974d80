"""Attention of one new position per row over grouped keys and values, without repeating them.

With g query heads for each key head, a row's new position makes g queries of one key head.
`grouped_attention` passes these to torch as g positions of one head, so that keys and values are
read once. With a mask, `transformers` repeats keys and values (before version 5.23). Without a
mask, `transformers` leaves the grouping to torch. Torch's CPU kernel then copies keys and values
for every query head, and is ten times as slow for a Qwen2.5-0.5B (`benchmarks/sampling.py`).
`grouped_attention` computes the same sums: results are equal to the bit in bfloat16, and up to
rounding in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

_NAME = "sparring_decode"
_SDPA = "sdpa"
_OTHER = ("position_bias", "softcap", "cache")
"""Arguments that some model families pass beside a mask; `transformers`' function handles them."""


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Return the attention's output [rows, positions, heads, size], as an attention function of
    ``transformers``.

    ``query`` is [rows, heads, positions, size]; ``key`` and ``value`` are [rows, key heads,
    positions, size]. Calls with several positions per row, or with a mask for each head, go to
    ``transformers``' own function.
    """
    rows, heads, positions, _ = query.shape
    grouped = positions == 1 and key.shape[1] < heads
    shared = attention_mask is None or attention_mask.shape[1] == 1
    if not grouped or not shared or any(kwargs.get(name) is not None for name in _OTHER):
        usual: tuple[torch.Tensor, None] = ALL_ATTENTION_FUNCTIONS[_SDPA](
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
        return usual
    out = torch.nn.functional.scaled_dot_product_attention(
        query.reshape(rows, key.shape[1], -1, query.shape[-1]),
        key,
        value,
        attn_mask=attention_mask,
        scale=scaling,
    )
    return out.reshape(rows, 1, heads, value.shape[-1]), None


AttentionInterface.register(_NAME, grouped_attention)
AttentionMaskInterface.register(_NAME, sdpa_mask)


@contextmanager
def grouping(model: PreTrainedModel) -> Iterator[None]:
    """Make the model attend by `grouped_attention` within the block.

    A model keeps its own attention if its family has a fixed attention function, or uses a function
    other than torch's. Two threads must not use one model object in such blocks at the same time.
    """
    own = {id(m.config): m.config for m in model.modules() if hasattr(m, "config")}.values()
    fit = any(getattr(m, "_supports_attention_backend", False) for m in model.modules())
    if not fit or any(getattr(c, "_attn_implementation", None) != _SDPA for c in own):
        yield
        return
    try:
        for config in own:
            config._attn_implementation = _NAME
        yield
    finally:
        for config in own:
            config._attn_implementation = _SDPA
