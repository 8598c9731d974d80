"""Division of groups into micro-batches within a budget of positions, by the backend's layout.

A sequence (``flex``) holds a prompt once and each response at its own length: batches are filled to
the budget, and a group is split where its rest fits into no batch. The other layouts pad every row
to the widest row of its batch, so rows of similar length share a batch. The division never changes
the gradient, because losses are divided by the counts of the full optimiser step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from sparring.learner.logprobs.blocks import BLOCK
from sparring.learner.samples import Sample, SampleGroup
from sparring.learner.settings import BatchLayout, LogprobBackend


def computed(groups: Sequence[SampleGroup], backend: LogprobBackend) -> int:
    """Return the largest number of positions, with padding, that one micro-batch computes.

    The last token of a response is predicted but predicts nothing, so sequences and rows leave it
    out. With prompts apart, responses may be split by length into several parts; the count is then
    for a single part.
    """
    rows = [len(s.token_ids) for g in groups for s in g.samples]
    prompts = [len(g.prompt_ids) for g in groups]
    match backend.traits.layout:
        case BatchLayout.SEQUENCE:
            return _blocks(sum(prompts) + sum(rows) - len(rows))
        case BatchLayout.ROWS:
            wide = max(len(g.prompt_ids) + len(s.token_ids) - 1 for g in groups for s in g.samples)
            return wide * len(rows)
        case BatchLayout.PROMPTS_APART:
            return max(prompts) * len(groups) + max(rows) * len(rows)
        case other:
            assert_never(other)


def micro_batches(
    groups: Sequence[SampleGroup], budget: int, backend: LogprobBackend
) -> list[list[SampleGroup]]:
    """Split groups into micro-batches that compute at most ``budget`` positions each.

    A group above the budget is split by responses. A single response above the budget is a
    micro-batch of its own.
    """
    match backend.traits.layout:
        case BatchLayout.SEQUENCE:
            return _filled(groups, budget)
        case (
            BatchLayout.ROWS
        ):  # a row carries its prompt, so a group may be split anywhere at no cost
            pieces = [replace(g, samples=(s,)) for g in groups for s in g.samples]
            pieces.sort(key=lambda g: (_longest(g) + len(g.prompt_ids), len(g.prompt_ids)))
            return [_joined(batch) for batch in _in_order(pieces, budget, backend)]
        case BatchLayout.PROMPTS_APART:
            pieces = [piece for g in groups for piece in _fitting(g, budget, backend)]
            pieces.sort(key=lambda g: (_longest(g), len(g.prompt_ids)))
            return _in_order(pieces, budget, backend)
        case other:
            assert_never(other)


def _in_order(
    pieces: Sequence[SampleGroup], budget: int, backend: LogprobBackend
) -> list[list[SampleGroup]]:
    """Put pieces into batches in their order; each batch is filled before the next begins."""
    batches: list[list[SampleGroup]] = []
    for piece in pieces:
        if batches and computed([*batches[-1], piece], backend) <= budget:
            batches[-1].append(piece)
        else:
            batches.append([piece])
    return batches


def _longest(group: SampleGroup) -> int:
    return max(len(s.token_ids) for s in group.samples)


def _joined(rows: Sequence[SampleGroup]) -> list[SampleGroup]:
    """Join the rows of each prompt into one group again, in the place of its first row."""
    joined: dict[tuple[tuple[int, ...], float], SampleGroup] = {}
    for row in rows:
        key = (row.prompt_ids, row.temperature)
        earlier = joined.get(key)
        joined[key] = (
            row if earlier is None else replace(row, samples=earlier.samples + row.samples)
        )
    return list(joined.values())


def _blocks(positions: int) -> int:
    """Round ``positions`` up to a multiple of the block."""
    return -(-positions // BLOCK) * BLOCK


def _alone(group: SampleGroup) -> int:
    """Return the positions of a prompt followed by its responses, without their last tokens."""
    return len(group.prompt_ids) + sum(len(s.token_ids) - 1 for s in group.samples)


def _fitting(group: SampleGroup, budget: int, backend: LogprobBackend) -> list[SampleGroup]:
    """Split the group into pieces within the budget, short responses first."""
    parts: list[list[Sample]] = [[]]
    for sample in sorted(group.samples, key=lambda s: len(s.token_ids)):
        grown = replace(group, samples=(*parts[-1], sample))
        if parts[-1] and computed([grown], backend) > budget:
            parts.append([])
        parts[-1].append(sample)
    return [replace(group, samples=tuple(part)) for part in parts]


@dataclass(slots=True)
class _Batch:
    """Pieces of groups, and the number of positions free for more."""

    free: int
    pieces: list[SampleGroup] = field(default_factory=list)

    def take(self, group: SampleGroup, samples: Sequence[Sample]) -> None:
        piece = replace(group, samples=tuple(samples))
        self.free -= _alone(piece)
        self.pieces.append(piece)


def _filled(groups: Sequence[SampleGroup], budget: int) -> list[list[SampleGroup]]:
    """Fill batches by first fit decreasing: each group, from the largest down, goes into the first
    batch with room for it. A group that fits nowhere is split."""
    room = max(budget // BLOCK * BLOCK, budget if budget < BLOCK else 0)
    batches: list[_Batch] = []
    for group in sorted(groups, key=lambda g: -_alone(g)):
        rest = sorted(group.samples, key=lambda s: -len(s.token_ids))
        while rest:
            need = _alone(replace(group, samples=tuple(rest)))
            fits = next((b for b in batches if b.free >= need), None)
            if fits is not None:
                fits.take(group, rest)
                break
            widest = max(batches, key=lambda b: b.free, default=None)
            taken = _part(group, rest, widest.free) if widest is not None else []
            # A split computes the prompt once more. The emptiest batch takes a part of the group
            # only if the part's responses are longer than the prompt; else a new batch begins.
            if widest is None or _alone(replace(group, samples=tuple(taken))) <= 2 * len(
                group.prompt_ids
            ):
                widest = _Batch(room)
                batches.append(widest)
                taken = rest if need <= room else _part(group, rest, room) or rest[:1]
            widest.take(group, taken)
            chosen = {id(s) for s in taken}
            rest = [s for s in rest if id(s) not in chosen]
    return [b.pieces for b in batches]


def _part(group: SampleGroup, samples: Sequence[Sample], room: int) -> list[Sample]:
    """Return the samples, in order, that fit into ``room`` positions together with their
    prompt."""
    room -= len(group.prompt_ids)
    fitting = []
    for sample in samples:
        if len(sample.token_ids) - 1 <= room:
            room -= len(sample.token_ids) - 1
            fitting.append(sample)
    return fitting
