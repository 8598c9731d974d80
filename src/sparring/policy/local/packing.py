"""Packed weights for matrix products on a CPU, packed once for many tokens.

For a few rows, a product costs little more than reading its weights, and torch packs a weight anew
for each product. With weights packed once, a product in bfloat16 takes 0.65 to 0.85 of the time
(`benchmarks/sampling.py`), and the sums are the same. In float32 they are added in another order,
and sampling 40 tokens took 0.88 of the time (docs/log.md); a small model in float32 is not packed,
so that its responses stay the same to the digit. Packing costs the time that about ten tokens save,
and the memory of a second copy of the weights.

A LoRA layer is computed as three products of packed weights. The last of them adds its result to
the first one's, and the adapter's scale is part of a packed weight, which is exact for a power of
two. `peft` makes seven operations of the same sum, and for a few rows each operation costs more
than its arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from transformers import PreTrainedModel

from sparring.policy.shape import PACKED_FROM

_TOKENS = 16
"""Smallest number of tokens for which packing is worth its cost."""
_ROWS = 64
"""Number of rows that the packed form is made for; it computes any other number as well."""


@contextmanager
def packing(model: PreTrainedModel, tokens: int) -> Iterator[None]:
    """Make the linear layers of ``model``, adapted by LoRA or not, use packed weights within the
    block.

    Nothing changes if ``tokens`` forward passes are too few to be worth it, if a model in float32
    has fewer than `PACKED_FROM` parameters, or if the CPU has no products of the weights' type. The
    weights, and the active adapter, must not change within the block.
    """
    changed = []
    parts = set[torch.nn.Module]()  # modules whose products are a LoRA layer's already
    worth = tokens >= _TOKENS and (
        model.dtype is not torch.float32
        or sum(p.numel() for p in model.parameters()) >= PACKED_FROM
    )
    try:
        for module in model.modules() if worth else ():
            adapter = _plain_adapter(module)
            if adapter is not None:
                module.__dict__["forward"] = _adapted(module, adapter)
                parts.update(module.modules())
            elif module not in parts and can_pack(module):
                module.__dict__["forward"] = partial(_product, _packed(module), module.bias)
            else:
                continue
            changed.append(module)
        yield
    finally:
        for module in changed:
            module.__dict__.pop("forward", None)


def can_pack(module: torch.nn.Module) -> bool:
    """Return whether ``module`` is a plain linear layer in float32, or in bfloat16 on a CPU with
    bfloat16 products."""
    return (
        type(module) is torch.nn.Linear
        and module.weight.dtype in (torch.float32, torch.bfloat16)
        and module.weight.device.type == "cpu"
        and "forward" not in module.__dict__
        and torch.backends.mkldnn.is_available()
        and (
            module.weight.dtype is torch.float32
            or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
        )
    )


def _plain_adapter(module: torch.nn.Module) -> str | None:
    """Return the name of the only active adapter of a LoRA layer whose products can be packed, and
    whose result is the layer's own plus the scaled product of the adapter's two matrices. Returns
    None for any other module."""
    if type(module) is not LoraLinear:
        return None
    layer: Any = module  # peft declares its parts as tensors or modules
    active = [name for name in layer.active_adapters if name in layer.lora_A]
    if layer.disable_adapters or layer.merged or len(active) != 1:
        return None
    adapter = str(active[0])
    first, last = layer.lora_A[adapter], layer.lora_B[adapter]
    idle = isinstance(layer.lora_dropout[adapter], torch.nn.Identity) or not layer.training
    packable = all(can_pack(m) for m in (layer.base_layer, first, last)) and last.bias is None
    return adapter if idle and packable and adapter not in layer.lora_variant else None


def _adapted(module: Any, adapter: str) -> partial[torch.Tensor]:
    """Return the forward function of a LoRA layer."""
    first, last = module.lora_A[adapter], module.lora_B[adapter]
    scaled = _reordered(last.weight.detach() * module.scaling[adapter])
    own = module.base_layer
    return partial(_sum_of_products, _packed(own), own.bias, _packed(first), scaled)


def _packed(module: torch.nn.Linear) -> torch.Tensor:
    return _reordered(module.weight.detach())


def _reordered(weight: torch.Tensor) -> torch.Tensor:
    packed: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
    return packed


def _product(weight: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product


def _sum_of_products(
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    first: torch.Tensor,
    last: torch.Tensor,
    x: torch.Tensor,
) -> torch.Tensor:
    own, inner = _product(weight, bias, x), _product(first, None, x)
    total: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(inner, own, last, None, "add")
    return total
