"""Drawing of tokens: a stream of uniform numbers for each response, and a token for each number.

A token is drawn by inverting the cumulative distribution at a uniform number. The number depends
only on the prompt's seed, the response's index and the token's place. So a response is a function
of its logits, whatever else is sampled beside it. Truncation for evaluation is in `cut`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from sparring.policy.base import Prompt

_AT_ONCE = 1 << 18
"""Number of probabilities computed in one piece on a CPU. The probabilities of a full batch do not
fit into the cache, and the system allocates their memory anew at each token. With 64 rows of 49,152
tokens a full batch is eight times as slow."""
_BLOCK = 128
"""Tokens of a block. On a CPU, drawing from a large vocabulary chooses first a block and then a
token in it. The sizes to which real vocabularies are padded are multiples of this."""
_LARGE = 1 << 15
"""Smallest vocabulary for which blocks save time."""


def uniforms(prompts: Sequence[Prompt], n: int, max_tokens: int, first: int = 0) -> np.ndarray:
    """Return uniform numbers in [0, 1) [prompts × n, max_tokens], an independent stream for each
    response. The responses to a prompt have the indices from ``first`` on."""
    return np.stack(
        [
            np.random.Generator(np.random.Philox(key=[p.seed, index])).random(max_tokens)
            for p in prompts
            for index in range(first, first + n)
        ]
    )


def draw(
    logits: torch.Tensor, temperature: torch.Tensor | None, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a token for each row. Returns tokens [rows] and their log-probs [rows].

    ``logits`` is [rows, vocabulary]; ``uniform`` [rows] is float64. ``temperature`` is [rows], or
    None if it is 1 for all; at 0 the likeliest token is taken.
    """
    # The cumulative distribution is summed in float64 below: over 150,000 tokens, a float32 sum is
    # off by more than the probability of a rare token.
    rows, vocabulary = logits.shape
    if logits.device.type != "cpu":
        return _draw(logits, temperature, uniform)
    blocks = vocabulary >= _LARGE and vocabulary % _BLOCK == 0
    draw_some = _draw_by_blocks if blocks else _draw
    step = max(1, _AT_ONCE // vocabulary)
    parts = [
        draw_some(
            logits[i : i + step],
            None if temperature is None else temperature[i : i + step],
            uniform[i : i + step],
        )
        for i in range(0, rows, step)
    ]
    return torch.cat([tokens for tokens, _ in parts]), torch.cat([values for _, values in parts])


def _draw(
    logits: torch.Tensor, temperature: torch.Tensor | None, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw tokens from the cumulative distribution over the full vocabulary; see `draw`."""
    scaled = _scaled(logits, temperature)
    logprobs = torch.log_softmax(scaled, dim=-1)
    cumulative = logprobs.exp().cumsum(-1, dtype=torch.float64)
    # The sum is not exactly 1, so the uniform number is scaled to it.
    target = (uniform * cumulative[:, -1])[:, None]
    chosen = torch.searchsorted(cumulative, target, right=True)
    # Rounding may raise `target` to the sum itself. The last token is then chosen, not a place
    # behind it.
    chosen = _greedy(chosen.clamp_(max=logits.shape[-1] - 1), logits, temperature)
    return chosen[:, 0], logprobs.gather(1, chosen)[:, 0]


def _draw_by_blocks(
    logits: torch.Tensor, temperature: torch.Tensor | None, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw tokens in two stages, a block and then a token in it; see `draw`. Only the sums of
    blocks, and the tokens of one block, are accumulated in float64."""
    scaled = _scaled(logits, temperature)
    probability = torch.softmax(scaled, -1).view(len(logits), -1, _BLOCK)
    sums = probability.sum(-1).double()
    # `remainder` is the part of the target that lies within the block. As a share of the block's
    # sum it is the uniform number for the token.
    block, remainder = _find(sums.cumsum(-1), uniform[:, None])
    inner = probability[torch.arange(len(block)), block[:, 0]].cumsum(-1, dtype=torch.float64)
    inside, _ = _find(inner, remainder / sums.gather(1, block))
    chosen = _greedy(block * _BLOCK + inside, logits, temperature)
    # The log-prob is the distance to the largest logit plus the log-prob of that token. The
    # logarithm of the token's own probability would fail where float32 has rounded it to 0.
    highest = probability.amax((1, 2)).double() / sums.sum(-1)
    below = (scaled.gather(1, chosen) - scaled.amax(-1, keepdim=True))[:, 0]
    return chosen[:, 0], (below + highest.log()).float()


def _scaled(logits: torch.Tensor, temperature: torch.Tensor | None) -> torch.Tensor:
    """Return float32 logits divided by the temperature; a temperature of 0 counts as 1."""
    if temperature is None:
        return logits.float()
    return logits.float() / torch.where(temperature == 0, 1.0, temperature)[:, None]


def _find(cumulative: torch.Tensor, share: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the place at which ``cumulative`` [rows, places] exceeds ``share`` [rows, 1] of its last
    value. Returns the place [rows, 1] and the part of the target that lies within it [rows, 1]."""
    end = cumulative[:, -1:]
    # The target stays below the last value, so that the search never returns a place behind the
    # end, nor one of probability 0.
    target = torch.minimum(share * end, torch.nextafter(end, torch.zeros_like(end))).clamp_(min=0)
    place = torch.searchsorted(cumulative, target, right=True)
    before = cumulative.gather(1, (place - 1).clamp_(min=0))
    return place, target - torch.where(place == 0, 0.0, before)


def _greedy(
    chosen: torch.Tensor, logits: torch.Tensor, temperature: torch.Tensor | None
) -> torch.Tensor:
    """Return ``chosen`` [rows, 1], with the likeliest token in rows of temperature 0."""
    if temperature is None:
        return chosen
    return torch.where((temperature == 0)[:, None], logits.argmax(-1, keepdim=True), chosen)
