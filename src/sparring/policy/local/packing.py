"""Weights in the layout that a CPU's products in bfloat16 read, once for many tokens.

For a few rows a product costs little more than reading its weights, and torch
lays out a bfloat16 weight anew at each. Laid out once it takes 0.65 to 0.85
of the time (`benchmarks/sampling.py`), and the sums are the same. A layout
costs as much as some ten tokens gain, and the memory of the weights again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from transformers import PreTrainedModel

_TOKENS = 16
"""From so many tokens on the layout is worth its cost."""
_ROWS = 64
"""Rows that the layout is for; others can be computed by it as well."""


@contextmanager
def packing(model: PreTrainedModel, tokens: int) -> Iterator[None]:
    """The linear layers of ``model`` compute by packed weights meanwhile, if ``tokens`` passes are
    worth it and its weights are bfloat16 on a CPU that multiplies it. The weights must not change
    meanwhile."""
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
    """A plain linear layer in bfloat16 on a CPU with products of its own for it."""
    return (
        type(module) is torch.nn.Linear
        and module.weight.dtype is torch.bfloat16
        and module.weight.device.type == "cpu"
        and "forward" not in module.__dict__
        and torch.backends.mkldnn.is_available()
        and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


def _product(weight: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return found
