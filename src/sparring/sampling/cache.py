"""Key/value storage that neither copies what it holds nor computes what is known.

`DynamicCache` appends by concatenation: each new token copies all earlier
ones, for every row. `GrowingLayer` owns a buffer with room for the longest
response and hands out a view of the filled part. Prompts are computed once
(`from_prompt`) and their rows repeated; rows of finished responses are
dropped (`keep`), which makes the batch smaller as it goes.

For inference only: writes are in place, so no gradient passes through.
"""

from __future__ import annotations

import torch
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache


class GrowingLayer(CacheLayerMixin):  # type: ignore[misc]  # a base without types
    """One layer's keys and values, [rows, heads, positions, head size]."""

    is_sliding = False

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, rows: torch.Tensor, room: int):
        """Start from a prompt's keys and values, taking ``rows`` of them, with ``room`` more
        positions to fill."""
        super().__init__()
        self.length = keys.shape[2]
        self.keys = self._with_room(keys.index_select(0, rows), room)
        self.values = self._with_room(values.index_select(0, rows), room)
        self.is_initialized = True

    @staticmethod
    def _with_room(filled: torch.Tensor, room: int) -> torch.Tensor:
        rows, heads, positions, size = filled.shape
        buffer = filled.new_empty((rows, heads, positions + room, size))
        buffer[:, :, :positions] = filled
        return buffer

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the buffers exist from the start."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store the new positions and return everything up to them (the interface of
        ``transformers``; extra arguments are other caches' business)."""
        end = self.length + key_states.shape[2]
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        return self.length

    def get_max_length(self) -> int:
        return int(self.keys.shape[2])

    def keep(self, rows: torch.Tensor) -> None:
        """Drop all rows but these."""
        self.keys = self.keys.index_select(0, rows)
        self.values = self.values.index_select(0, rows)


def from_prompt(cache: DynamicCache, rows: torch.Tensor, room: int) -> Cache:
    """A cache that repeats a prompt's rows as ``rows`` says and can grow by ``room`` positions."""
    layers = [GrowingLayer(layer.keys, layer.values, rows, room) for layer in cache.layers]
    return Cache(layers=layers)


def keep_rows(cache: Cache, rows: torch.Tensor) -> None:
    """Drop all rows of every layer but these."""
    for layer in cache.layers:
        layer.keep(rows)
