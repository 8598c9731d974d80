"""Key/value caches for sampling that copy little and compute every prompt once.

- `DynamicCache` of `transformers` appends by concatenation: each new token copies all earlier ones,
  in every row.
- `GrowingLayer` owns a buffer with space for the longest response and returns a view of the filled
  part. Prompts are computed once (`from_prompts`) and their rows repeated. When rows end, the last
  rows move into their places (`close_gaps`). The copying is proportional to the rows that ended, so
  gaps can be closed at every token.
- `FixedLayer` returns a view of the same size at every token, as a CUDA graph needs it.

Caches are for inference only: writes are in place, so no gradient passes through them.
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
        max_tokens: int,
    ):
        """Start from the keys and values of prompts, each prompt repeated ``n`` times.

        ``keys`` and ``values`` hold a tensor [prompts, heads, positions, head size] for each part
        of the prompts. Prompts end at position ``width``; ``max_tokens`` further positions can be
        filled.
        """
        super().__init__()
        self.length = width
        rows = n * sum(len(part) for part in keys)
        self.keys = _repeated(keys, rows, n, width + max_tokens, width)
        self.values = _repeated(values, rows, n, width + max_tokens, width)
        self._live_keys, self._live_values = self.keys, self.values
        self.is_initialized = True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Do nothing: the buffers exist from the start."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store new positions and return all positions up to them. ``transformers`` fixes the
        signature; further arguments serve other kinds of caches."""
        new = key_states.shape[2]
        end = self.length + new
        self._live_keys.narrow(2, self.length, new).copy_(key_states)
        self._live_values.narrow(2, self.length, new).copy_(value_states)
        self.length = end
        return self._live_keys.narrow(2, 0, end), self._live_values.narrow(2, 0, end)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the positions that a mask covers, and the first of them."""
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        """Return the number of filled positions."""
        return self.length

    def get_max_length(self) -> int:
        """Return the number of positions of the buffer."""
        return int(self.keys.shape[2])

    def close_gaps(self, holes: torch.Tensor, movers: torch.Tensor, remaining: int) -> None:
        """Move rows ``movers`` to the places ``holes`` of ended rows; the first ``remaining`` rows
        remain."""
        if len(holes):
            for buffer in (self.keys, self.values):
                filled = buffer[:, :, : self.length]
                filled[holes] = filled[movers]
        self._live_keys, self._live_values = self.keys[:remaining], self.values[:remaining]


class FixedLayer(CacheLayerMixin):  # type: ignore[misc]  # a base without types
    """One layer's keys and values, [rows, heads, positions, head size], seen through a view of
    fixed size."""

    is_sliding = False
    is_compileable = True
    """Makes `transformers` build masks without reading values from the device."""

    def __init__(
        self,
        keys: Sequence[torch.Tensor],
        values: Sequence[torch.Tensor],
        n: int,
        width: int,
        max_tokens: int,
    ) -> None:
        """Start from the keys and values of prompts; the arguments are those of `GrowingLayer`."""
        super().__init__()
        rows = n * sum(len(part) for part in keys)
        # A masked position has weight 0, but 0 × NaN is NaN: unfilled memory must hold numbers.
        self._all = [_repeated(x, rows, n, width + max_tokens, width) for x in (keys, values)]
        for buffer in self._all:
            buffer[:, :, width:] = 0
        self.keys, self.values = self._all
        self._offset = torch.tensor([width], device=self.keys.device)
        self.is_initialized = True

    def show(self, rows: int, positions: int, offset: torch.Tensor) -> None:
        """Set the view to the first ``rows`` and ``positions``; the next position is written at
        ``offset`` [1]."""
        self.keys, self.values = (buffer[:rows, :, :positions] for buffer in self._all)
        self._offset = offset

    def move(self, holes: torch.Tensor, movers: torch.Tensor, filled: int) -> None:
        """Copy rows ``movers`` to ``holes``, up to the position ``filled``."""
        for buffer in self._all:
            part = buffer[:, :, :filled]
            part[holes] = part[movers]

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Do nothing: the buffers exist from the start."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store the new position and return the view. ``transformers`` fixes the signature."""
        self.keys.index_copy_(2, self._offset, key_states.to(self.keys.dtype))
        self.values.index_copy_(2, self._offset, value_states.to(self.values.dtype))
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return the positions that a mask covers, and the first of them."""
        return int(self.keys.shape[2]), 0

    def get_seq_length(self) -> torch.Tensor:
        """Return the number of filled positions as a tensor, so that no code has to wait for the
        device."""
        return self._offset[0]

    def get_max_length(self) -> int:
        """Return the number of positions of the buffer."""
        return int(self._all[0].shape[2])


def _repeated(
    parts: Sequence[torch.Tensor], rows: int, n: int, positions: int, width: int
) -> torch.Tensor:
    """Return a buffer [rows, heads, positions, head size] that holds each prompt ``n`` times,
    ending at position ``width``."""
    _, heads, _, size = parts[0].shape
    buffer = parts[0].new_empty((rows, heads, positions, size))
    start = 0
    for part in parts:
        prompts, filled = part.shape[0], part.shape[2]
        place = buffer[start : start + prompts * n]
        # A masked position has weight 0, but 0 × NaN is NaN: padding must hold numbers.
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
    max_tokens: int,
) -> Cache:
    """Return a cache of the layers above. It repeats each prompt's row ``n`` times, right-aligned
    at ``width``, with ``max_tokens`` further positions. Each of ``caches`` holds one part of the
    prompts, in order."""
    return Cache(
        layers=[
            layer([p.keys for p in parts], [p.values for p in parts], n, width, max_tokens)
            for parts in zip(*(cache.layers for cache in caches), strict=True)
        ]
    )
