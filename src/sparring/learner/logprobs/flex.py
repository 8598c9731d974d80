"""Flex attention as `transformers` calls an attention function: one type, grouped heads, compiled.

Not `transformers`' own: that one repeats keys and values to all heads unless
the number of heads is a power of two, and hands on queries and keys of another
type than the values where a norm or the rotation has widened them, which older
versions of torch refuse or compute in float32, and newer ones cast only under
autocast. Dynamo's limit of recompilations is an error here: beyond it the
uncompiled form would compute every pair of places, without a word.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch._dynamo.exc import FailOnRecompileLimitHit
from torch.nn.attention import flex_attention as torch_flex
from torch.nn.attention.flex_attention import BlockMask
from transformers import AttentionInterface, PreTrainedConfig

from sparring.errors import ModelError
from sparring.learner.logprobs.blocks import BLOCK, Visible, block_mask

FLEX = "sparring_flex_attention"
"""Its name in `transformers`, which asks whether a model can have it by the end of the name."""
SMALLEST_HEAD = 16
"""Triton's matrix products take no fewer (torch, `_inductor/kernel/flex/flex_attention.py`)."""
RECOMPILATIONS = 64
"""How many kernels there may be. Lengths are dynamic: two for most models."""


def flex_forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: BlockMask,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """The attention's output [rows, places, heads, size] of ``query`` [rows, heads, places, size]
    and of ``key`` and ``value``, which may have fewer heads.

    ``softcap`` bounds the scores (Gemma 2); ``s_aux`` [heads] are sinks, scores of nothing that
    take their part of the probability (gpt-oss). Raises ValueError for what flex attention cannot
    do.
    """
    if not isinstance(attention_mask, BlockMask):
        raise ValueError("this attention gets no mask of blocks from the model")
    if min(query.shape[-1], value.shape[-1]) < SMALLEST_HEAD:
        raise ValueError(
            f"flex attention takes no heads of fewer than {SMALLEST_HEAD}, and these have "
            f"{min(query.shape[-1], value.shape[-1])}"
        )
    query, key = query.to(value.dtype), key.to(value.dtype)
    options: dict[str, Any] = {
        "block_mask": attention_mask,
        "scale": scaling,
        "enable_gqa": query.shape[1] != key.shape[1],
    }
    if softcap is not None:
        options["score_mod"] = _capped(softcap)
    if s_aux is None:
        found = _call(query, key, value, options)
    else:
        if not hasattr(torch_flex, "AuxRequest"):
            raise ValueError("attention with sinks needs torch 2.9 or newer")
        options["return_aux"] = torch_flex.AuxRequest(lse=True)
        found, aux = _call(query, key, value, options)
        # The share that the sink leaves: exp(lse) / (exp(lse) + exp(sink)).
        left = torch.sigmoid(aux.lse.float() - s_aux.float()[:, None])
        found = (found * left[..., None]).to(value.dtype)
    return found.transpose(1, 2).contiguous(), None


def try_gradient(config: PreTrainedConfig, dtype: torch.dtype, device: torch.device) -> None:
    """Compile and run both ways what a model of ``config`` will need: the way back has kernels of
    its own, which may not fit where those of the forward pass do."""
    heads = config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    keys = getattr(config, "num_key_value_heads", None) or heads
    query, key, value = (
        torch.zeros(1, n, BLOCK, size, dtype=dtype, device=device, requires_grad=True)
        for n in (heads, keys, keys)
    )
    nothing = torch.zeros(1, BLOCK, dtype=torch.long, device=device)
    mask = block_mask(Visible(nothing, nothing, nothing))
    cap = getattr(config, "attn_logit_softcapping", None)
    found, _ = flex_forward(torch.nn.Identity(), query, key, value, mask, softcap=cap)
    found.sum().backward()


def _call(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, options: dict[str, Any]
) -> Any:
    limits = {"recompile_limit": RECOMPILATIONS, "fail_on_recompile_limit_hit": True}
    try:
        with torch._dynamo.config.patch(limits):
            return _compiled()(query, key, value, **options)
    except FailOnRecompileLimitHit:
        raise ModelError(
            f"learning.backend = flex: attention was compiled {RECOMPILATIONS} times and would "
            "have to be again; set learning.backend = padded and go on with --resume"
        ) from None


@functools.cache
def _compiled() -> Callable[..., Any]:
    """Once for all layers, models and passes."""
    return torch.compile(torch_flex.flex_attention)


@functools.cache
def _capped(softcap: float) -> Callable[..., torch.Tensor]:
    """One function for one bound: another would be compiled anew."""

    def capped(score: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return softcap * torch.tanh(score / softcap)

    return capped


AttentionInterface.register(FLEX, flex_forward)
