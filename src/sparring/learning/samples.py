"""What is learned from: responses with advantages, grouped by prompt, in micro-batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparring.schema import Role


@dataclass(frozen=True, slots=True)
class Sample:
    """One response to learn from.

    ``sampled_logprobs`` [L] are the sampler's, under the sampling distribution
    (temperature included).
    """

    token_ids: tuple[int, ...]
    sampled_logprobs: tuple[float, ...]
    advantage: float


@dataclass(frozen=True, slots=True)
class Group:
    """The responses to one prompt. ``temperature`` is the one they were sampled at."""

    role: Role
    prompt_ids: tuple[int, ...]
    temperature: float
    samples: tuple[Sample, ...]

    @property
    def tokens(self) -> int:
        """Response tokens: what losses are averaged over."""
        return sum(len(s.token_ids) for s in self.samples)

    @property
    def cost(self) -> int:
        """Positions that a forward pass computes, padding included."""
        longest = max(len(s.token_ids) for s in self.samples)
        return len(self.prompt_ids) + longest * len(self.samples)


def micro_batches(groups: Sequence[Group], budget: int) -> Iterator[list[Group]]:
    """Split groups into batches of at most ``budget`` positions, padding included.

    Groups of similar length go together; a group that is larger than the
    budget is split by responses, and a single response that is larger still
    is a batch of its own. How the split falls never changes the gradient:
    losses are divided by the token count of the whole update.
    """
    pieces = [piece for g in groups for piece in _fitting(g, budget)]
    pieces.sort(key=lambda g: (max(len(s.token_ids) for s in g.samples), len(g.prompt_ids)))
    batch: list[Group] = []
    for piece in pieces:
        if batch and _padded_cost([*batch, piece]) > budget:
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def _padded_cost(groups: Sequence[Group]) -> int:
    rows = sum(len(g.samples) for g in groups)
    longest = max(len(s.token_ids) for g in groups for s in g.samples)
    return max(len(g.prompt_ids) for g in groups) * len(groups) + longest * rows


def _fitting(group: Group, budget: int) -> Iterator[Group]:
    ordered = sorted(group.samples, key=lambda s: len(s.token_ids))
    part: list[Sample] = []
    for sample in ordered:
        grown = Group(group.role, group.prompt_ids, group.temperature, (*part, sample))
        if part and grown.cost > budget:
            yield Group(group.role, group.prompt_ids, group.temperature, tuple(part))
            part = []
        part.append(sample)
    yield Group(group.role, group.prompt_ids, group.temperature, tuple(part))
