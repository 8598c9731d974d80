"""Sharding of weights and optimiser state over processes, and their gathering.

`fully_shard` (FSDP2) splits the parameters of each decoder layer, and all other parameters, over
all processes. A layer's parameters are gathered only while the layer is computed. The call is the
same on a CPU and on CUDA.

Full weights and states are gathered one tensor at a time. So only the first process ever holds all
of them, and only where it keeps a copy to sample from. The optimiser's state keeps the numbers that
`torch.optim` gives to parameters by their order. Sharding does not change this order, so a
checkpoint does not depend on the number of processes that wrote it.

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
from sparring.learner.distributed.context import DistributedContext
from sparring.policy.adapters import decoder_of, inner_model

_WAYS = ("fused", "foreach")
"""Options of an optimiser that select its implementation and do not change its results."""


def shard(
    model: PreTrainedModel, distributed: DistributedContext, dtype: torch.dtype | None = None
) -> None:
    """Shard the model's parameters in place; this process's shards move to its device.

    Parameters are cast to ``dtype`` as they are gathered; gradients are summed in float32. Each
    layer and the embeddings are a unit of their own, gathered only while they compute. The output
    matrix belongs to no unit, because `head` uses it outside of the model's own forward pass; it is
    gathered by `output_weights`. Raises `ModelError` for a model that has weights outside of its
    decoder and its output matrix.
    """
    mesh = init_device_mesh(distributed.device.type, (distributed.size,))
    base = inner_model(model)
    tied = is_tied(base)
    decoder, embeddings = decoder_of(base), base.get_input_embeddings()
    how: dict[str, Any] = {
        "mesh": mesh,
        "mp_policy": MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32),
        "reshard_after_forward": True,  # by default the outermost unit would stay gathered
    }
    for layer in _layers(decoder):
        fully_shard(layer, **how)
    fully_shard(embeddings, **how)
    if not isinstance(embeddings, BaseTunerLayer):
        # The backward pass needs no weights of an embedding table, because the table's gradient
        # depends on the ids alone. In an adapter, the gradient of each matrix depends on the other
        # matrix, so adapted embeddings are gathered again.
        embeddings.set_unshard_in_backward(False)
    fully_shard(decoder, **how)
    output = base.get_output_embeddings()
    if tied:  # sharding has replaced the embeddings' parameter
        output.weight = embeddings.weight
    for module in output.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not isinstance(parameter, DTensor):
                setattr(module, name, _part_of(parameter, mesh, distributed))
    for name, parameter in model.named_parameters():
        if not isinstance(parameter, DTensor):
            raise ModelError(
                f"training.sharding = fsdp: {model.config.model_type} has weights outside of its "
                f"decoder and its output matrix ({name}); set training.sharding = ddp"
            )


def is_tied(model: PreTrainedModel) -> bool:
    """Return whether the model's embeddings are its output matrix as well."""
    base = inner_model(model)
    output = base.get_output_embeddings()
    return output is not None and output.weight is base.get_input_embeddings().weight


def _layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    """Return the decoder layers: the outermost `ModuleList` of the model."""
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList):
            return list(module)
    return []


def _part_of(
    parameter: torch.nn.Parameter, mesh: DeviceMesh, distributed: DistributedContext
) -> torch.nn.Parameter:
    """Return this process's rows of a parameter, split as `fully_shard` splits it."""
    rows = parameter.detach().chunk(distributed.size)
    own = rows[distributed.rank] if distributed.rank < len(rows) else parameter.detach()[:0]
    if not own.is_meta:
        own = own.to(distributed.device, copy=True)
    part = DTensor.from_local(
        own, mesh, [Shard(0)], run_check=False, shape=parameter.shape, stride=parameter.stride()
    )
    return torch.nn.Parameter(part, parameter.requires_grad)


def output_weights(model: PreTrainedModel, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Return the gathered weights of a sharded model's output matrix by name, as ``dtype`` and
    with gradient; empty for a model that is not sharded.

    The caller keeps them for all chunks of a micro-batch, so that weights and gradient travel once.
    """
    output = inner_model(model).get_output_embeddings()
    return {
        name: _Together.apply(parameter, dtype)  # type: ignore[no-untyped-call]
        for name, parameter in output.named_parameters()
        if isinstance(parameter, DTensor)
    }


class _Together(torch.autograd.Function):
    """Gathers a sharded parameter. The backward pass sums the gradient over the processes in
    float32, divides by their number as `fully_shard` does, and shards the result."""

    @staticmethod
    def forward(ctx: Any, parameter: DTensor, dtype: torch.dtype) -> torch.Tensor:
        ctx.mesh, ctx.placements = parameter.device_mesh, parameter.placements
        ctx.dtype = parameter.dtype
        return full_tensor(parameter.detach().to(dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        sums = DTensor.from_local(gradients[0].float(), ctx.mesh, [Partial()], run_check=False)
        part = sums.redistribute(placements=ctx.placements)
        return (part / ctx.mesh.size()).to(ctx.dtype), None


def local(tensor: torch.Tensor) -> torch.Tensor:
    """Return this process's shard of a sharded tensor, and any other tensor as it is."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _parts(model: PreTrainedModel) -> list[tuple[str, torch.nn.Parameter]]:
    """Return the sharded parameters by name."""
    # A forward pass without gradient may leave units gathered, and the model then shows other
    # tensors as its parameters.
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()
    return list(model.named_parameters())


def fingerprint(model: PreTrainedModel) -> str:
    """Return a digest by which two processes compare their models. It covers the name, the shape,
    and the first and last 64 values of every parameter. A skeleton's parameters have no values,
    only names and shapes."""
    digest = hashlib.sha256()
    for name, parameter in model.named_parameters():
        digest.update(f"{name} {tuple(parameter.shape)}".encode())
        if parameter.is_meta:
            continue
        flat = parameter.detach().reshape(-1)
        ends = torch.cat([flat[:64], flat[-64:]]).float().cpu()
        digest.update(f"{ends.tolist()}".encode())
    return digest.hexdigest()


def full_tensor(tensor: torch.Tensor) -> torch.Tensor:
    """Return the full tensor. All processes call this for a sharded tensor."""
    if not isinstance(tensor, DTensor):
        return tensor
    own, mesh = tensor.to_local(), tensor.device_mesh
    if own.device.type != mesh.device_type:  # shards offloaded to main memory
        tensor = DTensor.from_local(
            own.to(mesh.device_type), mesh, tensor.placements, run_check=False,
            shape=tensor.shape, stride=tensor.stride(),
        )  # fmt: skip
    return tensor.full_tensor()


@torch.no_grad()
def gather_weights(
    model: PreTrainedModel, into: PreTrainedModel | None, dtype: torch.dtype = torch.float32
) -> None:
    """Gather the trained weights as ``dtype`` into the first process's copy ``into`` (None in the
    others)."""
    target = dict(into.named_parameters()) if into is not None else {}
    for name, parameter in _parts(model):
        if parameter.requires_grad:
            value = full_tensor(parameter.detach().to(dtype))
            if into is not None:
                target[name].copy_(value)


@torch.no_grad()
def spread_weights(
    model: PreTrainedModel,
    weights: Mapping[str, torch.Tensor] | None,
    distributed: DistributedContext,
) -> None:
    """Set the trained weights of all processes from the first process's ``weights`` by name (None
    in the others)."""
    for name, parameter in _parts(model):
        if parameter.requires_grad:
            value = weights[name].detach() if weights is not None else None
            parameter.copy_(spread(value, parameter, parameter.shape, parameter.dtype, distributed))


def gather_state(optimizer: torch.optim.Optimizer, keep: bool = True) -> dict[str, Any]:
    """Return the optimiser's state with every tensor gathered, on the CPU.

    A process that does not ``keep`` the state takes part, drops each tensor at once, and gets {}.
    Options that select an implementation are left out, because they depend on the device.
    """
    state = optimizer.state_dict()
    by_number: dict[int, dict[str, Any]] = {}
    for number, values in state["state"].items():
        for key, value in values.items():
            gathered = full_tensor(value) if torch.is_tensor(value) else value
            if keep:
                kept = gathered.cpu() if torch.is_tensor(gathered) else gathered
                by_number.setdefault(number, {})[key] = kept
    groups = [group | dict.fromkeys(_WAYS) for group in state["param_groups"]]
    return {"state": by_number, "param_groups": groups} if keep else {}


def load_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load a state that `gather_state` returned; the optimiser keeps its own implementation."""
    ways = [{k: group[k] for k in _WAYS} for group in optimizer.param_groups]
    groups = [group | way for group, way in zip(state["param_groups"], ways, strict=True)]
    optimizer.load_state_dict({"state": state["state"], "param_groups": groups})


def spread_state(
    optimizer: torch.optim.Optimizer, state: dict[str, Any] | None, distributed: DistributedContext
) -> None:
    """Load the first process's full ``state`` (None in the others) into every process's
    optimiser."""
    description: list[Any] = [None, None]
    if state is not None:
        kinds = {
            number: {
                k: (tuple(v.shape), v.dtype) if torch.is_tensor(v) else v for k, v in values.items()
            }
            for number, values in state["state"].items()
        }
        description = [kinds, state["param_groups"]]
    kinds, groups = distributed.broadcast(description)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    own: dict[int, dict[str, Any]] = {}
    for number, values in kinds.items():
        own[number] = {}
        for key, kind in values.items():
            if isinstance(kind, tuple):
                value = state["state"][number][key] if state is not None else None
                like = parameters[number]
                own[number][key] = spread(value, like, torch.Size(kind[0]), kind[1], distributed)
            else:
                own[number][key] = kind
    load_state(optimizer, {"state": own, "param_groups": groups})


def spread(
    value: torch.Tensor | None,
    like: torch.Tensor,
    shape: torch.Size,
    dtype: torch.dtype,
    distributed: DistributedContext,
) -> torch.Tensor:
    """Send the first process's ``value`` (None in the others) to all processes. Returns the full
    tensor, or this process's shard where ``like`` is sharded and has the same shape."""
    if value is not None:
        whole = value.to(distributed.device, dtype, copy=True)
    else:
        whole = torch.empty(shape, dtype=dtype, device=distributed.device)
    if isinstance(like, DTensor) and shape == like.shape:
        return distribute_tensor(whole, like.device_mesh, like.placements)
    dist.broadcast(whole, 0)
    return whole
