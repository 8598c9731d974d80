"""Forward passes that compute one token for every row, after the prompts.

- `Growing` computes exactly the rows that go on and the filled positions: each token adds one
  position, and each response that has ended removes one row.
- `Static` computes a *bucket*. Its number of rows is the number at the start, halved as often as
  the rows that go on still fit; its positions are rounded up to a multiple of `_POSITIONS`.
  Positions not yet filled are masked; rows that have ended are computed and not read. Within a
  bucket every pass launches the same kernels on the same addresses, so it can be captured as a CUDA
  graph (`capture`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache

from sparring.policy.local.cache import FixedLayer, GrowingLayer, from_prompts
from sparring.policy.local.capture import Capture, Run, refuse

_POSITIONS = 256
"""A bucket's positions are a multiple of this. The first pass of each bucket runs without capture,
and the second pays for the capture."""


class Growing:
    """Passes over exactly the rows that go on and the positions that are filled."""

    def __init__(
        self,
        model: PreTrainedModel,
        caches: Sequence[DynamicCache],
        n: int,
        width: int,
        max_tokens: int,
        mask: torch.Tensor | None,
    ) -> None:
        """Continue from the ``caches`` of the prompts' parts, with each prompt ``n`` times.

        Prompts end at position ``width``; ``max_tokens`` further positions can be filled. ``mask``
        [rows, width + max_tokens] is 0 at padding; None if there is no padding.
        """
        self._model = model
        self._cache = from_prompts(GrowingLayer, caches, n, width, max_tokens)
        self._mask = mask
        self._filled = width

    def __call__(self, last: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        """Compute the tokens ``last`` [rows] at their positions ``position`` [rows]. Returns the
        logits of the next tokens [rows, vocabulary]."""
        self._filled += 1
        mask = None if self._mask is None else self._mask[:, : self._filled]
        return _logits(self._model, last[:, None], position[:, None], mask, self._cache)

    def close_gaps(self, holes: torch.Tensor, movers: torch.Tensor, remaining: int) -> None:
        """Move rows ``movers`` to the places ``holes`` of ended rows; the first ``remaining`` rows
        remain."""
        for layer in self._cache.layers:
            layer.close_gaps(holes, movers, remaining)
        if self._mask is not None:
            self._mask[holes] = self._mask[movers]
            self._mask = self._mask[:remaining]


class Static:
    """Passes over buckets of rows and positions, captured from a bucket's second pass on."""

    def __init__(
        self,
        model: PreTrainedModel,
        caches: Sequence[DynamicCache],
        n: int,
        width: int,
        max_tokens: int,
        mask: torch.Tensor | None,
        capture: Capture,
    ) -> None:
        """Continue from the prompts. ``capture`` captures a pass (`capture_for`); the other
        arguments are those of `Growing`."""
        device = model.device
        self._model = model
        self._capture: Capture | None = capture
        self._total = width + max_tokens
        self._filled = width
        self._offset = torch.tensor([width], device=device)
        self._cache = from_prompts(FixedLayer, caches, n, width, max_tokens)
        rows = self._cache.layers[0].keys.shape[0]
        self._ids = torch.zeros((rows, 1), dtype=torch.long, device=device)
        self._position = torch.zeros_like(self._ids)
        # Always a mask: it hides the bucket's positions that are not filled yet.
        ones = torch.ones((rows, self._total), dtype=torch.long, device=device)
        self._mask = ones if mask is None else mask
        self._sizes = _halves(rows)
        self._bucket = (0, 0)
        """Rows and positions of the current bucket."""
        self._passes = 0
        """Passes made in the current bucket."""
        self._replay: Run | None = None
        """Captured pass of the current bucket."""
        self._logits = torch.empty(0)
        """Result of the last pass; a captured pass writes to the same address again."""

    def __call__(self, last: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        """Compute the tokens ``last`` [rows] at their positions ``position`` [rows]. Returns the
        logits of the next tokens [rows, vocabulary], which the next call overwrites."""
        # Only the contents of the buffers change, never their addresses: a graph reads from there.
        live = len(last)
        self._ids[:live, 0] = last
        self._position[:live, 0] = position
        self._offset.fill_(self._filled)
        self._filled += 1
        self._enter(live)
        # A bucket's first pass runs uncaptured: kernels compile and libraries allocate in it, which
        # a capture does not allow.
        if self._replay is None and self._passes and self._capture is not None:
            try:
                self._replay = self._capture(self._pass)
            except Exception as error:  # noqa: BLE001  # models and CUDA raise errors of any type
                self._capture = None
                refuse(self._model, error)
        if self._replay is None:
            self._pass()
        else:
            self._replay()
        self._passes += 1
        return self._logits[:live]

    def close_gaps(self, holes: torch.Tensor, movers: torch.Tensor, remaining: int) -> None:
        """Move rows ``movers`` to the places ``holes`` of ended rows; the first ``remaining`` rows
        are read from now on."""
        if len(holes):
            for layer in self._cache.layers:
                layer.move(holes, movers, self._filled)
            self._mask[holes] = self._mask[movers]

    def _enter(self, live: int) -> None:
        """Set the smallest bucket that holds ``live`` rows and the filled positions."""
        rows = min(size for size in self._sizes if size >= live)
        positions = min(self._total, -(-self._filled // _POSITIONS) * _POSITIONS)
        if (rows, positions) != self._bucket:
            self._bucket, self._passes, self._replay = (rows, positions), 0, None
            for layer in self._cache.layers:
                layer.show(rows, positions, self._offset)

    def _pass(self) -> None:
        rows, positions = self._bucket
        mask = self._mask[:rows, :positions]
        self._logits = _logits(
            self._model, self._ids[:rows], self._position[:rows], mask, self._cache
        )


def _logits(
    model: PreTrainedModel,
    ids: torch.Tensor,
    position: torch.Tensor,
    mask: torch.Tensor | None,
    cache: Cache,
) -> torch.Tensor:
    logits: torch.Tensor = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=position,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]
    return logits


def _halves(rows: int) -> list[int]:
    """Return ``rows``, half of it, a quarter, and so on down to 1."""
    sizes = [rows]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    return sizes
