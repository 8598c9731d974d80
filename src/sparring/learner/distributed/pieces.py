"""A model's weights one tensor at a time, with the names and shapes of the model's files.

Memory never holds a second model. Each `WeightPiece` is made on request from one tensor of the
model: gathered if the tensor is sharded, and with an adapter's part added in float32 if requested.

Some models keep their weights in another form than their files do (all experts in one tensor, for
example). `transformers` converts them back. If the conversion works tensor by tensor, each tensor
is a piece. If the conversion needs several tensors at a time, all tensors of the model are one
piece.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora import Linear
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion

from sparring.learner.distributed.shards import full_tensor
from sparring.policy.adapters import inner_model

Shapes = dict[str, torch.Size]


@dataclass(frozen=True, slots=True)
class WeightPiece:
    """Tensors of a model's files, with ``shapes`` by name.

    ``make(dtype, keep)`` returns the tensors by name, on the CPU. All processes of a sharded model
    call it, since gathering is collective; it returns nothing to a process without ``keep``.
    """

    shapes: Shapes
    make: Callable[[torch.dtype, bool], dict[str, torch.Tensor]]

    @property
    def numbers(self) -> int:
        """Return the number of values in all tensors of the piece."""
        return sum(shape.numel() for shape in self.shapes.values())


def pieces(
    model: PreTrainedModel, adapters: Sequence[str] | None, merged: bool, twice: bool
) -> list[WeightPiece]:
    """Return all weights of ``model`` as pieces.

    The weights of an adapted model have the named ``adapters`` merged (None: the active ones), or
    none without ``merged``. Tied embeddings appear a second time as the output matrix if ``twice``.
    """
    base = inner_model(model)
    sources = _sources(base, adapters, merged, twice)
    whole_shapes = {name: source.weight.shape for name, source in sources.items()}
    of_all = _in_files(base, whole_shapes)
    each = {name: _in_files_alone(base, name, shape) for name, shape in whole_shapes.items()}
    if {n: s for shapes in each.values() for n, s in shapes.items()} == of_all:
        return [_piece(base, {name: sources[name]}, each[name]) for name in sources]
    return [_piece(base, sources, of_all)]


@dataclass(frozen=True, slots=True)
class _Source:
    """A tensor of a model, and the layer whose ``adapters`` are added to it."""

    weight: torch.Tensor
    layer: Any = None
    adapters: Sequence[str] = ()

    def made(self, dtype: torch.dtype, keep: bool) -> torch.Tensor | None:
        """Return the gathered tensor as ``dtype`` on the CPU, or None without ``keep``."""
        value = self.weight.detach()
        if not self.adapters:
            if value.is_floating_point():
                value = value.to(dtype)  # before gathering, so that fewer bytes travel
            gathered = full_tensor(value)
            return gathered.cpu() if keep else None
        gathered = full_tensor(value)
        deltas = [_delta(self.layer, adapter, keep) for adapter in self.adapters]
        if not keep:
            return None
        total = gathered.float()
        for delta in deltas:
            total = total + delta
        return total.to(dtype).cpu()


def _delta(layer: Any, adapter: str, keep: bool) -> torch.Tensor:
    """Return the part that an adapter adds to a layer's weight, in float32."""
    if not isinstance(layer, Linear):  # embeddings, convolutions: peft knows their layout
        delta: torch.Tensor = full_tensor(layer.get_delta_weight(adapter).detach()).float()
        return delta
    down = full_tensor(layer.lora_A[adapter].weight.detach())
    up = full_tensor(layer.lora_B[adapter].weight.detach())
    if not keep:
        return down
    product: torch.Tensor = (up.float() @ down.float()) * layer.scaling[adapter]
    return product.T if layer.fan_in_fan_out else product


def _sources(
    base: PreTrainedModel, adapters: Sequence[str] | None, merged: bool, twice: bool
) -> dict[str, _Source]:
    """Return the model's tensors, by the names that they have in a model without adapters."""
    adapted = {name: m for name, m in base.named_modules() if isinstance(m, BaseTunerLayer)}
    output = base.get_output_embeddings()
    left_out: set[str] = set(getattr(base, "_keys_to_ignore_on_save", None) or ())
    sources: dict[str, _Source] = {}
    seen: set[int] = set()
    for name, tensor in base.state_dict(keep_vars=True).items():
        place, _, last = name.rpartition(".")
        layer = adapted.get(place.removesuffix(".base_layer"))
        if any(name.startswith(f"{p}.") for p in _ending(place, adapted)) and (
            not place.endswith(".base_layer")
        ):
            continue  # a weight of an adapter
        plain = f"{place.removesuffix('.base_layer')}.{last}" if place else last
        again = id(tensor) in seen
        if plain in left_out or (again and not (twice and output and tensor is output.weight)):
            continue
        seen.add(id(tensor))
        if layer is not None and merged and last == "weight":
            merging = layer.active_adapters if adapters is None else adapters
            sources[plain] = _Source(tensor, layer, merging)
        else:
            sources[plain] = _Source(tensor)
    return sources


def _ending(place: str, adapted: dict[str, Any]) -> list[str]:
    """Return the adapted layer that contains the module ``place``: one name, or none."""
    parts = place.split(".")
    names = (".".join(parts[: i + 1]) for i in range(len(parts)))
    return [name for name in names if name in adapted]


def _piece(base: PreTrainedModel, sources: dict[str, _Source], shapes: Shapes) -> WeightPiece:
    def make(dtype: torch.dtype, keep: bool) -> dict[str, torch.Tensor]:
        made = {name: source.made(dtype, keep) for name, source in sources.items()}
        if not keep:
            return {}
        tensors: dict[str, torch.Tensor] = {n: t for n, t in made.items() if t is not None}
        return dict(revert_weight_conversion(base, tensors))

    return WeightPiece(shapes, make)


def _in_files(base: PreTrainedModel, shapes: Shapes) -> Shapes:
    """Return the names and shapes that tensors of the model have in its files."""
    tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    return {name: t.shape for name, t in revert_weight_conversion(base, tensors).items()}


def _in_files_alone(base: PreTrainedModel, name: str, shape: torch.Size) -> Shapes:
    """Return the names and shapes that one tensor of the model has in its files; none if its
    conversion needs other tensors too."""
    try:
        return _in_files(base, {name: shape})
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
        return {}
