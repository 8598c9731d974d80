"""Key/value storage that neither copies what it holds nor computes what is known.

`DynamicCache` appends by concatenation: each new token copies all earlier
ones, for every row. `GrowingLayer` owns a buffer with room for the longest
response and hands out a view of the filled part. Prompts are computed once
(`from_prompts`) and their rows repeated. When rows leave, the last ones move
into their places (`close_gaps`): what is copied is in proportion to what left,
so it can be done at every token. `FixedLayer` hands out a view of the same
size at every token, for what is captured.

For inference only: writes are in place, so no gradient passes through.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache


class GrowingLayer(CacheLayerMixin):  # type: ignore[misc]  # a base without types
    """One layer's keys and values, [rows, heads, positions, head size]."""

    is_sliding = False

    def __init__(
        self,
        keys: Sequence[torch.Tensor],
        values: Sequence[torch.Tensor],
        n: int,
        width: int,
        room: int,
    ):
        """Start from the keys and values of prompts, each repeated ``n`` times: one tensor
        [prompts, heads, positions, head size] for each part of the prompts, which are put at the
        right of ``width`` positions. ``room`` more can be filled."""
        super().__init__()
        self.length = width
        rows = n * sum(len(part) for part in keys)
        self.keys = _repeated(keys, rows, n, width + room, width)
        self.values = _repeated(values, rows, n, width + room, width)
        self._live_keys, self._live_values = self.keys, self.values
        self.is_initialized = True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the buffers exist from the start."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store the new positions and return everything up to them (the interface of
        ``transformers``; extra arguments are other caches' business)."""
        new = key_states.shape[2]
        end = self.length + new
        self._live_keys.narrow(2, self.length, new).copy_(key_states)
        self._live_values.narrow(2, self.length, new).copy_(value_states)
        self.length = end
        return self._live_keys.narrow(2, 0, end), self._live_values.narrow(2, 0, end)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        return self.length

    def get_max_length(self) -> int:
        return int(self.keys.shape[2])

    def close_gaps(self, holes: torch.Tensor, movers: torch.Tensor, left: int) -> None:
        """Put rows ``movers`` in the places of ``holes``; the first ``left`` rows remain."""
        if len(holes):
            for held in (self.keys, self.values):
                filled = held[:, :, : self.length]
                filled[holes] = filled[movers]
        self._live_keys, self._live_values = self.keys[:left], self.values[:left]


class FixedLayer(CacheLayerMixin):  # type: ignore[misc]  # a base without types
    """One layer's keys and values, [rows, heads, positions, head size], of which a bucket shows."""

    is_sliding = False
    is_compileable = True
    """For `transformers`: masks are made without a look at their values."""

    def __init__(
        self,
        keys: Sequence[torch.Tensor],
        values: Sequence[torch.Tensor],
        n: int,
        width: int,
        room: int,
    ) -> None:
        """As `GrowingLayer`."""
        super().__init__()
        rows = n * sum(len(part) for part in keys)
        # Masked, and yet multiplied by 0: what is not filled yet must be a number.
        self._all = [_repeated(x, rows, n, width + room, width) for x in (keys, values)]
        for buffer in self._all:
            buffer[:, :, width:] = 0
        self.keys, self.values = self._all
        self._offset = torch.tensor([width], device=self.keys.device)
        self.is_initialized = True

    def show(self, rows: int, positions: int, offset: torch.Tensor) -> None:
        """Show these first rows and positions; the next is written at ``offset`` [1]."""
        self.keys, self.values = (buffer[:rows, :, :positions] for buffer in self._all)
        self._offset = offset

    def move(self, holes: torch.Tensor, movers: torch.Tensor, filled: int) -> None:
        """Copy rows ``movers`` to ``holes``."""
        for buffer in self._all:
            part = buffer[:, :, :filled]
            part[holes] = part[movers]

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the buffers exist from the start."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store the new position and return all that show (the interface of ``transformers``)."""
        self.keys.index_copy_(2, self._offset, key_states.to(self.keys.dtype))
        self.values.index_copy_(2, self._offset, value_states.to(self.values.dtype))
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return int(self.keys.shape[2]), 0

    def get_seq_length(self) -> torch.Tensor:
        return self._offset[0]

    def get_max_length(self) -> int:
        return int(self._all[0].shape[2])


def _repeated(
    parts: Sequence[torch.Tensor], rows: int, n: int, positions: int, width: int
) -> torch.Tensor:
    """A buffer [rows, heads, positions, head size] with each prompt ``n`` times, ending at
    ``width``."""
    _, heads, _, size = parts[0].shape
    buffer = parts[0].new_empty((rows, heads, positions, size))
    start = 0
    for part in parts:
        prompts, filled = part.shape[0], part.shape[2]
        place = buffer[start : start + prompts * n]
        # Masked, and yet multiplied by 0: what is there must be a number.
        place[:, :, : width - filled] = 0
        place = place.view(prompts, n, heads, positions, size)
        place[:, :, :, width - filled : width] = part[:, None]
        start += prompts * n
    return buffer


def from_prompts(
    layer: type[GrowingLayer] | type[FixedLayer],
    caches: Sequence[DynamicCache],
    n: int,
    width: int,
    room: int,
) -> Cache:
    """A cache of these layers that repeats each prompt's row ``n`` times, right-aligned at
    ``width``, with ``room`` positions more. One of ``caches`` holds one part of the prompts, in
    order."""
    return Cache(
        layers=[
            layer([p.keys for p in parts], [p.values for p in parts], n, width, room)
            for parts in zip(*(cache.layers for cache in caches), strict=True)
        ]
    )
