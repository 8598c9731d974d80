"""The gradient of an optimiser step, added up role by role and over all processes.

With whole weights on each process (DDP) the gradients of a role are summed
once its backward passes are done, so processes may make different numbers of
them. With sharded weights `fully_shard` has summed them on the way. Either
way all processes find the same norm and decide alike.

Sums, not means: each loss is divided by the counts of all processes together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.distributed as dist

from sparring.learner.distributed.shards import local
from sparring.learner.distributed.world import World


class Gradients:
    """One optimiser step's. ``parameters`` have no gradient at the start."""

    def __init__(
        self, parameters: Sequence[torch.nn.Parameter], world: World, sharded: bool
    ) -> None:
        self.parameters = parameters
        self.world = world
        self.sharded = sharded
        self._earlier: dict[int, torch.Tensor] = {}
        """What other roles have added up to. On one process, and where weights are sharded, a
        copy of what the gradients hold; else they are held here, and the gradients begin anew."""

    def add(self, last: bool) -> float:
        """A role's backward passes are done. Returns the norm of its part; ``last`` leaves the
        sum of all roles in the gradients."""
        if self.world.alone or self.sharded:
            norm = self._norm(self._found(), self._earlier)
            if not last:  # a copy of the gradient, only where another role adds to it
                self._earlier = {i: g.clone() for i, g in self._found().items()}
            return norm
        self._sum()
        norm = self._norm(self._found(), {})
        for i, gradient in self._earlier.items():
            own = self.parameters[i].grad
            self.parameters[i].grad = gradient if own is None else own.add_(gradient)
        if not last:
            self._earlier = self._found()
            for parameter in self.parameters:
                parameter.grad = None
        return norm

    def clip(self, longest: float) -> float:
        """Shorten the gradient to ``longest``; returns its norm before that."""
        if self.world.alone:
            return float(torch.nn.utils.clip_grad_norm_(self.parameters, longest))
        # The first process's norm for all: rounding may depend on the number of threads.
        norm = self.world.of_first(self._norm(self._found(), {}))
        if norm > longest:
            for gradient in self._found().values():
                local(gradient).mul_(longest / (norm + 1e-6))  # as clip_grad_norm_ has it
        return norm

    def _found(self) -> dict[int, torch.Tensor]:
        """By parameter: one that no loss has reached yet, such as the other role's adapter, has
        none."""
        return {i: p.grad for i, p in enumerate(self.parameters) if p.grad is not None}

    def _sum(self) -> None:
        """Add up over all processes. A gradient that only some have is 0 on the others, one that
        none has stays away: the optimiser passes over it."""
        reached = self.world.highest([float(p.grad is not None) for p in self.parameters])
        waiting = []
        for parameter, somewhere in zip(self.parameters, reached, strict=True):
            if somewhere:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                waiting.append(dist.all_reduce(parameter.grad, async_op=True))
        for work in waiting:
            if work is not None:
                work.wait()

    def _norm(self, found: dict[int, torch.Tensor], earlier: dict[int, torch.Tensor]) -> float:
        """The norm of what was added to ``earlier``."""
        norms = [
            torch.linalg.vector_norm(local(g) - local(earlier[i]) if i in earlier else local(g))
            for i, g in found.items()
        ]
        norm = float(torch.linalg.vector_norm(torch.stack(norms)))
        if self.sharded:
            norm = math.sqrt(self.world.sums([norm**2])[0])
        return norm
