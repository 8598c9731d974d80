"""Who learns from which groups: whole groups, dealt out so that all have about as much to do.

Every process computes all shares from the same groups, so nothing has to be
agreed upon. What falls to whom never changes the gradient, only its rounding:
losses are divided by the counts of the whole optimiser step.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparring.learning.samples import Group, Sample, micro_batches
from sparring.schema import Role


def shares(groups: Sequence[Group], size: int) -> list[list[Group]]:
    """The groups of each of ``size`` processes, in their order; some empty if there are few.

    The costliest first, each to the process that has least so far. Costs are positions that
    are computed: the prompt once, the responses with their padding.
    """
    load = [0] * size
    own: list[list[int]] = [[] for _ in range(size)]
    for i in sorted(range(len(groups)), key=lambda i: (-groups[i].cost, i)):
        rank = min(range(size), key=lambda r: (load[r], r))
        load[rank] += groups[i].cost
        own[rank].append(i)
    return [[groups[i] for i in sorted(mine)] for mine in own]


def rounds(
    groups: Sequence[Group], budget: int, rank: int, size: int, in_step: bool
) -> list[list[Group]]:
    """The micro-batches of process ``rank``; empty ones at the end where it has fewer than
    another and all must make the same number of passes (``in_step``)."""
    if not in_step:
        return list(micro_batches(shares(groups, size)[rank], budget))
    every = [list(micro_batches(own, budget)) for own in shares(groups, size)]
    most = max(map(len, every))
    return every[rank] + [[]] * (most - len(every[rank]))


def idle(role: Role) -> list[Group]:
    """A micro-batch to keep step with: two tokens, from which nothing is learned."""
    return [Group(role, (0,), 1.0, (Sample((0, 0), (0.0, 0.0), 0.0),))]
