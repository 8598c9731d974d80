"""Float32 master weights beside a model that computes in bfloat16.

Neighbouring bfloat16 values are 0.4% apart, so a step of 1e-6 is lost in a bfloat16 weight, and a
small gradient is lost in a large bfloat16 sum. Hence the trained weights exist twice: in bfloat16
in the model, for computing, and in float32 here, where gradients are summed and AdamW takes its
steps. After a step the masters are rounded into the model. Nothing else needs float32: frozen
weights, and copies that only sample or serve as a reference, are `cast` once.

A model that computes in float32 is its own master: the optimiser moves the model's parameters, and
this module does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import PreTrainedModel

from sparring.policy.precision import cast


class Masters:
    """Float32 masters of a model's trained weights, which the optimiser moves."""

    def __init__(self, model: PreTrainedModel, dtype: torch.dtype) -> None:
        """Copy the weights of ``model`` that learn into masters, then `cast` the model to
        ``dtype``. From then on every backward pass adds the gradients of these weights to the
        masters."""
        learning = [p for p in model.parameters() if p.requires_grad]
        self.parameters = learning
        """Master parameters, in the model's order: gradients are summed in them, and the optimiser
        moves them."""
        self._pairs: list[tuple[torch.nn.Parameter, torch.nn.Parameter]] = []
        """Each trained weight of the model with its master; empty where a weight is its own
        master."""
        if dtype is torch.float32:
            return
        # `float` does not copy a float32 tensor. That is safe, because `cast` makes new tensors for
        # the model.
        self.parameters = [torch.nn.Parameter(p.data.float()) for p in learning]
        self._pairs = list(zip(learning, self.parameters, strict=True))
        cast(model, dtype)
        for own, master in self._pairs:
            own.register_post_accumulate_grad_hook(_into(master))

    @torch.no_grad()
    def publish(self) -> None:
        """Round the masters into the model, after they have changed."""
        for own, master in self._pairs:
            own.copy_(master)

    @torch.no_grad()
    def round(self) -> None:
        """Round the masters themselves to bfloat16, and so to the values that the model has
        already."""
        for master in self.parameters:
            master.copy_(master.bfloat16())

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Put the masters in the place of the model's weights while they are saved or loaded.
        Nothing may be computed within."""
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
    """Return a hook for a weight's gradient. As soon as a backward pass has computed the gradient,
    the hook adds it to the master's gradient and drops it. So two full gradients are never held at
    a time."""

    def add(own: torch.nn.Parameter) -> None:
        gradient, own.grad = own.grad, None
        assert gradient is not None
        if master.grad is None:
            master.grad = gradient.float()
        else:
            master.grad.add_(gradient)

    return add
