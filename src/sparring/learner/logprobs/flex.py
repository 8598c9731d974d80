"""Flex attention as an attention function of `transformers`: one dtype, grouped heads, compiled.

This replaces `transformers`' own function, which has two faults here:

- It repeats keys and values to all heads unless the number of heads is a power of two.
- It passes on queries and keys of another data type than the values, where a norm or the rotary
  embedding has widened them. Older versions of torch refuse these or compute in float32; newer
  ones cast them only under autocast.

Reaching Dynamo's limit of recompilations is an error here. Beyond the limit torch would silently
run the uncompiled function, which computes every pair of places.
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
"""Name of the function in `transformers`, which decides by the end of the name, `flex_attention`,
whether a model supports it."""
SMALLEST_HEAD = 16
"""Smallest head size of Triton's matrix products (torch,
`_inductor/kernel/flex/flex_attention.py`)."""
RECOMPILATIONS = 64
"""Limit of compiled kernels. Lengths are dynamic, so most models need two."""


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
    """Return the attention's output [rows, places, heads, size].

    ``query`` is [rows, heads, places, size]; ``key`` and ``value`` may have fewer heads.
    ``softcap`` bounds the scores (Gemma 2). ``s_aux`` [heads] are sinks: extra scores that take a
    share of the probability and stand for no place (gpt-oss). Raises ValueError for a model that
    flex attention cannot compute.
    """
    if not isinstance(attention_mask, BlockMask):
        raise ValueError("the model does not pass the block mask on to its attention")
    if min(query.shape[-1], value.shape[-1]) < SMALLEST_HEAD:
        raise ValueError(
            f"flex attention needs heads of at least {SMALLEST_HEAD} values; these have "
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
        out = _call(query, key, value, options)
    else:
        if not hasattr(torch_flex, "AuxRequest"):
            raise ValueError("flex attention with sinks needs torch 2.9 or newer")
        options["return_aux"] = torch_flex.AuxRequest(lse=True)
        out, aux = _call(query, key, value, options)
        # The kernel knows no sinks. A sink only scales the output, by the share of the probability
        # that it leaves to the places: exp(lse) / (exp(lse) + exp(sink)).
        share = torch.sigmoid(aux.lse.float() - s_aux.float()[:, None])
        out = (out * share[..., None]).to(value.dtype)
    return out.transpose(1, 2).contiguous(), None


def try_gradient(config: PreTrainedConfig, dtype: torch.dtype, device: torch.device) -> None:
    """Compile and run forward and backward pass with the head sizes of ``config``. The backward
    pass has kernels of its own, which may not fit on a GPU where the forward pass fits."""
    heads = config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    keys = getattr(config, "num_key_value_heads", None) or heads
    query, key, value = (
        torch.zeros(1, n, BLOCK, size, dtype=dtype, device=device, requires_grad=True)
        for n in (heads, keys, keys)
    )
    zeros = torch.zeros(1, BLOCK, dtype=torch.long, device=device)
    mask = block_mask(Visible(zeros, zeros, zeros))
    cap = getattr(config, "attn_logit_softcapping", None)
    out, _ = flex_forward(torch.nn.Identity(), query, key, value, mask, softcap=cap)
    out.sum().backward()


def _call(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, options: dict[str, Any]
) -> Any:
    limits = {"recompile_limit": RECOMPILATIONS, "fail_on_recompile_limit_hit": True}
    try:
        with torch._dynamo.config.patch(limits):
            return _compiled()(query, key, value, **options)
    except FailOnRecompileLimitHit:
        raise ModelError(
            f"learning.backend = flex: attention was compiled {RECOMPILATIONS} times, the limit; "
            "set learning.backend = padded and go on with --resume"
        ) from None


@functools.cache
def _compiled() -> Callable[..., Any]:
    """Return the compiled attention, one for all layers, models and passes."""
    return torch.compile(torch_flex.flex_attention)


@functools.cache
def _capped(softcap: float) -> Callable[..., torch.Tensor]:
    """Return the function that bounds scores by ``softcap``. It is cached, because torch would
    compile again for a new function object."""

    def capped(score: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        return softcap * torch.tanh(score / softcap)

    return capped


AttentionInterface.register(FLEX, flex_forward)
