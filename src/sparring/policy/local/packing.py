"""Packed bfloat16 weights for matrix products on a CPU, packed once for many tokens.

For a few rows, a product costs little more than reading its weights, and torch packs a bfloat16
weight anew for each product. With weights packed once, a product takes 0.65 to 0.85 of the time
(`benchmarks/sampling.py`), and the sums are the same. Packing costs the time that about ten tokens
save, and the memory of a second copy of the weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from transformers import PreTrainedModel

_TOKENS = 16
"""Smallest number of tokens for which packing is worth its cost."""
_ROWS = 64
"""Number of rows that the packed form is made for; it computes any other number as well."""


@contextmanager
def packing(model: PreTrainedModel, tokens: int) -> Iterator[None]:
    """Make the linear layers of ``model`` use packed weights within the block.

    Nothing changes if ``tokens`` forward passes are too few to be worth it, if the weights are not
    bfloat16, or if the CPU has no bfloat16 products. The weights must not change within the block.
    """
    packed = [m for m in model.modules() if can_pack(m)] if tokens >= _TOKENS else []
    try:
        for module in packed:
            weight = torch.ops.mkldnn._reorder_linear_weight(module.weight.detach(), _ROWS)
            module.__dict__["forward"] = partial(_product, weight, module.bias)
        yield
    finally:
        for module in packed:
            module.__dict__.pop("forward", None)


def can_pack(module: torch.nn.Module) -> bool:
    """Return whether ``module`` is a plain linear layer in bfloat16 on a CPU with bfloat16
    products."""
    return (
        type(module) is torch.nn.Linear
        and module.weight.dtype is torch.bfloat16
        and module.weight.device.type == "cpu"
        and "forward" not in module.__dict__
        and torch.backends.mkldnn.is_available()
        and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


def _product(weight: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product
