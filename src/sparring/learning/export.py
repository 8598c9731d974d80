"""Weights written for another program to compute with: one whole model, in the type that it uses.

A checkpoint (`model.save_model`) is for going on from and holds all of a
model's adapters in float32. Here are the weights of one player, an adapter
merged, as a server loads them.

Where the embeddings are the output matrix as well (tied), they are written
twice, and the configuration says that they are two. vLLM on a CPU keeps the
output matrix in a packed form of its own and, when weights are exchanged,
makes it anew only if it comes as a tensor of its own; tied, it would keep the
first step's. A server that was started with a tied model passes over it.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import PreTrainedModel

from sparring.learning.model import is_adapted, quietly_saving

_REST, _OUTPUT = "model-rest.safetensors", "model-output.safetensors"


@torch.no_grad()
def export_weights(
    model: PreTrainedModel,
    tokenizer: Any,
    path: Path,
    dtype: torch.dtype,
    adapters: list[str] | None = None,
    merged: bool = True,
) -> None:
    """Save ``model`` to ``path``, its weights as ``dtype``.

    An adapted one has its active adapter merged, or those named ``adapters``,
    on a copy; not ``merged``, it is the model without any. Raises OSError.
    """
    whole = model
    if is_adapted(model):
        whole = copy.deepcopy(model)
        whole = whole.merge_and_unload(adapter_names=adapters) if merged else whole.unload()
    weights = None
    if dtype is not torch.float32:
        weights = {name: tensor.to(dtype) for name, tensor in whole.state_dict().items()}
    with quietly_saving(path):
        whole.save_pretrained(path, state_dict=weights)
        tokenizer.save_pretrained(path)
        _untie(whole, path, dtype)


def _untie(model: PreTrainedModel, path: Path, dtype: torch.dtype) -> None:
    """Add the output matrix to a checkpoint of a tied model."""
    output, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    if output is None or output.weight is not embeddings.weight:
        return
    [name] = [n for n, m in model.named_modules(remove_duplicate=False) if m is output]
    tensor = f"{name}.weight"
    save_file({tensor: output.weight.detach().to(dtype).contiguous()}, path / _OUTPUT)
    index = path / "model.safetensors.index.json"
    if index.exists():
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    else:  # one file, which would be all that is read under its usual name
        (path / "model.safetensors").rename(path / _REST)
        with safe_open(path / _REST, framework="pt") as file:
            places = dict.fromkeys(file.keys(), _REST)
    known = {"metadata": {}, "weight_map": {**places, tensor: _OUTPUT}}
    index.write_text(json.dumps(known), encoding="utf-8")
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    (path / "config.json").write_text(
        json.dumps({**config, "tie_word_embeddings": False}), encoding="utf-8"
    )


def weights_size(model: PreTrainedModel, dtype: torch.dtype) -> int:
    """Bytes that `export_weights` writes, about."""
    numbers: int = sum(p.numel() for p in model.parameters())
    numbers += model.get_input_embeddings().weight.numel()
    return numbers * int(dtype.itemsize)
