"""Skeletons: models without weights, for processes that receive their shards from the first one.

Only the first process reads a model's files and ever holds all weights. The other processes build
the modules from the configuration on the meta device, without memory for the parameters. The first
process builds a skeleton too, beside the model that it has read. All processes shard their
skeletons, and the first process then sends out one tensor after another. Tensors computed from the
configuration, such as the frequencies of rotary embeddings, are small and come from the first
process as well.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from sparring.learner.distributed.context import DistributedContext
from sparring.learner.distributed.shards import spread


@dataclass(frozen=True, slots=True)
class Description:
    """Plain data from which another process builds a model's skeleton."""

    config: Any
    tables: dict[str, torch.Tensor]
    """Tensors that are not parameters, by the path of their module and their name."""
    conversions: Any
    """Conversions between the files' and the model's form of the weights, which `transformers`
    worked out while it read the files."""

    @classmethod
    def of(cls, model: PreTrainedModel) -> Description:
        """Describe ``model``, which has been loaded and not changed since."""
        conversions = getattr(model, "_weight_conversions", None)
        return cls(model.config, dict(_tables(model)), conversions)

    def skeleton(self) -> PreTrainedModel:
        """Build the model without weights."""
        with torch.device("meta"):
            model: PreTrainedModel = AutoModelForCausalLM.from_config(
                self.config,
                dtype=torch.float32,
                attn_implementation=self.config._attn_implementation,
            )
        for place, table in self.tables.items():
            module, _, name = place.rpartition(".")
            setattr(model.get_submodule(module), name, table)
        model._weight_conversions = self.conversions
        return model.eval()


def skeleton(model: PreTrainedModel) -> PreTrainedModel:
    """Return a copy of ``model`` without weights."""
    # `deepcopy` takes objects in the memo as copied already. Here the memo gives, for each
    # parameter, one without memory.
    memo: dict[int, Any] = {
        id(p): torch.nn.Parameter(torch.empty_like(p, device="meta"), p.requires_grad)
        for p in model.parameters()
    }
    return copy.deepcopy(model, memo)


@torch.no_grad()
def fill(
    model: PreTrainedModel,
    source: PreTrainedModel | None,
    distributed: DistributedContext,
    keep: bool,
) -> None:
    """Give a sharded skeleton its weights from the first process's ``source`` (None in the others),
    one tensor after another. Without ``keep`` each of the source's tensors is freed once sent."""
    weights = dict(source.named_parameters()) if source is not None else {}
    for module, name, place, part in _parameters(model):
        full = weights.get(place)
        value = spread(
            None if full is None else full.detach(), part, part.shape, part.dtype, distributed
        )
        _put(model, module, name, part, value)
        if full is not None and not keep:
            full.data = full.data.new_empty(0)


@torch.no_grad()
def copy_of(bare: PreTrainedModel, model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """Fill the sharded skeleton ``bare`` with the weights of the sharded ``model`` as ``dtype``,
    and freeze it. Each process copies its own shards."""
    weights = dict(model.named_parameters())
    for module, name, place, part in _parameters(bare):
        source = weights[place].detach()
        assert isinstance(source, DTensor)
        _put(bare, module, name, part, source.to(dtype, copy=True))
    bare.requires_grad_(False)
    return bare.eval()


def _tables(model: PreTrainedModel) -> Iterator[tuple[str, torch.Tensor]]:
    for place, module in model.named_modules():
        for name, value in [*module.named_buffers(recurse=False), *vars(module).items()]:
            if isinstance(value, torch.Tensor):
                yield f"{place}.{name}" if place else name, value


def _parameters(
    model: PreTrainedModel,
) -> Iterator[tuple[torch.nn.Module, str, str, torch.nn.Parameter]]:
    """Yield each parameter once: its module, its name there, its name in the model, and itself."""
    for place, parameter in list(model.named_parameters()):
        module, _, name = place.rpartition(".")
        yield model.get_submodule(module), name, place, parameter


def _put(
    model: PreTrainedModel,
    module: torch.nn.Module,
    name: str,
    old: torch.nn.Parameter,
    value: torch.Tensor,
) -> None:
    """Put a parameter in the place of ``old``, and of the output matrix if tied to ``old``."""
    new = torch.nn.Parameter(value, old.requires_grad)
    setattr(module, name, new)
    base = getattr(model, "get_base_model", lambda: model)()
    output = base.get_output_embeddings()
    if getattr(output, "weight", None) is old:
        output.weight = new
