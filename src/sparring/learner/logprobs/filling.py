"""Groups into micro-batches of at most a budget of positions, by how a backend lays them out.

A sequence (``flex``) has a prompt once and each response by its own length:
batches are filled whole, and a group is split where its rest fits nowhere. The
other layouts are rows, each as wide as the widest: rows of similar length go
together. How the split falls never changes the gradient: losses are divided
by the counts of the whole update.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from sparring.learner.logprobs.blocks import BLOCK
from sparring.learner.samples import Group, Sample
from sparring.learner.settings import Backend, Layout


def computed(groups: Sequence[Group], backend: Backend) -> int:
    """Positions that a pass over one micro-batch computes at most, padding included.

    The last token of a response is predicted and predicts nothing: a sequence and rows
    leave it out. Where prompts are apart, responses may be split by length; counted is
    what one part would be.
    """
    rows = [len(s.token_ids) for g in groups for s in g.samples]
    prompts = [len(g.prompt_ids) for g in groups]
    match backend.traits.layout:
        case Layout.SEQUENCE:
            return _blocks(sum(prompts) + sum(rows) - len(rows))
        case Layout.ROWS:
            wide = max(len(g.prompt_ids) + len(s.token_ids) - 1 for g in groups for s in g.samples)
            return wide * len(rows)
        case Layout.PROMPTS_APART:
            return max(prompts) * len(groups) + max(rows) * len(rows)
        case other:
            assert_never(other)


def micro_batches(groups: Sequence[Group], budget: int, backend: Backend) -> list[list[Group]]:
    """Split groups into batches that compute at most ``budget`` positions each.

    A group that is larger than the budget is split by responses, and a single
    response that is larger still is a batch of its own.
    """
    match backend.traits.layout:
        case Layout.SEQUENCE:
            return _filled(groups, budget)
        case Layout.ROWS:  # each with its prompt: a group is no more than its rows
            pieces = [replace(g, samples=(s,)) for g in groups for s in g.samples]
            pieces.sort(key=lambda g: (_longest(g) + len(g.prompt_ids), len(g.prompt_ids)))
            return [_joined(batch) for batch in _in_order(pieces, budget, backend)]
        case Layout.PROMPTS_APART:
            pieces = [piece for g in groups for piece in _fitting(g, budget, backend)]
            pieces.sort(key=lambda g: (_longest(g), len(g.prompt_ids)))
            return _in_order(pieces, budget, backend)
        case other:
            assert_never(other)


def _in_order(pieces: Sequence[Group], budget: int, backend: Backend) -> list[list[Group]]:
    """The pieces in batches, each filled before the next is begun."""
    batches: list[list[Group]] = []
    for piece in pieces:
        if batches and computed([*batches[-1], piece], backend) <= budget:
            batches[-1].append(piece)
        else:
            batches.append([piece])
    return batches


def _longest(group: Group) -> int:
    return max(len(s.token_ids) for s in group.samples)


def _joined(rows: Sequence[Group]) -> list[Group]:
    """Rows of one prompt as one group again, each where its first row was."""
    found: dict[tuple[tuple[int, ...], float], Group] = {}
    for row in rows:
        key = (row.prompt_ids, row.temperature)
        before = found.get(key)
        found[key] = row if before is None else replace(row, samples=before.samples + row.samples)
    return list(found.values())


def _blocks(positions: int) -> int:
    return -(-positions // BLOCK) * BLOCK


def _alone(group: Group) -> int:
    """Positions of a prompt and its responses one after another."""
    return len(group.prompt_ids) + sum(len(s.token_ids) - 1 for s in group.samples)


def _fitting(group: Group, budget: int, backend: Backend) -> list[Group]:
    """The group in pieces that fit, short responses first."""
    parts: list[list[Sample]] = [[]]
    for sample in sorted(group.samples, key=lambda s: len(s.token_ids)):
        grown = replace(group, samples=(*parts[-1], sample))
        if parts[-1] and computed([grown], backend) > budget:
            parts.append([])
        parts[-1].append(sample)
    return [replace(group, samples=tuple(part)) for part in parts]


@dataclass(slots=True)
class _Batch:
    """Pieces of groups, and how many positions are left for more."""

    left: int
    pieces: list[Group] = field(default_factory=list)

    def take(self, group: Group, samples: Sequence[Sample]) -> None:
        piece = replace(group, samples=tuple(samples))
        self.left -= _alone(piece)
        self.pieces.append(piece)


def _filled(groups: Sequence[Group], budget: int) -> list[list[Group]]:
    """First fit decreasing: each group, the largest first, into the first batch that it fits into.
    One that fits into none is split: the emptiest batch takes what it can, if that is more than
    the prompt that is computed once more, and what is left goes on as a group."""
    room = max(budget // BLOCK * BLOCK, budget if budget < BLOCK else 0)
    batches: list[_Batch] = []
    for group in sorted(groups, key=lambda g: -_alone(g)):
        rest = sorted(group.samples, key=lambda s: -len(s.token_ids))
        while rest:
            need = _alone(replace(group, samples=tuple(rest)))
            fits = next((b for b in batches if b.left >= need), None)
            if fits is not None:
                fits.take(group, rest)
                break
            widest = max(batches, key=lambda b: b.left, default=None)
            taken = _part(group, rest, widest.left) if widest is not None else []
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


def _part(group: Group, samples: Sequence[Sample], room: int) -> list[Sample]:
    """As many of the samples, in their order, as fit into ``room`` with their prompt."""
    room -= len(group.prompt_ids)
    found = []
    for sample in samples:
        if len(sample.token_ids) - 1 <= room:
            room -= len(sample.token_ids) - 1
            found.append(sample)
    return found
