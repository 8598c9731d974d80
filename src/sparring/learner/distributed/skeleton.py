"""A model without its weights, for a process that is given its part of them by the first.

Only the first process reads a model's files and ever holds it whole. The
others build its modules from the configuration, with no memory behind the
parameters (the meta device), and so does the first beside what it has read:
all split their skeletons, and the first process deals out one tensor after
another. What is computed from the configuration, such as frequencies of rotary
embeddings, is small and comes from the first process too.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from sparring.learner.distributed.shards import spread
from sparring.learner.distributed.world import World


@dataclass(frozen=True, slots=True)
class Description:
    """What another process needs to build a model's skeleton: plain data."""

    config: Any
    tables: dict[str, torch.Tensor]
    """Tensors that are no parameters, by module and name."""
    conversions: Any
    """How its files name and lay out the weights, as `transformers` has found when it read them."""

    @classmethod
    def of(cls, model: PreTrainedModel) -> Description:
        """Of a model that has been loaded and not changed."""
        conversions = getattr(model, "_weight_conversions", None)
        return cls(model.config, dict(_tables(model)), conversions)

    def skeleton(self) -> PreTrainedModel:
        """The model without weights."""
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
    """A copy of ``model`` without weights."""
    memo: dict[int, Any] = {
        id(p): torch.nn.Parameter(torch.empty_like(p, device="meta"), p.requires_grad)
        for p in model.parameters()
    }
    return copy.deepcopy(model, memo)


@torch.no_grad()
def fill(model: PreTrainedModel, source: PreTrainedModel | None, world: World, keep: bool) -> None:
    """Give a skeleton in parts its weights, from the first process's ``source`` (None on the
    others), one tensor after another. What is not to be kept of the source is freed on the way."""
    given = dict(source.named_parameters()) if source is not None else {}
    for module, name, place, part in _parameters(model):
        own = given.get(place)
        value = spread(None if own is None else own.detach(), part, part.shape, part.dtype, world)
        _put(model, module, name, part, value)
        if own is not None and not keep:
            own.data = own.data.new_empty(0)


@torch.no_grad()
def copied(bare: PreTrainedModel, model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """The skeleton ``bare`` in parts, with the weights of ``model`` as ``dtype``, never to
    change: each process copies its own parts."""
    given = dict(model.named_parameters())
    for module, name, place, part in _parameters(bare):
        source = given[place].detach()
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
    """Module, name there, name in the model and parameter, each parameter once."""
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
    """Put a parameter in the place of ``old``: at a tied one's other place as well."""
    new = torch.nn.Parameter(value, old.requires_grad)
    setattr(module, name, new)
    base = getattr(model, "get_base_model", lambda: model)()
    output = base.get_output_embeddings()
    if getattr(output, "weight", None) is old:
        output.weight = new
