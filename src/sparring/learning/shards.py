"""Weights and optimiser state in parts, one for each process, and whole again.

`fully_shard` (FSDP2) splits the parameters of each decoder layer, and of what
is left, over all processes; a layer is put together for as long as it is
computed. It is called directly, the same on a CPU and on CUDA.

Whole weights and states pass through one tensor at a time, so no process but
the first ever holds them, and that one only where it keeps a copy to sample
from and to save. The optimiser's state stays under the numbers that
`torch.optim` gives to parameters by their order, which sharding does not
change: a checkpoint is the same whatever number of processes has written it.

The functions below are collective: all processes call them, in the same order.
"""

from __future__ import annotations

import hashlib
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

from sparring.learning.world import World


def shard(model: PreTrainedModel, world: World, dtype: torch.dtype | None = None) -> None:
    """Split the model's parameters, in place, and put this process's part on its device. They are
    cast to ``dtype`` where they are put together; gradients are added up in float32."""
    mesh = init_device_mesh(world.device.type, (world.size,))
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
    for layer in _layers(model):
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)


def _layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The decoder layers: the outermost list of modules that the model has."""
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList):
            return list(module)
    return []


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This process's part, of a tensor that is sharded."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _parts(model: PreTrainedModel) -> list[tuple[str, torch.nn.Parameter]]:
    """The parameters by name. What a forward pass without gradient leaves whole is split first:
    until then the model shows other tensors in their place."""
    if isinstance(model, FSDPModule):
        model.reshard()
    return list(model.named_parameters())


def fingerprint(model: PreTrainedModel) -> str:
    """A mark by which two processes see whether they have loaded the same model: names, shapes,
    and the first and last numbers of every parameter."""
    found = hashlib.sha256()
    for name, parameter in model.named_parameters():
        flat = parameter.detach().reshape(-1)
        ends = torch.cat([flat[:64], flat[-64:]]).float().cpu()
        found.update(f"{name} {tuple(parameter.shape)} {ends.tolist()}".encode())
    return found.hexdigest()


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, put together if it is sharded: then all processes call this."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def gather_weights(model: PreTrainedModel, into: PreTrainedModel | None) -> None:
    """The weights that learn, whole, into the first process's copy (None on the others)."""
    target = dict(into.named_parameters()) if into is not None else {}
    for name, parameter in _parts(model):
        if parameter.requires_grad:
            value = whole(parameter.detach())
            if into is not None:
                target[name].copy_(value)


@torch.no_grad()
def spread_weights(model: PreTrainedModel, source: PreTrainedModel | None, world: World) -> None:
    """The weights that learn, from the first process's ``source`` (None on the others)."""
    given = dict(source.named_parameters()) if source is not None else {}
    for name, parameter in _parts(model):
        if parameter.requires_grad:
            value = given[name].detach() if source is not None else None
            parameter.copy_(_spread(value, parameter, parameter.shape, parameter.dtype, world))


def gather_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The optimiser's state with every tensor whole, on the CPU."""
    state = optimizer.state_dict()
    return {
        "state": {
            number: {k: whole(v).cpu() if torch.is_tensor(v) else v for k, v in values.items()}
            for number, values in state["state"].items()
        },
        "param_groups": state["param_groups"],
    }


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
                found[number][key] = _spread(value, like, torch.Size(kind[0]), kind[1], world)
            else:
                found[number][key] = kind
    optimizer.load_state_dict({"state": found, "param_groups": groups})


def _spread(
    value: torch.Tensor | None,
    like: torch.Tensor,
    shape: torch.Size,
    dtype: torch.dtype,
    world: World,
) -> torch.Tensor:
    """The first process's value: whole, or split as ``like`` is if it has its shape."""
    if value is not None:
        whole = value.to(world.device, copy=True)
    else:
        whole = torch.empty(shape, dtype=dtype, device=world.device)
    if isinstance(like, DTensor) and shape == like.shape:
        return distribute_tensor(whole, like.device_mesh, like.placements)
    dist.broadcast(whole, 0)
    return whole
