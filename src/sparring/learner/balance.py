"""Distribution of micro-batches over processes, with about the same work for each.

Every process computes the shares of all processes from the same groups, so no communication is
needed. The distribution changes the rounding of the gradient but never its value: losses are
divided by the counts of the full optimiser step.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparring.learner.logprobs.filling import computed, micro_batches
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.settings import LogprobBackend
from sparring.schema import Role


def shares(
    groups: Sequence[SampleGroup], budget: int, backend: LogprobBackend, size: int
) -> list[list[list[SampleGroup]]]:
    """Return the micro-batches of each of ``size`` processes.

    The processes' numbers of micro-batches differ by at most one. A single process fills its
    batches up to ``budget`` positions. Several processes take the fewest rounds that the budget
    allows, with batches as even as possible: the budget is lowered until another round would be
    needed. Batches are dealt from the largest down, in alternating direction, so that the batches
    computed at one time have about the same size in all processes.
    """
    batches = micro_batches(groups, budget, backend)
    if size == 1:
        return [batches]
    batches = _even(groups, batches, budget, backend, size)
    batches.sort(key=lambda b: -computed(b, backend))
    own: list[list[list[SampleGroup]]] = [[] for _ in range(size)]
    for i, batch in enumerate(batches):
        turn, rank = divmod(i, size)
        own[size - 1 - rank if turn % 2 else rank].append(batch)
    return own


def rounds(
    groups: Sequence[SampleGroup],
    budget: int,
    backend: LogprobBackend,
    rank: int,
    size: int,
    in_step: bool,
) -> list[list[SampleGroup]]:
    """Return the micro-batches of process ``rank``.

    Where all processes must make the same number of passes (``in_step``), a process with fewer
    micro-batches than another gets an empty one at the end.
    """
    by_rank = shares(groups, budget, backend, size)
    most = max(map(len, by_rank)) if in_step else 0
    return by_rank[rank] + [[]] * (most - len(by_rank[rank]))


def idle_batch(role: Role) -> list[SampleGroup]:
    """Return a micro-batch of two tokens without advantage, for a process that only has to keep
    step with the others' passes."""
    return [SampleGroup(role, (0,), 1.0, (Sample((0, 0), (0.0, 0.0), 0.0),))]


def _even(
    groups: Sequence[SampleGroup],
    batches: list[list[SampleGroup]],
    budget: int,
    backend: LogprobBackend,
    size: int,
) -> list[list[SampleGroup]]:
    """Return batches as even as possible, for which ``size`` processes need no more rounds than for
    ``batches``. Bisection finds the smallest budget that does not need another round."""
    most = -(-len(batches) // size) * size
    low, high = 0, min(budget, max((computed(b, backend) for b in batches), default=0))
    step = max(1, high // 64)
    while high - low > step:
        middle = (low + high) // 2
        smaller = micro_batches(groups, middle, backend)
        if len(smaller) <= most:
            batches, high = smaller, middle
        else:
            low = middle
    return batches
