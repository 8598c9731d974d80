"""Checkpoints of a model: saving its weights, and loading them into a model in training."""

from __future__ import annotations

import contextlib
import copy
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import PreTrainedModel
from transformers.utils import logging as transformers_logging

from sparring.policy.adapters import has_role_adapters
from sparring.policy.model import load_model
from sparring.policy.prepared import is_adapted
from sparring.schema import Role

_LEFT_OVER = 1 << 20
"""Free bytes below which a disk counts as full."""
ADAPTER = "adapter"
"""Directory within a checkpoint that holds the LoRA adapter, or one directory for the adapter of
each role."""


def load_weights(model: PreTrainedModel, path: Path) -> None:
    """Load a checkpoint's weights into ``model``, in place."""
    if has_role_adapters(model):
        for role in Role:
            saved = load_file(path / ADAPTER / role / "adapter_model.safetensors")
            set_peft_model_state_dict(model, saved, adapter_name=role.value)
        return
    if is_adapted(model):
        set_peft_model_state_dict(model, load_file(path / ADAPTER / "adapter_model.safetensors"))
        return
    saved, _ = load_model(str(path))
    model.load_state_dict(saved.state_dict())


def saved_weights(model: PreTrainedModel, path: Path) -> dict[str, torch.Tensor]:
    """Return a checkpoint's trained weights, by the names that they have in ``model``."""
    if not is_adapted(model):
        saved, _ = load_model(str(path))
        return dict(saved.named_parameters())
    weights: dict[str, torch.Tensor] = {}
    for name in model.peft_config:
        place = path / ADAPTER / name if has_role_adapters(model) else path / ADAPTER
        for key, value in load_file(place / "adapter_model.safetensors").items():
            # peft leaves the adapter's name out: lora_A.weight for lora_A.default.weight
            weights[re.sub(r"(\.lora_\w+)", rf"\1.{name}", key)] = value
    return weights


def save_model(model: PreTrainedModel, tokenizer: Any, path: Path) -> None:
    """Save a checkpoint that `transformers` and vLLM load directly. Raises OSError.

    An adapter is saved beside the model that has the adapter merged. With an adapter for each role
    there are two such models, in directories named after the roles. Merging happens on a copy,
    because removing a merged adapter would not restore the same weights.
    """
    with quietly_saving(path):
        if is_adapted(model):
            model.save_pretrained(path / ADAPTER)
        if has_role_adapters(model):
            places: dict[Path, list[str] | None] = {path / r: [r.value] for r in Role}
        else:
            places = {path: None}
        for place, adapters in places.items():
            full = model
            if is_adapted(model):
                full = _float32_copy(model).merge_and_unload(adapter_names=adapters)
            full.save_pretrained(place)
            tokenizer.save_pretrained(place)


def _float32_copy(model: PreTrainedModel) -> PreTrainedModel:
    """Return a copy on the CPU with float32 weights; in bfloat16 a merged adapter would be lost to
    rounding."""
    memo: dict[int, Any] = {
        id(p): torch.nn.Parameter(p.detach().to("cpu", torch.float32, copy=True), p.requires_grad)
        for p in model.parameters()
    }
    return copy.deepcopy(model, memo).to("cpu")


def save_state(state: dict[str, Any], path: Path) -> None:
    """Save tensors by name, for `torch.load` with ``weights_only``. Raises OSError."""
    with quietly_saving(path.parent):
        torch.save(state, path)


@contextlib.contextmanager
def quietly_saving(path: Path) -> Iterator[None]:
    """Suppress progress bars while the block saves, and turn safetensors' and torch's errors of a
    failed write into OSError."""
    transformers_logging.disable_progress_bar()
    try:
        yield
    except (SafetensorError, RuntimeError) as error:
        full = shutil.disk_usage(path).free < _LEFT_OVER
        code = errno.ENOSPC if full or "No space left" in str(error) else errno.EIO
        raise OSError(code, os.strerror(code), str(path)) from error
