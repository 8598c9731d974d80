"""Cutting a distribution: top-k and top-p. For evaluation only.

Training refuses both: log-probs of a cut distribution say nothing about tokens
that were cut away, and another policy would have cut others. The order is that
of the common samplers: temperature, then the k likeliest tokens, then of their
distribution the fewest, likeliest first, that together have p.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Cut:
    """What is kept of a distribution. ``top_k`` 0 keeps every token, ``top_p`` 1 too."""

    top_p: float = 1.0
    top_k: int = 0

    @property
    def nothing(self) -> bool:
        return self.top_p >= 1 and not self.top_k


def cut_logits(logits: torch.Tensor, temperature: torch.Tensor | None, cut: Cut) -> torch.Tensor:
    """``logits`` [rows, vocabulary] in float32, −inf where a token is cut away.

    ``temperature`` is [rows], None where it is 1 for all. The likeliest token always stays, so
    rows of temperature 0 are not changed by it. Among equal logits at the edge, all stay for
    top-k and the first by id for top-p.
    """
    kept = logits.float()
    if cut.top_k and cut.top_k < kept.shape[-1]:
        edge = kept.topk(cut.top_k, dim=-1).values[:, -1:]
        kept = kept.masked_fill(kept < edge, -math.inf)
    if cut.top_p < 1:
        scaled = kept
        if temperature is not None:
            scaled = kept / torch.where(temperature == 0, 1.0, temperature)[:, None]
        order = scaled.argsort(dim=-1, descending=True, stable=True)
        probability = scaled.gather(1, order).double().softmax(-1)
        before = probability.cumsum(-1) - probability
        gone = torch.zeros_like(kept, dtype=torch.bool).scatter_(1, order, before >= cut.top_p)
        kept = kept.masked_fill(gone, -math.inf)
    return kept
