"""Truncation of a distribution by top-k and top-p, for evaluation only.

Training refuses both: log-probs of a truncated distribution say nothing about removed tokens, and
another policy would have removed others. The steps have the order of the common samplers. First the
temperature is applied. Then the k likeliest tokens are kept. Of these, taken from the likeliest
down, the smallest number whose probabilities sum to p is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Cut:
    """Truncation of a distribution. ``top_k`` 0 and ``top_p`` 1 keep every token."""

    top_p: float = 1.0
    top_k: int = 0

    @property
    def nothing(self) -> bool:
        """Return whether every token is kept."""
        return self.top_p >= 1 and not self.top_k


def cut_logits(logits: torch.Tensor, temperature: torch.Tensor | None, cut: Cut) -> torch.Tensor:
    """Return ``logits`` [rows, vocabulary] in float32, with −inf for removed tokens.

    ``temperature`` is [rows], or None if it is 1 for all. The likeliest token always stays, so rows
    of temperature 0 draw the same token as without truncation. Among equal logits at the boundary,
    top-k keeps all of them, and top-p keeps the tokens with the lowest ids.
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
        # A token stays while the likelier tokens together have less than p. So the token that
        # reaches p stays.
        before = probability.cumsum(-1) - probability
        removed = torch.zeros_like(kept, dtype=torch.bool).scatter_(1, order, before >= cut.top_p)
        kept = kept.masked_fill(removed, -math.inf)
    return kept
