"""Visibility in a packed sequence: as intervals, as a dense mask, and as flex attention's blocks.

A place of the sequence attends to an interval of its prompt and to an interval of its own text that
ends with itself. The number of visible pairs in a block of 128 × 128 places follows from the ends
of these intervals, so no mask of all pairs is made. At 40,000 places such a mask would take 1.6 GB;
the counts of blocks are 98 thousand numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention.flex_attention import BlockMask

BLOCK = 128
"""Side of flex attention's blocks, in places."""


@dataclass(frozen=True, slots=True)
class Visible:
    """Places that each place attends to, as intervals; [rows, places] each.

    A place attends to the places from ``prompt_start`` up to but not including ``prompt_end``, and
    to those from ``own_start`` to itself.
    """

    prompt_start: torch.Tensor
    prompt_end: torch.Tensor
    own_start: torch.Tensor

    def dense(self) -> torch.Tensor:
        """Return the mask of all pairs [rows, places, places]. Tests and `benchmarks/gpuchecks`
        compare blocks and kernel with this mask; training never makes it."""
        key = torch.arange(self.own_start.shape[1], device=self.own_start.device)
        prompt = (key >= self.prompt_start[..., None]) & (key < self.prompt_end[..., None])
        return prompt | ((key >= self.own_start[..., None]) & (key <= key[:, None]))

    def in_blocks(self) -> torch.Tensor:
        """Return the number of visible pairs in each block [query blocks, key blocks].

        Needs a single row whose length is a multiple of the block. An interval from a to b covers
        max(0, x − a) − max(0, x − b) of the places before x. Each end thus adds a ramp in x. In
        steps of a block, a ramp is one addend at the end's block and one at the next block, and a
        cumulative sum over the blocks gives the counts.
        """
        [own_start] = self.own_start
        places = torch.arange(len(own_start), device=own_start.device)
        blocks = len(places) // BLOCK
        # Two columns more than blocks: an end may lie behind the last block, and adds to the next.
        counts = places.new_zeros(blocks * (blocks + 2))
        row = places // BLOCK * (blocks + 2)
        prompt = ((self.prompt_start[0], 1), (self.prompt_end[0], -1))
        for end, sign in (*prompt, (own_start, 1), (places + 1, -1)):
            at, within = row + end // BLOCK, end % BLOCK
            counts.index_add_(0, at, sign * (BLOCK - within))
            counts.index_add_(0, at + 1, sign * within)
        return counts.view(blocks, blocks + 2).cumsum(1)[:, :blocks]


def block_mask(visible: Visible) -> BlockMask:
    """Return flex attention's mask for a single row whose length is a multiple of the block: the
    fully visible blocks, the partly visible blocks, and the rule for pairs within the latter."""
    counts = visible.in_blocks()
    full = counts == BLOCK * BLOCK
    part = (counts > 0) & ~full
    prompt_start, prompt_end, own_start = (
        x[0] for x in (visible.prompt_start, visible.prompt_end, visible.own_start)
    )

    def seen(row: Any, head: Any, query: Any, key: Any) -> torch.Tensor:
        prompt = (key >= prompt_start[query]) & (key < prompt_end[query])
        visible: torch.Tensor = prompt | ((key >= own_start[query]) & (key <= query))
        return visible

    return BlockMask.from_kv_blocks(
        *_ordered(part),
        *_ordered(full),
        BLOCK_SIZE=BLOCK,
        mask_mod=seen,
    )


def _ordered(chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the number of chosen blocks in each row [1, 1, blocks], and the indices of all blocks
    with the chosen ones first [1, 1, blocks, blocks]. Both are int32, as the kernels need."""
    order = chosen.int().argsort(dim=-1, descending=True, stable=True)
    return chosen.sum(-1).int()[None, None], order.int()[None, None].contiguous()
