"""Float32 masters of the weights that learn, beside a model that computes in bfloat16.

A step of 1e-6 is lost in a bfloat16 weight, whose neighbours are 0.4% apart;
so are small gradients that are added to a large sum. Hence what learns exists
twice: in the model, as bfloat16, to compute with, and here, as float32, for
gradients to be added up in and for AdamW to move. After a step the masters are
rounded into the model. Nothing else of a model needs float32: weights that are
frozen, and copies that are only played or compared with, are `cast` once.

A model that computes in float32 is its own master: its parameters are the
optimiser's, and nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import PreTrainedModel

from sparring.policy.settings import Precision


def torch_type(precision: Precision) -> torch.dtype:
    """The type of weights and activations."""
    return torch.bfloat16 if precision is Precision.BFLOAT16 else torch.float32


def cast(model: PreTrainedModel, dtype: torch.dtype, learning: bool = True) -> PreTrainedModel:
    """The model with its weights as ``dtype``, in place, as loading it in that type gives it; not
    ``learning``, only those that are frozen.

    Not ``model.to(dtype)``: that would round tables that a model computes from
    its configuration, such as the frequencies of rotary embeddings, which
    `transformers` keeps in float32.
    """
    keys = model.state_dict(keep_vars=True)
    held = [t for name, t in keys.items() if not _stays_float32(model, name)]
    for tensor in held:
        if tensor.requires_grad and not learning:
            continue
        if tensor.is_floating_point() and tensor.dtype != dtype:
            tensor.data = tensor.data.to(dtype)
    return model


def _stays_float32(model: PreTrainedModel, name: str) -> bool:
    """Whether the family demands float32 of a weight, whatever the rest is."""
    base = getattr(model, "get_base_model", lambda: model)()
    strict = getattr(base, "_keep_in_fp32_modules_strict", None) or ()
    return any(part in name for part in strict)


class Masters:
    """The weights that learn, as the optimiser sees them."""

    def __init__(self, model: PreTrainedModel, dtype: torch.dtype) -> None:
        """Take masters of what learns in ``model``, and `cast` it to ``dtype``. Gradients of the
        model's weights then go to the masters, whoever computes them."""
        learning = [p for p in model.parameters() if p.requires_grad]
        self.parameters = learning
        """What gradients are added up in and an optimiser moves, in the model's order."""
        self._pairs: list[tuple[torch.nn.Parameter, torch.nn.Parameter]] = []
        """Each of the model's weights that learns, with its master, where that is another."""
        if dtype is torch.float32:
            return
        # Not copied: casting gives the model other tensors.
        self.parameters = [torch.nn.Parameter(p.data.float()) for p in learning]
        self._pairs = list(zip(learning, self.parameters, strict=True))
        cast(model, dtype)
        for own, master in self._pairs:
            own.register_post_accumulate_grad_hook(_into(master))

    @torch.no_grad()
    def publish(self) -> None:
        """Round the masters into the model: they have changed."""
        for own, master in self._pairs:
            own.copy_(master)

    @torch.no_grad()
    def round(self) -> None:
        """Keep of the masters what bfloat16 holds: what the model has already."""
        for master in self.parameters:
            master.copy_(master.bfloat16())

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """The masters in the place of the model's weights: to save them, or to load others into
        them. Nothing is computed within."""
        rounded = [own.data for own, _ in self._pairs]
        for own, master in self._pairs:
            own.data = master.data
        try:
            yield
        finally:
            for (own, _), data in zip(self._pairs, rounded, strict=True):
                own.data = data
            self.publish()


def _into(master: torch.nn.Parameter) -> Callable[[Any], None]:
    """For a weight's gradient, as soon as a backward pass has it: add it to the master's and drop
    it, so that no two whole gradients are held."""

    def add(own: torch.nn.Parameter) -> None:
        gradient, own.grad = own.grad, None
        assert gradient is not None
        if master.grad is None:
            master.grad = gradient.float()
        else:
            master.grad.add_(gradient)

    return add
