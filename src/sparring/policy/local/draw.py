"""Drawing tokens: a stream of uniform numbers for each response, and the token each one means.

A token is found by inverting the cumulative distribution at a uniform number
that depends on the prompt's seed, the response's index and the token's place
alone. So a response is a function of the logits and of nothing that is
sampled beside it. Nothing is cut off here (`cut` does that, for evaluation).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from sparring.policy.base import Prompt

_AT_ONCE = 1 << 18
"""Probabilities taken at once on a CPU. A whole batch's would leave the cache, and at each token
its memory is asked of the system again: with 64 rows of 49,152 that is eight times as slow."""
_BLOCK = 128
"""Tokens of a block. Of a large vocabulary on a CPU a block is chosen first, then a token of it.
What real vocabularies are padded to is a multiple of it."""
_LARGE = 1 << 15
"""Below so many tokens blocks save nothing."""


def uniforms(prompts: Sequence[Prompt], n: int, room: int, first: int = 0) -> np.ndarray:
    """Uniform numbers in [0, 1) [prompts × n, room], a stream of its own for each response;
    the responses of a prompt are numbered from ``first``."""
    return np.stack(
        [
            np.random.Generator(np.random.Philox(key=[p.seed, index])).random(room)
            for p in prompts
            for index in range(first, first + n)
        ]
    )


def draw(
    logits: torch.Tensor, temperature: torch.Tensor | None, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens [rows] and their log-probs [rows] of ``logits`` [rows, vocabulary] by ``uniform``
    [rows], float64. ``temperature`` is [rows], or None where it is 1 for all; 0 takes the
    likeliest token.

    Summed in float64: with a vocabulary of 150,000, a float32 sum is off by
    more than the probability of a rare token.
    """
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
    return torch.cat([tokens for tokens, _ in parts]), torch.cat([found for _, found in parts])


def _draw(
    logits: torch.Tensor, temperature: torch.Tensor | None, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    scaled = _scaled(logits, temperature)
    logprobs = torch.log_softmax(scaled, dim=-1)
    cumulative = logprobs.exp().cumsum(-1, dtype=torch.float64)
    target = (uniform * cumulative[:, -1])[:, None]
    chosen = torch.searchsorted(cumulative, target, right=True)
    chosen = _greedy(chosen.clamp_(max=logits.shape[-1] - 1), logits, temperature)
    return chosen[:, 0], logprobs.gather(1, chosen)[:, 0]


def _draw_by_blocks(
    logits: torch.Tensor, temperature: torch.Tensor | None, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `_draw`, with only the sums of blocks and the tokens of one block added up in float64."""
    scaled = _scaled(logits, temperature)
    probability = torch.softmax(scaled, -1).view(len(logits), -1, _BLOCK)
    sums = probability.sum(-1).double()
    block, left = _find(sums.cumsum(-1), uniform[:, None])
    inner = probability[torch.arange(len(block)), block[:, 0]].cumsum(-1, dtype=torch.float64)
    inside, _ = _find(inner, left / sums.gather(1, block))
    chosen = _greedy(block * _BLOCK + inside, logits, temperature)
    # Not the logarithm of its probability, which float32 may have rounded to 0.
    highest = probability.amax((1, 2)).double() / sums.sum(-1)
    below = (scaled.gather(1, chosen) - scaled.amax(-1, keepdim=True))[:, 0]
    return chosen[:, 0], (below + highest.log()).float()


def _scaled(logits: torch.Tensor, temperature: torch.Tensor | None) -> torch.Tensor:
    if temperature is None:
        return logits.float()
    return logits.float() / torch.where(temperature == 0, 1.0, temperature)[:, None]


def _find(cumulative: torch.Tensor, share: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where ``cumulative`` [rows, places] reaches these shares [rows, 1] of its end, always a place
    that adds something, and how much of it is left there."""
    end = cumulative[:, -1:]
    target = torch.minimum(share * end, torch.nextafter(end, torch.zeros_like(end))).clamp_(min=0)
    place = torch.searchsorted(cumulative, target, right=True)
    before = cumulative.gather(1, (place - 1).clamp_(min=0))
    return place, target - torch.where(place == 0, 0.0, before)


def _greedy(
    chosen: torch.Tensor, logits: torch.Tensor, temperature: torch.Tensor | None
) -> torch.Tensor:
    """Those ``chosen`` [rows, 1], but the likeliest tokens where ``temperature`` is 0."""
    if temperature is None:
        return chosen
    return torch.where((temperature == 0)[:, None], logits.argmax(-1, keepdim=True), chosen)
