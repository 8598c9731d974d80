"""What each place of a packed sequence sees, as intervals, as a mask and as blocks of a mask.

A place sees an interval of its prompt and one of its own text, up to itself.
So how much of a block of 128 by 128 places is seen follows from the ends of
the intervals, and no mask of all pairs is ever made: at 40,000 places that
would be 1.6 GB, where the counts of blocks are 98 thousand numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention.flex_attention import BlockMask

BLOCK = 128
"""Flex attention works in blocks of so many places."""


@dataclass(frozen=True, slots=True)
class Visible:
    """For each place [rows, places]: it sees those from ``prompt_start`` up to before
    ``prompt_end``, and those from ``own_start`` to itself."""

    prompt_start: torch.Tensor
    prompt_end: torch.Tensor
    own_start: torch.Tensor

    def dense(self) -> torch.Tensor:
        """The mask of all pairs [rows, places, places]: what tests and `benchmarks/gpuchecks` hold
        the blocks and the kernel to. Nothing that learns makes it."""
        key = torch.arange(self.own_start.shape[1], device=self.own_start.device)
        prompt = (key >= self.prompt_start[..., None]) & (key < self.prompt_end[..., None])
        return prompt | ((key >= self.own_start[..., None]) & (key <= key[:, None]))

    def in_blocks(self) -> torch.Tensor:
        """How many pairs of each block are seen [blocks of places, blocks of places seen], of one
        row of whole blocks.

        The places before x that an interval from a to b covers are
        max(0, x − a) − max(0, x − b): each end adds a ramp, which in steps of
        a block is a difference at its block and at the next.
        """
        [own_start] = self.own_start
        places = torch.arange(len(own_start), device=own_start.device)
        blocks = len(places) // BLOCK
        found = places.new_zeros(blocks * (blocks + 2))
        row = places // BLOCK * (blocks + 2)
        prompt = ((self.prompt_start[0], 1), (self.prompt_end[0], -1))
        for end, sign in (*prompt, (own_start, 1), (places + 1, -1)):
            at, within = row + end // BLOCK, end % BLOCK
            found.index_add_(0, at, sign * (BLOCK - within))
            found.index_add_(0, at + 1, sign * within)
        return found.view(blocks, blocks + 2).cumsum(1)[:, :blocks]


def block_mask(visible: Visible) -> BlockMask:
    """Flex attention's mask of one row of whole blocks: blocks that are seen whole, those that are
    seen in part, and the rule within these."""
    counts = visible.in_blocks()
    whole = counts == BLOCK * BLOCK
    part = (counts > 0) & ~whole
    prompt_start, prompt_end, own_start = (
        x[0] for x in (visible.prompt_start, visible.prompt_end, visible.own_start)
    )

    def seen(row: Any, head: Any, query: Any, key: Any) -> torch.Tensor:
        prompt = (key >= prompt_start[query]) & (key < prompt_end[query])
        found: torch.Tensor = prompt | ((key >= own_start[query]) & (key <= query))
        return found

    return BlockMask.from_kv_blocks(
        *_ordered(part),
        *_ordered(whole),
        BLOCK_SIZE=BLOCK,
        mask_mod=seen,
    )


def _ordered(chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How many blocks of each row [1, 1, blocks], and the blocks, the chosen first, both in the
    order of their numbers [1, 1, blocks, blocks]; int32, as kernels read them."""
    order = chosen.int().argsort(dim=-1, descending=True, stable=True)
    return chosen.sum(-1).int()[None, None], order.int()[None, None].contiguous()
