"""Data types of a model's weights."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel

from sparring.policy.settings import Precision


def torch_type(precision: Precision) -> torch.dtype:
    """Return torch's data type for ``precision``."""
    return torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32


def cast(model: PreTrainedModel, dtype: torch.dtype, learning: bool = True) -> PreTrainedModel:
    """Cast the model's weights to ``dtype`` in place, as if loaded in this type, and return the
    model. Without ``learning``, only frozen weights are cast.

    ``model.to(dtype)`` is no substitute. It would also round tables that a model computes from its
    configuration, such as the frequencies of rotary embeddings, which `transformers` keeps in
    float32.
    """
    keys = model.state_dict(keep_vars=True)
    weights = [t for name, t in keys.items() if not _stays_float32(model, name)]
    for tensor in weights:
        if tensor.requires_grad and not learning:
            continue
        if tensor.is_floating_point() and tensor.dtype != dtype:
            tensor.data = tensor.data.to(dtype)
    return model


def _stays_float32(model: PreTrainedModel, name: str) -> bool:
    """Return whether the model's family requires float32 for a weight, whatever type other weights
    have."""
    base = getattr(model, "get_base_model", lambda: model)()
    strict = getattr(base, "_keep_in_fp32_modules_strict", None) or ()
    return any(part in name for part in strict)
