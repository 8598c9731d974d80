"""Who learns from which micro-batches: dealt out so that all have about as much to do.

Every process computes all shares from the same groups, so nothing has to be
agreed upon. What falls to whom never changes the gradient, only its rounding:
losses are divided by the counts of the whole optimiser step.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparring.learner.logprobs.filling import computed, micro_batches
from sparring.learner.samples import Group, Sample
from sparring.learner.settings import Backend
from sparring.schema import Role


def shares(
    groups: Sequence[Group], budget: int, backend: Backend, size: int
) -> list[list[list[Group]]]:
    """The micro-batches of each of ``size`` processes; they differ in number by at most one.

    One process fills its batches. Several get as many as fill the fewest
    rounds, as even as they can be made: the budget is lowered until one batch
    more would be needed. The largest are dealt first, there and back, so that
    what is computed at one time is about as large everywhere.
    """
    batches = micro_batches(groups, budget, backend)
    if size == 1:
        return [batches]
    batches = _even(groups, batches, budget, backend, size)
    batches.sort(key=lambda b: -computed(b, backend))
    own: list[list[list[Group]]] = [[] for _ in range(size)]
    for i, batch in enumerate(batches):
        turn, rank = divmod(i, size)
        own[size - 1 - rank if turn % 2 else rank].append(batch)
    return own


def rounds(
    groups: Sequence[Group], budget: int, backend: Backend, rank: int, size: int, in_step: bool
) -> list[list[Group]]:
    """The micro-batches of process ``rank``; an empty one at the end where it has fewer than
    another and all must make the same number of passes (``in_step``)."""
    every = shares(groups, budget, backend, size)
    most = max(map(len, every)) if in_step else 0
    return every[rank] + [[]] * (most - len(every[rank]))


def idle(role: Role) -> list[Group]:
    """A micro-batch to keep step with: two tokens, from which nothing is learned."""
    return [Group(role, (0,), 1.0, (Sample((0, 0), (0.0, 0.0), 0.0),))]


def _even(
    groups: Sequence[Group],
    batches: list[list[Group]],
    budget: int,
    backend: Backend,
    size: int,
) -> list[list[Group]]:
    """As many batches as ``size`` processes can make in the rounds that these need, and no more:
    by halves, the smallest budget that does not need another round."""
    most = -(-len(batches) // size) * size
    low, high = 0, min(budget, max((computed(b, backend) for b in batches), default=0))
    step = max(1, high // 64)
    while high - low > step:
        tried = (low + high) // 2
        found = micro_batches(groups, tried, backend)
        if len(found) <= most:
            batches, high = found, tried
        else:
            low = tried
    return batches
