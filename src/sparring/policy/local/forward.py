"""One token for every row, over buffers that keep their addresses and sizes.

`Growing` computes exactly what is there: one position more at each token, one
row less at each end. `Static` computes a *bucket*: rows up to the next half
of those at the start, positions up to the next multiple of `_POSITIONS`. What
of it is not there is masked, or is a row that nobody reads. Within a bucket
every token asks the same of the device, so that it can be captured
(`capture`) and asked for again at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache

from sparring.policy.local.cache import FixedLayer, GrowingLayer, from_prompts
from sparring.policy.local.capture import Capture, Run, refuse

_POSITIONS = 256
"""Positions of a bucket are a multiple of it. A new bucket costs two passes without capture."""


class Growing:
    """Passes over the rows that go on and the positions that are filled."""

    def __init__(
        self,
        model: PreTrainedModel,
        caches: Sequence[DynamicCache],
        n: int,
        width: int,
        room: int,
        mask: torch.Tensor | None,
    ) -> None:
        """Go on from the ``caches`` of the prompts' parts, each prompt ``n`` times, at the right
        of ``width`` positions; ``room`` more can be filled. ``mask`` [rows, width + room] is of
        the positions that are no padding; None if all are."""
        self._model = model
        self._cache = from_prompts(GrowingLayer, caches, n, width, room)
        self._mask = mask
        self._filled = width

    def __call__(self, last: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        """Logits [rows, vocabulary] after the tokens ``last`` [rows] at these places of theirs."""
        self._filled += 1
        mask = None if self._mask is None else self._mask[:, : self._filled]
        return _logits(self._model, last[:, None], position[:, None], mask, self._cache)

    def close_gaps(self, holes: torch.Tensor, movers: torch.Tensor, left: int) -> None:
        """As in `GrowingLayer.close_gaps`."""
        for layer in self._cache.layers:
            layer.close_gaps(holes, movers, left)
        if self._mask is not None:
            self._mask[holes] = self._mask[movers]
            self._mask = self._mask[:left]


class Static:
    """Passes over buckets of rows and positions, captured from the second of a bucket on."""

    def __init__(
        self,
        model: PreTrainedModel,
        caches: Sequence[DynamicCache],
        n: int,
        width: int,
        room: int,
        mask: torch.Tensor | None,
        capture: Capture,
    ) -> None:
        """As `Growing`; ``capture`` as in `capture_for`."""
        device = model.device
        self._model = model
        self._capture: Capture | None = capture
        self._total = width + room
        self._filled = width
        self._offset = torch.tensor([width], device=device)
        self._cache = from_prompts(FixedLayer, caches, n, width, room)
        rows = self._cache.layers[0].keys.shape[0]
        self._ids = torch.zeros((rows, 1), dtype=torch.long, device=device)
        self._position = torch.zeros_like(self._ids)
        whole = torch.ones((rows, self._total), dtype=torch.long, device=device)
        self._mask = whole if mask is None else mask
        self._sizes = _halves(rows)
        self._bucket = (0, 0)
        self._passes = 0
        self._again: Run | None = None
        self._found = torch.empty(0)

    def __call__(self, last: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        """See `Growing`. The result is overwritten by the next call."""
        live = len(last)
        self._ids[:live, 0] = last
        self._position[:live, 0] = position
        self._offset.fill_(self._filled)
        self._filled += 1
        self._enter(live)
        if self._again is None and self._passes and self._capture is not None:
            try:
                self._again = self._capture(self._pass)
            except Exception as error:  # noqa: BLE001  # what a model or CUDA raises has no common type
                self._capture = None
                refuse(self._model, error)
        if self._again is None:
            self._pass()
        else:
            self._again()
        self._passes += 1
        return self._found[:live]

    def close_gaps(self, holes: torch.Tensor, movers: torch.Tensor, left: int) -> None:
        """Put rows ``movers`` in the places of ``holes``; the first ``left`` rows are read."""
        if len(holes):
            for layer in self._cache.layers:
                layer.move(holes, movers, self._filled)
            self._mask[holes] = self._mask[movers]

    def _enter(self, live: int) -> None:
        """The bucket for so many rows and what is filled now."""
        rows = min(size for size in self._sizes if size >= live)
        positions = min(self._total, -(-self._filled // _POSITIONS) * _POSITIONS)
        if (rows, positions) != self._bucket:
            self._bucket, self._passes, self._again = (rows, positions), 0, None
            for layer in self._cache.layers:
                layer.show(rows, positions, self._offset)

    def _pass(self) -> None:
        rows, positions = self._bucket
        mask = self._mask[:rows, :positions]
        self._found = _logits(
            self._model, self._ids[:rows], self._position[:rows], mask, self._cache
        )


def _logits(
    model: PreTrainedModel,
    ids: torch.Tensor,
    position: torch.Tensor,
    mask: torch.Tensor | None,
    cache: Cache,
) -> torch.Tensor:
    found: torch.Tensor = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=position,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]
    return found


def _halves(rows: int) -> list[int]:
    """``rows``, half of them, and so on to 1."""
    sizes = [rows]
    while sizes[-1] > 1:
        sizes.append((sizes[-1] + 1) // 2)
    return sizes
