"""A model's weights one tensor at a time, named and shaped as its files have them.

Nothing here ever holds a second model: each `Piece` is made when it is asked
for, from one tensor of the model, whole if that is sharded, with an adapter's
part added in float32 if that is wanted.

Some models keep their weights in another form than their files do (experts in
one tensor, say). `transformers` knows the way back; where it can be gone
tensor by tensor it is, and where it needs several tensors at once all of them
are one piece.
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

from sparring.learner.distributed.shards import whole
from sparring.policy.adapters import inner_model

Shapes = dict[str, torch.Size]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some tensors of a model's files: ``shapes`` by name. ``make`` gives them by name, on the CPU;
    on a process that does not ``keep`` them it gives none, and takes part in putting together what
    is sharded."""

    shapes: Shapes
    make: Callable[[torch.dtype, bool], dict[str, torch.Tensor]]

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return sum(shape.numel() for shape in self.shapes.values())


def pieces(
    model: PreTrainedModel, adapters: Sequence[str] | None, merged: bool, twice: bool
) -> list[Piece]:
    """All weights of ``model``. An adapted one has ``adapters`` added, or those in force (None);
    not ``merged``, none. Of tied embeddings the output matrix is there ``twice``, or is left
    out."""
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
    """A tensor of a model, and the layer whose adapters are to be added to it."""

    weight: torch.Tensor
    layer: Any = None
    adapters: Sequence[str] = ()

    def made(self, dtype: torch.dtype, keep: bool) -> torch.Tensor | None:
        """Whole, as ``dtype``, on the CPU."""
        value = self.weight.detach()
        if not self.adapters:
            if value.is_floating_point():
                value = value.to(dtype)  # before it is put together: less to move
            found = whole(value)
            return found.cpu() if keep else None
        found = whole(value)
        deltas = [_delta(self.layer, adapter, keep) for adapter in self.adapters]
        if not keep:
            return None
        total = found.float()
        for delta in deltas:
            total = total + delta
        return total.to(dtype).cpu()


def _delta(layer: Any, adapter: str, keep: bool) -> torch.Tensor:
    """What an adapter adds to a layer's weight, in float32."""
    if not isinstance(layer, Linear):  # embeddings, convolutions: peft knows how they are laid out
        found: torch.Tensor = whole(layer.get_delta_weight(adapter).detach()).float()
        return found
    down = whole(layer.lora_A[adapter].weight.detach())
    up = whole(layer.lora_B[adapter].weight.detach())
    if not keep:
        return down
    product: torch.Tensor = (up.float() @ down.float()) * layer.scaling[adapter]
    return product.T if layer.fan_in_fan_out else product


def _sources(
    base: PreTrainedModel, adapters: Sequence[str] | None, merged: bool, twice: bool
) -> dict[str, _Source]:
    """The tensors of a model without its adapters, under the names that they have there."""
    adapted = {name: m for name, m in base.named_modules() if isinstance(m, BaseTunerLayer)}
    output = base.get_output_embeddings()
    left_out: set[str] = set(getattr(base, "_keys_to_ignore_on_save", None) or ())
    found: dict[str, _Source] = {}
    seen: set[int] = set()
    for name, tensor in base.state_dict(keep_vars=True).items():
        place, _, last = name.rpartition(".")
        layer = adapted.get(place.removesuffix(".base_layer"))
        if any(name.startswith(f"{p}.") for p in _ending(place, adapted)) and (
            not place.endswith(".base_layer")
        ):
            continue  # of an adapter
        plain = f"{place.removesuffix('.base_layer')}.{last}" if place else last
        again = id(tensor) in seen
        if plain in left_out or (again and not (twice and output and tensor is output.weight)):
            continue
        seen.add(id(tensor))
        if layer is not None and merged and last == "weight":
            wanted = layer.active_adapters if adapters is None else adapters
            found[plain] = _Source(tensor, layer, wanted)
        else:
            found[plain] = _Source(tensor)
    return found


def _ending(place: str, adapted: dict[str, Any]) -> list[str]:
    """The adapted layers that a module is a part of: one at most."""
    parts = place.split(".")
    names = (".".join(parts[: i + 1]) for i in range(len(parts)))
    return [name for name in names if name in adapted]


def _piece(base: PreTrainedModel, sources: dict[str, _Source], shapes: Shapes) -> Piece:
    def make(dtype: torch.dtype, keep: bool) -> dict[str, torch.Tensor]:
        made = {name: source.made(dtype, keep) for name, source in sources.items()}
        if not keep:
            return {}
        given: dict[str, torch.Tensor] = {n: t for n, t in made.items() if t is not None}
        return dict(revert_weight_conversion(base, given))

    return Piece(shapes, make)


def _in_files(base: PreTrainedModel, given: Shapes) -> Shapes:
    """Names and shapes in files of tensors of these names and shapes in the model."""
    tensors = {name: torch.empty(shape, device="meta") for name, shape in given.items()}
    return {name: t.shape for name, t in revert_weight_conversion(base, tensors).items()}


def _in_files_alone(base: PreTrainedModel, name: str, shape: torch.Size) -> Shapes:
    """As `_in_files`, of one tensor; none where the way back needs others too."""
    try:
        return _in_files(base, {name: shape})
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
        return {}
