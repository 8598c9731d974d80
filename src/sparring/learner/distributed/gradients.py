"""Sum of an optimiser step's gradient over roles and processes.

- With the full weights in each process (DDP), the gradients of a role are summed over the processes
  after the role's backward passes, so processes may make different numbers of passes.
- With sharded weights, `fully_shard` has summed the gradients during the backward passes.
- Either way all processes compute the same gradient norm and take the same decision.

Gradients are summed, not averaged, because each loss is divided by the counts of all processes
together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.distributed as dist

from sparring.learner.distributed.context import DistributedContext
from sparring.learner.distributed.shards import local


class Gradients:
    """Gradient of one optimiser step. ``parameters`` have no gradient at the start."""

    def __init__(
        self,
        parameters: Sequence[torch.nn.Parameter],
        distributed: DistributedContext,
        sharded: bool,
    ) -> None:
        self.parameters = parameters
        self.distributed = distributed
        self.sharded = sharded
        self._earlier: dict[int, torch.Tensor] = {}
        """Sum of the earlier roles' gradients, by parameter. In a single process, and with sharded
        weights, this is a copy, and later passes add to the parameters' gradients. With DDP the
        gradients are moved here, and the parameters' gradients begin again at zero."""

    def add(self, last: bool) -> float:
        """Close a role's backward passes. Returns the norm of the role's part of the gradient.
        After the ``last`` role the parameters' gradients hold the sum of all roles."""
        if self.distributed.alone or self.sharded:
            norm = self._norm(self._gradients(), self._earlier)
            if not last:  # copied only where another role will add to the gradient
                self._earlier = {i: g.clone() for i, g in self._gradients().items()}
            return norm
        self._sum()
        norm = self._norm(self._gradients(), {})
        for i, gradient in self._earlier.items():
            own = self.parameters[i].grad
            self.parameters[i].grad = gradient if own is None else own.add_(gradient)
        if not last:
            self._earlier = self._gradients()
            for parameter in self.parameters:
                parameter.grad = None
        return norm

    def clip(self, longest: float) -> float:
        """Scale the gradient down to the norm ``longest``. Returns its norm before that."""
        if self.distributed.alone:
            return float(torch.nn.utils.clip_grad_norm_(self.parameters, longest))
        # All take the first process's norm: rounding may depend on the number of threads.
        norm = self.distributed.from_main(self._norm(self._gradients(), {}))
        if norm > longest:
            for gradient in self._gradients().values():
                local(gradient).mul_(longest / (norm + 1e-6))  # the formula of clip_grad_norm_
        return norm

    def _gradients(self) -> dict[int, torch.Tensor]:
        """Return the gradients by index of parameter. A parameter that no loss has reached yet,
        such as the other role's adapter, is left out."""
        return {i: p.grad for i, p in enumerate(self.parameters) if p.grad is not None}

    def _sum(self) -> None:
        """Sum the gradients over all processes. If only some processes have a gradient, it counts
        as 0 in the others. If no process has a gradient, it stays None, and the optimiser skips its
        parameter."""
        reached = self.distributed.highest([float(p.grad is not None) for p in self.parameters])
        waiting = []
        for parameter, somewhere in zip(self.parameters, reached, strict=True):
            if somewhere:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                waiting.append(dist.all_reduce(parameter.grad, async_op=True))
        for work in waiting:
            if work is not None:
                work.wait()

    def _norm(self, gradients: dict[int, torch.Tensor], earlier: dict[int, torch.Tensor]) -> float:
        """Return the norm of ``gradients`` − ``earlier``."""
        norms = [
            torch.linalg.vector_norm(local(g) - local(earlier[i]) if i in earlier else local(g))
            for i, g in gradients.items()
        ]
        norm = float(torch.linalg.vector_norm(torch.stack(norms)))
        if self.sharded:
            norm = math.sqrt(self.distributed.sums([norm**2])[0])
        return norm
