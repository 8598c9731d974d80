"""LoRA layers of a large model on a CPU, with the adapter's product added in place.

`peft` computes base(x) + last(first(x)) · scale with a temporary of the layer's output for each of
the product, its scaled copy and the sum, and again in the backward pass. On a CPU the temporaries
go through memory: they took a quarter of an update of Qwen2.5-Coder-0.5B (docs/log.md). Here the
second product of the adapter adds to the first result, in both passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from transformers import PreTrainedModel

from sparring.policy.local.packing import plain_adapter
from sparring.policy.shape import PACKED_FROM


@contextmanager
def adding_in_place(model: PreTrainedModel) -> Iterator[None]:
    """Make the LoRA layers of ``model`` add in place within the block, forward and backward.

    Nothing changes on another device than a CPU, if the model has fewer than `PACKED_FROM`
    parameters, or in layers whose base learns. The active adapter must not change within the block.
    """
    changed = []
    large = model.device.type == "cpu" and sum(p.numel() for p in model.parameters()) >= PACKED_FROM
    try:
        for module in model.modules() if large else ():
            adapter = plain_adapter(module)
            if adapter is not None and not any(
                p.requires_grad for p in module.base_layer.parameters()
            ):
                module.__dict__["forward"] = partial(_adapted, module, adapter)
                changed.append(module)
        yield
    finally:
        for module in changed:
            module.__dict__.pop("forward", None)


def _adapted(module: Any, adapter: str, x: torch.Tensor) -> torch.Tensor:
    first, last = module.lora_A[adapter].weight, module.lora_B[adapter].weight
    base, scale = module.base_layer, module.scaling[adapter]
    result: torch.Tensor = _AdaptedLinear.apply(x, base.weight, base.bias, first, last, scale)  # type: ignore[no-untyped-call]
    return result


class _AdaptedLinear(torch.autograd.Function):
    """x W' + b + (x A') B' · scale, for x [..., inputs], W [outputs, inputs], b [outputs] or None,
    A [rank, inputs] and B [outputs, rank]; W and b are frozen."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        first: torch.Tensor,
        last: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        flat = x.reshape(-1, x.shape[-1])
        inner = flat @ first.T
        result = torch.nn.functional.linear(flat, weight, bias)
        result.addmm_(inner, last.T, alpha=scale)
        ctx.save_for_backward(flat, inner, weight, first, last)
        ctx.scale, ctx.shape = scale, x.shape
        return result.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        flat, inner, weight, first, last = ctx.saved_tensors
        pull = gradients[0].reshape(-1, weight.shape[0])
        to_inner = (pull @ last).mul_(ctx.scale)
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = (pull @ weight).addmm_(to_inner, first).view(ctx.shape)
        to_first = to_inner.T @ flat if ctx.needs_input_grad[3] else None
        to_last = (pull.T @ inner).mul_(ctx.scale) if ctx.needs_input_grad[4] else None
        return to_x, None, None, to_first, to_last, None
