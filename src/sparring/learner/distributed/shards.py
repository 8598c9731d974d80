"""Weights and optimiser state in parts, one for each process, and whole again.

`fully_shard` (FSDP2) splits the parameters of each decoder layer, and of what
is left, over all processes; a layer is put together for as long as it is
computed. It is called directly, the same on a CPU and on CUDA.

Whole weights and states pass through one tensor at a time, so no process but
the first ever holds them, and that one only where it keeps a copy to sample
from. The optimiser's state stays under the numbers that
`torch.optim` gives to parameters by their order, which sharding does not
change: a checkpoint is the same whatever number of processes has written it.

The functions below are collective: all processes call them, in the same order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from peft.tuners.tuners_utils import BaseTunerLayer
from torch.autograd.function import once_differentiable
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, Partial, Shard, distribute_tensor
from transformers import PreTrainedModel

from sparring.errors import ModelError
from sparring.learner.distributed.world import World
from sparring.policy.adapters import decoder_of, inner_model

_WAYS = ("fused", "foreach")
"""Options of an optimiser that say how it computes, not what."""


def shard(model: PreTrainedModel, world: World, dtype: torch.dtype | None = None) -> None:
    """Split the model's parameters, in place, and put this process's part on its device. They are
    cast to ``dtype`` where they are put together; gradients are added up in float32.

    Layer by layer, and the embeddings by themselves, so that each is whole only while it computes.
    The output matrix belongs to none of these: it is asked for outside of the model's own pass
    (`head`), and put together by `output_weights`. Raises `ModelError` for a model with weights
    elsewhere.
    """
    mesh = init_device_mesh(world.device.type, (world.size,))
    base = inner_model(model)
    tied = is_tied(base)
    decoder, embeddings = decoder_of(base), base.get_input_embeddings()
    how: dict[str, Any] = {
        "mesh": mesh,
        "mp_policy": MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32),
        "reshard_after_forward": True,  # the outermost group would stay whole by default
    }
    for layer in _layers(decoder):
        fully_shard(layer, **how)
    fully_shard(embeddings, **how)
    if not isinstance(embeddings, BaseTunerLayer):
        # Not needed on the way back: the gradient of a table depends on the ids alone. That of an
        # adapter's two matrices depends on the other one.
        embeddings.set_unshard_in_backward(False)
    fully_shard(decoder, **how)
    output = base.get_output_embeddings()
    if tied:
        output.weight = embeddings.weight
    for module in output.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not isinstance(parameter, DTensor):
                setattr(module, name, _part_of(parameter, mesh, world))
    for name, parameter in model.named_parameters():
        if not isinstance(parameter, DTensor):
            raise ModelError(
                f"training.sharding = fsdp: {model.config.model_type} has weights besides its "
                f"decoder and its output matrix ({name}); set training.sharding = ddp"
            )


def is_tied(model: PreTrainedModel) -> bool:
    """Whether the embeddings are the output matrix as well."""
    base = inner_model(model)
    output = base.get_output_embeddings()
    return output is not None and output.weight is base.get_input_embeddings().weight


def _layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The decoder layers: the outermost list of modules that the model has."""
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList):
            return list(module)
    return []


def _part_of(parameter: torch.nn.Parameter, mesh: DeviceMesh, world: World) -> torch.nn.Parameter:
    """This process's rows of a parameter, as `fully_shard` splits it."""
    rows = parameter.detach().chunk(world.size)
    own = rows[world.rank] if world.rank < len(rows) else parameter.detach()[:0]
    if not own.is_meta:
        own = own.to(world.device, copy=True)
    part = DTensor.from_local(
        own, mesh, [Shard(0)], run_check=False, shape=parameter.shape, stride=parameter.stride()
    )
    return torch.nn.Parameter(part, parameter.requires_grad)


def output_weights(model: PreTrainedModel, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The weights of a sharded model's output matrix by name, put together as ``dtype``, with
    gradient; none if it is not sharded. For as long as the caller keeps them: once for all chunks
    of a micro-batch, and its gradient travels once."""
    output = inner_model(model).get_output_embeddings()
    return {
        name: _Together.apply(parameter, dtype)  # type: ignore[no-untyped-call]
        for name, parameter in output.named_parameters()
        if isinstance(parameter, DTensor)
    }


class _Together(torch.autograd.Function):
    """A parameter in parts, whole; its gradient in parts, added up over the processes in float32
    and divided by their number, as `fully_shard` does."""

    @staticmethod
    def forward(ctx: Any, parameter: DTensor, dtype: torch.dtype) -> torch.Tensor:
        ctx.mesh, ctx.placements = parameter.device_mesh, parameter.placements
        ctx.dtype = parameter.dtype
        return whole(parameter.detach().to(dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        sums = DTensor.from_local(gradients[0].float(), ctx.mesh, [Partial()], run_check=False)
        part = sums.redistribute(placements=ctx.placements)
        return (part / ctx.mesh.size()).to(ctx.dtype), None


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This process's part, of a tensor that is sharded."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _parts(model: PreTrainedModel) -> list[tuple[str, torch.nn.Parameter]]:
    """The parameters by name. What a pass may have left whole is split first: until then the model
    shows other tensors in their place."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()
    return list(model.named_parameters())


def fingerprint(model: PreTrainedModel) -> str:
    """A mark by which two processes see whether they have the same model: names, shapes, and,
    unless it is a skeleton, the first and last numbers of every parameter."""
    found = hashlib.sha256()
    for name, parameter in model.named_parameters():
        found.update(f"{name} {tuple(parameter.shape)}".encode())
        if parameter.is_meta:
            continue
        flat = parameter.detach().reshape(-1)
        ends = torch.cat([flat[:64], flat[-64:]]).float().cpu()
        found.update(f"{ends.tolist()}".encode())
    return found.hexdigest()


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, put together if it is sharded: then all processes call this."""
    if not isinstance(tensor, DTensor):
        return tensor
    own, mesh = tensor.to_local(), tensor.device_mesh
    if own.device.type != mesh.device_type:  # parts that wait in main memory
        tensor = DTensor.from_local(
            own.to(mesh.device_type), mesh, tensor.placements, run_check=False,
            shape=tensor.shape, stride=tensor.stride(),
        )  # fmt: skip
    return tensor.full_tensor()


@torch.no_grad()
def gather_weights(
    model: PreTrainedModel, into: PreTrainedModel | None, dtype: torch.dtype = torch.float32
) -> None:
    """The weights that learn, whole, as ``dtype``, into the first process's copy (None on the
    others)."""
    target = dict(into.named_parameters()) if into is not None else {}
    for name, parameter in _parts(model):
        if parameter.requires_grad:
            value = whole(parameter.detach().to(dtype))
            if into is not None:
                target[name].copy_(value)


@torch.no_grad()
def spread_weights(
    model: PreTrainedModel, given: Mapping[str, torch.Tensor] | None, world: World
) -> None:
    """The weights that learn, from what the first process is ``given`` (None on the others)."""
    for name, parameter in _parts(model):
        if parameter.requires_grad:
            value = given[name].detach() if given is not None else None
            parameter.copy_(spread(value, parameter, parameter.shape, parameter.dtype, world))


def gather_state(optimizer: torch.optim.Optimizer, keep: bool = True) -> dict[str, Any]:
    """The optimiser's state with every tensor whole, on the CPU, for who is to ``keep`` it; the
    others take part and drop each tensor at once, and get none. How fast it is computed is no part
    of it: another device has other ways."""
    state = optimizer.state_dict()
    found: dict[int, dict[str, Any]] = {}
    for number, values in state["state"].items():
        for key, value in values.items():
            together = whole(value) if torch.is_tensor(value) else value
            if keep:
                kept = together.cpu() if torch.is_tensor(together) else together
                found.setdefault(number, {})[key] = kept
    groups = [group | dict.fromkeys(_WAYS) for group in state["param_groups"]]
    return {"state": found, "param_groups": groups} if keep else {}


def load_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Put in what `gather_state` gave, in the way of computing that the optimiser has."""
    ways = [{k: group[k] for k in _WAYS} for group in optimizer.param_groups]
    groups = [group | way for group, way in zip(state["param_groups"], ways, strict=True)]
    optimizer.load_state_dict({"state": state["state"], "param_groups": groups})


def spread_state(
    optimizer: torch.optim.Optimizer, state: dict[str, Any] | None, world: World
) -> None:
    """Load the first process's whole state (None on the others) into every optimiser."""
    told: list[Any] = [None, None]
    if state is not None:
        kinds = {
            number: {
                k: (tuple(v.shape), v.dtype) if torch.is_tensor(v) else v for k, v in values.items()
            }
            for number, values in state["state"].items()
        }
        told = [kinds, state["param_groups"]]
    kinds, groups = world.tell(told)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    found: dict[int, dict[str, Any]] = {}
    for number, values in kinds.items():
        found[number] = {}
        for key, kind in values.items():
            if isinstance(kind, tuple):
                value = state["state"][number][key] if state is not None else None
                like = parameters[number]
                found[number][key] = spread(value, like, torch.Size(kind[0]), kind[1], world)
            else:
                found[number][key] = kind
    load_state(optimizer, {"state": found, "param_groups": groups})


def spread(
    value: torch.Tensor | None,
    like: torch.Tensor,
    shape: torch.Size,
    dtype: torch.dtype,
    world: World,
) -> torch.Tensor:
    """The first process's value: whole, or split as ``like`` is if it has its shape."""
    if value is not None:
        whole = value.to(world.device, dtype, copy=True)
    else:
        whole = torch.empty(shape, dtype=dtype, device=world.device)
    if isinstance(like, DTensor) and shape == like.shape:
        return distribute_tensor(whole, like.device_mesh, like.placements)
    dist.broadcast(whole, 0)
    return whole
