"""The type that a model's weights are of: to compute with, or to be kept."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from sparring.policy.settings import Precision


def torch_type(precision: Precision) -> torch.dtype:
    """The type of weights and activations."""
    return torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32


def cast(model: PreTrainedModel, dtype: torch.dtype, learning: bool = True) -> PreTrainedModel:
    """The model with its weights as ``dtype``, in place, as loading it in that type gives it; not
    ``learning``, only those that are frozen.

    Not ``model.to(dtype)``: that would round tables that a model computes from
    its configuration, such as the frequencies of rotary embeddings, which
    `transformers` keeps in float32.
    """
    keys = model.state_dict(keep_vars=True)
    held = [t for name, t in keys.items() if not _stays_float32(model, name)]
    for tensor in held:
        if tensor.requires_grad and not learning:
            continue
        if tensor.is_floating_point() and tensor.dtype != dtype:
            tensor.data = tensor.data.to(dtype)
    return model


def _stays_float32(model: PreTrainedModel, name: str) -> bool:
    """Whether the family demands float32 of a weight, whatever the rest is."""
    base = getattr(model, "get_base_model", lambda: model)()
    strict = getattr(base, "_keep_in_fp32_modules_strict", None) or ()
    return any(part in name for part in strict)
