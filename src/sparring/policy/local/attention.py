"""Attention of one new position per row over grouped keys and values, without repeating them.

With g heads of queries for each head of keys, a row's new position is one
query for each of the g. `grouped_attention` passes them to torch as g
positions of one head, so that keys and values are read once. `transformers`
repeats keys and values before version 5.23 where there is a mask. Without one
it leaves the grouping to torch, whose kernel for CPUs then lays out keys and
values again for every head of queries: ten times as slow for a Qwen2.5-0.5B
(`benchmarks/sampling.py`). The sums are the same ones: in bfloat16 the
results are equal to the bit, in float32 up to its rounding.
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
"""What some families give beside a mask; `transformers` sees to it."""


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """The interface of ``transformers``: ``query`` [rows, heads, positions, size], ``key`` and
    ``value`` [rows, heads of keys, positions, size], the result [rows, positions, heads, size].

    What is not one position per row, or has a mask for each head, is left to ``transformers``.
    """
    rows, heads, positions, _ = query.shape
    grouped = positions == 1 and key.shape[1] < heads
    shared = attention_mask is None or attention_mask.shape[1] == 1
    if not grouped or not shared or any(kwargs.get(name) is not None for name in _OTHER):
        found: tuple[torch.Tensor, None] = ALL_ATTENTION_FUNCTIONS[_SDPA](
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
        return found
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
    """The model attends by `grouped_attention` meanwhile, if its family takes the function from
    its configuration and would attend by torch's.

    Not for two threads at once with one model object.
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
